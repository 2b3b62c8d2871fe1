"""What shops call things: Czech, Slovak, English, Hungarian, Polish, Romanian, German.

Names are written without case, accents and signs; those that stand first say it most clearly.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ORDER_NAMES = frozenset(
    _words("order objednavka bestellung auftrag rendeles zamowienie comanda purchaseorder salesorder")
)

HEADER: Mapping[str, tuple[str, ...]] = {
    "number": _words(
        "ordernumberformatted ordernumber ordercode orderno ordernr cisloobjednavky cisloobj kodobjednavky "
        "objednavkacislo rendelesszam rendelesszama rendelesazonosito numerzamowienia nrzamowienia numarcomanda "
        "nrcomanda bestellnummer bestellnr auftragsnummer innerid headercode headernumber reference number code "
        "cislo numer numar nummer kod szam orderid id"
    ),
    "ordered_at": _words(
        "orderdate orderedat ordercreated datecreated createdat dateadd dateadded created createddate "
        "creationdate "
        "creationtime orderdatetime datumobjednavky datumvytvoreni datumvytvorenia vytvoreno vytvorene "
        "rendelesdatuma rendelesideje datazamowienia datazlozenia datacomanda datacomenzii bestelldatum "
        "auftragsdatum purchasedate placedat date datum data kelt"
    ),
    "currency": _words(
        "currencycode ordercurrency currencyisocode currencyiso currency kodmeny menakod mena waehrung "
        "waehrungscode standardwaehrung deviza penznem valuta waluta moneda"
    ),
    "status": _words(
        "statusname statustext orderstatus orderstatusname status stavobjednavky stav allapot statusz "
        "statuszamowienia starecomanda stare bestellstatus state"
    ),
    "exchange_rate": _words(
        "exchangerate conversionrate currencyrate kurzmeny kurz kurs arfolyam cursvalutar wechselkurs"
    ),
    "customer_note": _words(
        "customernote buyernote ordernote poznamkazakaznika remark comment comments note poznamka poznamky "
        "megjegyzes vevomegjegyzes uwagi komentarz observatii bemerkung kommentar anmerkung message"
    ),
    "shop_note": _words(
        "shopremark internalnote shopnote adminnote internipoznamka internapoznamka belsomegjegyzes notainterna "
        "interneanmerkung uwagisklepu"
    ),
    "payment.name": _words(
        "paymentmethodname paymentmethodtitle paymentname paymenttitle paymentmethod paymenttype payment "
        "zpusobplatby nazevplatby platbanazev zpusobuhrady formauhrady sposobplatby platba fizetesimod "
        "fizetesmodja "
        "formaplatnosci metodaplatnosci platnosc metodadeplata metodaplata modalitateplata zahlungsart "
        "zahlungsweise zahlungart billingmethod"
    ),
    "payment.code": _words("paymentmethodcode paymentmethodid paymentcode paymentid paymentmodule module"),
    "payment.paid": _words(
        "paidyn ispaid paid zaplaceno zaplatene uhrazeno kifizetve fizetve oplacone oplacono achitat bezahlt"
    ),
    "shipping.name": _words(
        "shippingmethodname shippingmethodtitle shippingname shippingmethod deliverymethodname deliverymethod "
        "deliveryname deliverytype shipmentname carriername carrier zpusobdopravy nazevdopravy dopravanazev "
        "zpusobdoruceni sposobdopravy sposobdorucenia doprava szallitasimod szallitasmodja sposobdostawy "
        "formadostawy nazevpostovne postovne dostawa metodalivrare modlivrare livrare curier versandart "
        "lieferart shipment shipping"
    ),
    "shipping.pickup_point": _words(
        "pickupplace pickuppointid pickuppoint pickuppointcode packetabranchid parcelshopid branchid pobockaid "
        "vydejnimisto vydajnemiesto atvevohely atvetelipont csomagpont punktodbioru paczkomat punctridicare "
        "shippingreceivingpointid pickpackpontshopcode dpdparcelshopid abholstelle"
    ),
    "shipping.package_number": _words(
        "packagenumber packageno trackingnumber trackingcode tracking shippingnumber cislozasilky cislozasielky "
        "csomagszam numerprzesylki awbnumber awb sendungsnummer paketnummer"
    ),
}
"""Fields of the order itself. `payment.code` is the shop's own code of a payment, for the lookup."""

GENERIC = frozenset(_words("value text name code iso iso2 isocode isocode2 date datum number title"))
"""Names that say nothing alone: what they stand in counts."""

PARTY: Mapping[str, tuple[str, ...]] = {
    "name": _words(
        "fullname name jmenoaprijmeni jmenoprijmeni menoapriezvisko jmeno celejmeno nev teljesnev imienazwisko "
        "imieinazwisko nume numecomplet nameundvorname"
    ),
    "first": _words(
        "firstname vorname krestnijmeno krstnemeno imie prenume keresztnev utonev givenname jmeno meno"
    ),
    "last": _words("lastname surname nachname prijmeni priezvisko nazwisko vezeteknev familyname numefamilie"),
    "company": _words(
        "company companyname firma firmenname firmanazev nazevfirmy nazovfirmy cegnev ceg nazwafirmy nazwa "
        "spolecnost spolocnost companie numefirma organization"
    ),
    "street": _words(
        "street street1 streetname address1 addressline1 address ulice ulica ulicaacislo ulicecp strasse "
        "strassehausnr utca cim cim1 adres adresa adresa1 strada line1"
    ),
    "street2": _words("address2 addressline2 street2 cim2 adresa2 line2 adresszusatz"),
    "house": _words(
        "housenumber houseno streetnumber cislopopisne cislodomu popisnecislo hausnummer hausnr hazszam nrdomu "
        "numerdomu numarstrada buildingnumber"
    ),
    "city": _words("city town mesto obec ort stadt varos telepules helyseg miasto miejscowosc oras localitate"),
    "postcode": _words(
        "postcode zip zipcode postalcode psc plz postleitzahl irsz iranyitoszam kodpocztowy codpostal"
    ),
    "region": _words("region state zonename zone province kraj okres bundesland megye wojewodztwo judet county"),
    "country_code": _words(
        "countrycode countryiso countryisocode countryiso2 isocode2 kodzeme zemekod statkod laendercode landcode "
        "orszagkod krajkod kodkraju codtara"
    ),
    "country": _words("country countryname zeme stat krajina land orszag orszagnev panstwo kraj tara"),
    "company_id": _words(
        "companyid ico ic icocislo companynumber registrationnumber regon nrregcom cegjegyzekszam dni siret"
    ),
    "vat_id": _words(
        "vatid vatnumber dic icdph ustid ustidnr umsatzsteuerid nip cui cif euadoszam kozossegiadoszam vat taxid "
        "vatregnumber dicdph"
    ),
    "tax_id": _words("taxnumber adoszam steuernummer diccislo danovecislo"),
    "email": _words("email mail emailaddress eposta emailovaadresa adresaemail"),
    "phone": _words(
        "phone phonenumber phonemobile telephone tel telefon telefonszam mobil mobile mobilephone gsm"
    ),
}

BILLING = _words("billing bill invoice payment fakturac faktur szamlaz rechnung facturare factur platnik platce")
DELIVERY = _words(
    "shipping shipto delivery deliver dodac dodan doruc szallit lieferadresse liefer livrare dostaw dostaw odbior "
    "recipient prijemce postal"
)
CUSTOMER = _words(
    "customer buyer client klient zakaznik kunde vevo vasarlo odberatel purchaser nabywca cumparator"
)

LINES = _words(
    "item items line lines row rows product products article artikel position polozka polozky produkt zbozi tovar "
    "tetel termek pozycja towar articol produs lineitem orderline orderproduct"
)
"""Words of which one stands in the name of an element that holds a row of an order."""

ROW_COLUMNS = _words("item product polozk zbozi tovar termek tetel artikel towar produs sku quantity qty mnozstv")
"""Words in the names of columns that belong to a row of an order, in a table."""

ROW_PREFIXES = _words(
    "orderitem orderline orderproduct lineitem item line row product polozka polozky produkt artikel"
)

LINE: Mapping[str, tuple[str, ...]] = {
    "kind": _words("type itemtype linetype rowtype typ typpolozky kind tipus rodzaj tip"),
    "sku": _words(
        "sku productcode itemcode code productreference reference productnumber itemnumber articlenumber "
        "artikelnummer artikelnr artnr kod kodzbozi kodproduktu katalogovecislo cikkszam termekkod kodtowaru "
        "symbol "
        "codprodus cod catalognumber modelnumber model"
    ),
    "ean": _words("ean ean13 productean13 productean gtin barcode carovykod ciarovykod vonalkod codbare upc"),
    "name": _words(
        "name productname itemname title producttitle description nazev nazevzbozi nazevproduktu nazov nev "
        "termeknev "
        "megnevezes nazwa nazwatowaru denumire numeprodus bezeichnung produktname artikelname"
    ),
    "variant": _words(
        "variantname variant variantdescription variation varianta meta options meret wariant varianta variante"
    ),
    "quantity": _words(
        "quantity qty productquantity orderedquantity itemquantity count pocet pocetkusu mnozstvi mnozstvo kusu "
        "mennyiseg darab db ilosc cantitate anzahl menge pieces pcs amount"
    ),
    "unit": _words(
        "unit unitname measureunit mj jednotka mernajednotka egyseg mennyisegiegyseg jm jednostka um einheit"
    ),
    "discount_percent": _words("discountpercent discount sleva zlava kedvezmeny rabat rabatt reducere"),
    "note": _words("note comment poznamka megjegyzes uwagi bemerkung"),
}

NET = _words(
    "withoutvat withouttax exclvat vatexcl taxexcl excltax exvat netto bezdph bezdane nettopreis faratva novat "
    "notax excludingvat excludingtax net"
)
GROSS = _words(
    "withvat withtax inclvat vatincl taxincl incltax brutto gross sdph sdani sdanou inkl cutva zvat includingvat "
    "includingtax wt"
)
RATE = _words(
    "vatrate taxrate ratevat vatpercent taxpercent sazbadph dphsazba sadzbadph procentodph dphprocent afakulcs "
    "afaszazalek stawkavat vatstawka cotatva steuersatz mwstsatz ustsatz vatvalue taxvalue"
)
VAT = _words("vat tax dph afa mwst steuer tva")
ROUNDING = _words("round zaokrouh zaokruh kerekit rotunjir rundung zaokragl totalpricerest")
TO_PAY = _words("topay amountdue kuhrade fizetendo dozaplaty deplata zahlbetrag zbyva")
TOTAL = _words(
    "total sum celkem celkom celkova spolu osszes vegosszeg osszeg gesamt summe suma wartosc razem grand linetotal"
)
PRICE = _words("price preis cena egysegar einzelpreis pret ar unitprice amount castka ciastka kwota betrag value")
PART = _words("product zbozi tovar termek subtotal cart ware wrapping baleni earning weight produkty sub vaha")
"""Words of sums that are a part of the order's total only."""
CHARGES: Mapping[str, tuple[str, ...]] = {
    "discount": _words("discount coupon sleva slev zlava kedvezmeny rabat rabatt reducere voucher kupon"),
    "shipping": _words(
        "shipping shipment delivery postovn doprav dorucen szallit versand liefer dostaw livrar transport freight "
        "postage"
    ),
    "payment": _words("payment platb fizetes zahlung platnosc plata dobirk dobierk utanvet codfee billing"),
}

KINDS: Mapping[str, tuple[str, ...]] = {
    "shipping": (*CHARGES["shipping"], "carrier"),
    "payment": CHARGES["payment"],
    "discount": CHARGES["discount"],
    "rounding": ROUNDING,
    "gift": _words("gift darek darcek ajandek prezent cadou geschenk"),
    "service": _words("service sluzba szolgaltatas usluga serviciu dienst"),
    "product": _words(
        "product item goods zbozi tovar termek towar produs artikel ware bazar set variant line simple"
    ),
}

METHODS: Mapping[str, tuple[str, ...]] = {
    "card_on_delivery": _words("cardondelivery kartouprivzeti kartoupriprevzeti kartouprizabrati kartounadobirku"),
    "cash_on_delivery": _words("cod cashondelivery dobirk dobierk utanvet zapobraniem pobranie ramburs nachnahme"),
    "instalments": _words("instal splatk reszlet raty rate leasing cofidis essox ratenkauf"),
    "online": _words(
        "online paypal gopay comgate thepay payu stripe barion simplepay applepay googlepay przelewy24 p24 blik "
        "klarna sofort netopia trustpay"
    ),
    "card": _words("card kart creditcard kreditkarte"),
    "bank_transfer": _words(
        "transfer prevod bank wire vopred predem atutalas przelew viramentbancar virament vorkasse ueberweisung "
        "uberweisung bacs cheque"
    ),
    "cash": _words("cash hotov keszpenz gotowka numerar barzahlung bar"),
    "invoice": _words("invoice faktur szamla factura rechnung"),
    "voucher": _words("voucher poukaz utalvany bon gutschein"),
    "free": _words("free zdarma zadarmo ingyen"),
}

CARRIERS: Mapping[str, tuple[str, ...]] = {
    "packeta": _words("zasilkovn zasielkovn packeta zbox csomagkuldo"),
    "balikovna": _words("balikovn"),
    "slovenska_posta": _words("slovenskaposta"),
    "ceska_posta": _words("ceskaposta baliknapostu balikdoruky"),
    "magyar_posta": _words("magyarposta mpl"),
    "poczta_polska": _words("pocztapolska pocztex"),
    "pick_pack_pont": _words("pickpackpont"),
    "personal_pickup": _words(
        "osobniodber osobnyodber osobnivyzvednuti szemelyesatvetel personalpickup localpickup odbiorosobisty "
        "ridicarepersonala selbstabholung pickupinstore"
    ),
    "ppl": _words("ppl"),
    "dpd": _words("dpd"),
    "gls": _words("gls"),
    "dhl": _words("dhl"),
    "ups": _words("ups"),
    "fedex": _words("fedex"),
    "wedo": _words("wedo intime"),
    "toptrans": _words("toptrans"),
    "geis": _words("geis"),
    "sps": _words("sps slovakparcelservice"),
    "inpost": _words("inpost paczkomat"),
    "orlen_paczka": _words("orlen"),
    "foxpost": _words("foxpost"),
    "express_one": _words("expressone"),
    "fan_courier": _words("fancourier fan"),
    "sameday": _words("sameday easybox"),
    "cargus": _words("cargus"),
    "electronic": _words("electronic elektronick email download"),
    "own_delivery": _words("vlastnidoprava vlastnadoprava rozvoz sajatkiszallitas"),
}

ZONES: Mapping[str, str] = {
    "CZ": "Europe/Prague", "SK": "Europe/Bratislava", "HU": "Europe/Budapest", "PL": "Europe/Warsaw",
    "RO": "Europe/Bucharest", "DE": "Europe/Berlin", "AT": "Europe/Vienna", "CZK": "Europe/Prague",
    "HUF": "Europe/Budapest", "PLN": "Europe/Warsaw", "RON": "Europe/Bucharest",
}  # fmt: skip
"""The time zone of a shop, by its country or its currency."""

CURRENCY_OF: Mapping[str, str] = {
    "CZ": "CZK", "HU": "HUF", "PL": "PLN", "RO": "RON", "US": "USD", "GB": "GBP", "CH": "CHF",
}  # fmt: skip
NUMERIC_CURRENCIES: Mapping[str, str] = {
    "978": "EUR", "203": "CZK", "348": "HUF", "985": "PLN", "946": "RON", "840": "USD", "826": "GBP", "756": "CHF",
}  # fmt: skip
"""ISO 4217 numbers that shops write instead of letters."""

DATE_PATTERNS = _words(
    "%d/%m/%Y|%H:%M:%S %m/%d/%Y|%H:%M:%S %d/%m/%Y|%H:%M %m/%d/%Y|%H:%M %d/%m/%Y %m/%d/%Y %Y/%m/%d %Y%m%d"
)
"""Patterns that are tried where a date is written in none of the usual ways; `|` is a blank."""
