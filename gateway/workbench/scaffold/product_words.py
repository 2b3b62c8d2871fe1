"""What price lists call things: Czech, Slovak, English, Hungarian, Polish, Romanian, German.

Names are written without case, accents and signs; those that stand first say it most clearly.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.workbench.scaffold.vocabulary import GROSS, HEADER, LINE, NET, RATE, VAT


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIELDS: Mapping[str, tuple[str, ...]] = {
    "sku": (
        *_words("sku kodzbozi kodproduktu kodpolozky kodkarty kodvyrobku kodtovaru productcode itemcode"),
        *LINE["sku"],
        *_words("cislozbozi cislokarty cislopolozky ids cislo symboltowaru termekazonosito plu id"),
    ),
    "ean": LINE["ean"],
    "name": (
        *(word for word in LINE["name"] if word != "description"),
        *_words("nazevpolozky nazevkarty nazevvyrobku nazovproduktu nazovtovaru nazwaproduktu"),
    ),
    "supplement": _words("supplement namecomplement doplneknazvu doplnek nazev2 doplnok nevkiegeszites nazwa2"),
    "warehouse": _words(
        "warehousecode warehouse kodskladu skladkod nazevskladu skladnazev sklad raktarkod raktar magazyn depozit "
        "gestiune lager storage store"
    ),
    "unit": (*LINE["unit"], *_words("mernajednotka jednotkamnozstvi")),
    "quantity": _words(
        "stockquantity quantity qty stavskladu mnozstvinasklade mnozstviskladem skladovamnozstvi stavzasoby "
        "stavzasob zasoba zasoby skladem naskladu mnozstvi mnozstvo pocetkusu stav pocet keszlet raktarkeszlet "
        "mennyiseg darab stanmagazynowy stan ilosc stoc cantitate bestand lagerbestand menge stock count"
    ),
    "available": _words(
        "availablequantity available kdispozici dispozici disponibilnimnozstvi disponibilni volnemnozstvi volne "
        "elerheto szabadkeszlet dostepne dostepnailosc disponibil verfuegbar"
    ),
    "reserved": _words(
        "reservedquantity reserved reservation rezervace rezervovanomnozstvi rezervovanemnozstvi rezervovano "
        "rezervovane rezervacia foglalt lefoglalt zarezerwowane rezerwacja rezervat rezervare reserviert"
    ),
    "manufacturer": _words(
        "manufacturer producer brand vyrobce vyrobca znacka gyarto marka producent producator hersteller vendor"
    ),
    "category": _words(
        "categorypath category categoryname kategorie kategoria skupinazbozi skupina sortiment termekkategoria "
        "csoport grupatowarowa grupa categorie kategorien warengruppe"
    ),
    "description": _words(
        "description longdescription dlouhypopis popiszbozi popis kratkypopis shortdescription leiras opis "
        "descriere beschreibung"
    ),
    "url": _words("producturl url link odkaz webadresa webovaadresa weblink"),
    "guarantee": _words("guarantee warranty zaruka zarukamesicu zarucnidoba garancia gwarancja garantie"),
    "weight": _words("weight hmotnost vaha tomeg suly waga greutate gewicht mass"),
    "delivery_days": _words("deliverydays deliverydate dodacilhuta dodaciadoba dobadodani szallitasiido"),
    "for_sale": _words("forsale issales prodejne prodej aktivni aktivny active aktiv aktywny activ"),
    "on_internet": _words("oninternet isinternet internet naeshop eshop webshop esklep naweb"),
    "currency": HEADER["currency"],
}
"""Fields of a product. `available` is what is there without what is promised."""

RATES = (*RATE, *VAT, *_words("sazba sazbadane sadzba sadzbadane stawka cota afamertek dphprocenta"))
PRICES = _words("price cena ceny preis ar egysegar pret cenaprodejni prodejnicena prodejcena")
"""Words of which one stands in the name of a price; short ones as a word of their own."""
SPECIAL = _words("special akcni akcna akce action akcios akcio promo promocyjna promotie aktion sale zlavnena")
OTHER = _words(
    "purchas buy cost nakup nakupni nakupna skladova porizovaci vazena beszerz beszerzesi zakup zakupu achizitie "
    "einkauf recykl recycling recyklacni puvodni povodna original old before bezna common doporucena msrp "
    "marze margin"
)
"""Words of prices that are not told to shops: what it cost, what it was once."""
PLAIN = frozenset(
    _words(
        "prodejni prodej predajna selling sell sales retail zakladni zakladna base basic unit mj jednotkova kus "
        "ks eladasi sprzedazy vanzare verkauf za per zbozi produkt product item the of"
    )
)
"""Words beside that of a price that say nothing of a level."""
TAX_WORDS = frozenset(
    {*_words("bez s so dph vat tax afa tva mwst incl excl inkl exkl with without nelkul nelkuli afas cu fara z")}
    | {"including", "excluding", "dane", "dani", "podatku", "podatkiem", "netto", "brutto", "net", "gross", "wt"}
    | set(NET)
    | set(GROSS)
)
LEVELS = _words(
    "level pricelevel hladina cenovahladina cenovaskupina szint arszint poziom nivel stufe name nazev nazov nev "
    "nazwa kod code ids typ type skupina"
)
"""Names of what a row of prices calls its level."""
IMAGES = _words(
    "image picture photo obraz obrazek obrazok foto fotografie kep zdjecie imagine poza bild img soubor"
)
