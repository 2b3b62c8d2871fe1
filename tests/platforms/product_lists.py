"""The product lists of the platforms: their samples, and what stands in them by a reading that is not ours.

The readings below are written by hand with lxml, json and Decimal, from the descriptions of the formats alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "samples"
VENDORS = ROOT.parent / "shared" / "formats" / "shops" / "samples"
_FOUR = Decimal("0.0001")
Element = Any


@dataclass(frozen=True)
class Row:
    """What a source says of one code. An amount is None where it does not say it, nor what it follows from.

    dated: the special price counts in certain days alone. awaited: it says from which day the product can be had.
    """

    sku: str
    gross: Decimal | None = None
    net: Decimal | None = None
    special_gross: Decimal | None = None
    special_net: Decimal | None = None
    dated: bool = False
    awaited: bool = False
    quantity: Decimal | None = None
    name: str = ""
    url: str = ""
    images: tuple[str, ...] = ()
    category: str = ""
    ean: str = ""
    currency: str = ""
    group: str = ""


@dataclass(frozen=True)
class Source:
    """One sample with the mapping that reads it. refused: the codes of records that are told and not read."""

    path: Path
    mapping: str
    rows: Callable[[Path, Mapping[str, str]], Iterator[Row]]
    settings: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tests call it."""
        return f"{self.path.parent.name}/{self.path.name.partition('__')[0]}"


def number(text: str | None) -> Decimal | None:
    """An amount as shops write it: `5 000,50`, `439.00 CZK`."""
    kept = "".join(each for each in (text or "") if each.isdigit() or each in ",.-").replace(",", ".")
    return Decimal(kept) if kept else None


def both(
    gross: Decimal | None, net: Decimal | None, rate: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The two sides of a price, the one that is missing worked out of the rate."""
    if rate is not None and gross is not None and net is None:
        net = (gross / (1 + rate / 100)).quantize(_FOUR, ROUND_HALF_UP)
    elif rate is not None and net is not None and gross is None:
        gross = (net * (1 + rate / 100)).quantize(_FOUR, ROUND_HALF_UP)
    return gross, net


def at(element: Element, *paths: str) -> str:
    """The first text that is there."""
    for path in paths:
        found = element.xpath(path)
        for each in found if isinstance(found, list) else [found]:
            text = str(each if isinstance(each, str | float) else "".join(each.itertext())).strip()
            if text:
                return text
    return ""


def every(element: Element, *paths: str) -> tuple[str, ...]:
    """All texts, in the order of the paths, each once."""
    found = [str(each.text or "").strip() for path in paths for each in element.xpath(path)]
    return tuple(dict.fromkeys(each for each in found if each))


def tree(path: Path) -> Element:
    """The root without namespaces."""
    root = etree.fromstring(path.read_bytes())
    for each in root.iter(etree.Element):
        each.tag = etree.QName(each).localname
    return root


def shoptet(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """SHOP/SHOPITEM: codes, prices and pieces stand at the product or at each of its variants."""
    root = tree(path)
    for item in [root] if root.tag == "SHOPITEM" else root.iter("SHOPITEM"):
        for part in item.findall("VARIANTS/VARIANT") or [item]:
            sku = at(part, "CODE", "EAN")
            if not sku:
                continue
            gross, net = both(number(at(part, "PRICE_VAT")), number(at(part, "PRICE")), number(at(part, "VAT")))
            lying = [number(each.text) or Decimal(0) for each in part.findall("STOCK/WAREHOUSES/WAREHOUSE/VALUE")]
            amount = number(at(part, "STOCK/AMOUNT"))
            yield Row(
                sku=sku,
                gross=gross,
                net=net,
                quantity=amount if amount is not None else sum(lying, Decimal(0)) if lying else None,
                name=at(item, "NAME"),
                images=every(item, "VARIANTS/VARIANT[CODE='" + sku + "']/IMAGE_REF", "IMAGES/IMAGE"),
                category=at(item, "CATEGORIES/DEFAULT_CATEGORY", "CATEGORIES/CATEGORY"),
                ean=at(part, "EAN"),
                currency=at(part, "CURRENCY") or "CZK",
                group=at(item, "EXTERNAL_ID") if part is not item else "",
            )


def upgates(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """PRODUCTS/PRODUCT: a variant has its own prices and pieces."""
    for item in tree(path).findall("PRODUCT"):
        for part in item.findall("VARIANTS/VARIANT") or [item]:
            price = part.find("PRICES/PRICE")
            rate = number(at(item, "VATS/VAT"))
            taxed, untaxed = number(at(item, ".//PRICE_WITH_VAT")), number(at(item, ".//PRICE_WITHOUT_VAT"))
            if rate is None and taxed and untaxed:
                rate = ((taxed / untaxed - 1) * 100).quantize(Decimal(1))
            gross, net = both(number(at(price, ".//PRICE_ORIGINAL")), None, rate)
            special_gross, special_net = both(number(at(price, ".//PRICE_SALE")), None, rate)
            yield Row(
                sku=at(part, "CODE"),
                gross=gross,
                net=net,
                special_gross=special_gross,
                special_net=special_net,
                quantity=number(at(part, "STOCK")),
                name=at(item, "DESCRIPTIONS/DESCRIPTION/TITLE"),
                url=at(item, "DESCRIPTIONS/DESCRIPTION/URL"),
                images=tuple(dict.fromkeys(every(part, "IMAGE_URL") + every(item, "IMAGES/IMAGE/URL"))),
                category=at(item, "CATEGORIES/CATEGORY[PRIMARY_YN='1']/NAME"),
                ean=at(part, "EAN"),
                currency=at(price, "CURRENCY"),
                group=at(item, "CODE") if part is not item else "",
            )


def shoprenter(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """response, or response/items/item: net prices, and what the default group of customers pays."""
    root = tree(path)
    for item in root.findall("items/item") or [root]:
        default = next(
            (each for each in item.findall("productPrices") if at(each, "customerGroup/default") == "1"), None
        )
        special = next(
            (
                each
                for each in item.findall("productSpecials")
                if at(each, "priority") == "10" and at(each, "minQuantity") in ("0", "1")
            ),
            None,
        )
        net, gross, rate = number(at(item, "price")), None, None
        if default is not None:
            net, gross = number(at(default, "netOriginal")), number(at(default, "grossOriginal"))
            assert net
            assert gross
            rate = ((gross / net - 1) * 100).quantize(Decimal(1))
        lowered = number(at(special, "price")) if special is not None else None
        if lowered is None and default is not None:
            lowered = number(at(default, "netSpecial"))
        special_gross, special_net = both(None, lowered, rate)
        yield Row(
            sku=at(item, "sku"),
            gross=gross,
            net=net,
            special_gross=special_gross,
            special_net=special_net,
            dated=special is not None and not at(special, "dateTo").startswith("0000"),
            quantity=sum((number(at(item, f"stock{n}")) or Decimal(0) for n in range(1, 5)), Decimal(0)),
            name=at(item, "productDescriptions/name"),
            url=at(item, "urlAliases/urlAlias"),
            images=every(item, "allImages/*") or every(item, "mainPicture"),
            ean=at(item, "gtin"),
            currency="HUF",
            group=at(item, "parentProduct/href").rpartition("/")[2].replace("=", ""),
        )


def heureka(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """SHOP/SHOPITEM of the comparison sites."""
    for item in tree(path).findall("SHOPITEM"):
        rate = number(at(item, "VAT"))
        if rate is not None and rate < 1:
            rate *= 100
        gross, net = both(number(at(item, "PRICE_VAT")), number(at(item, "PRICE")), rate)
        stock = at(item, "STOCK_QUANTITY", "STOCK")
        if at(item, "ITEM_ID"):
            yield Row(
                sku=at(item, "ITEM_ID"),
                gross=gross,
                net=net,
                awaited=at(item, "DELIVERY_DATE")[4:5] == "-",
                quantity=Decimal(stock) if stock.isdigit() else None,
                name=at(item, "PRODUCTNAME"),
                url=at(item, "URL"),
                images=every(item, "IMGURL", "IMGURL_ALTERNATIVE"),
                category=at(item, "CATEGORYTEXT"),
                ean=at(item, "EAN", "ISBN"),
                currency=told.get("currency", "CZK"),
                group=at(item, "ITEMGROUP_ID"),
            )


def google(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """rss/channel/item: a price with its currency."""
    for item in tree(path).findall("channel/item"):
        yield Row(
            sku=at(item, "id"),
            gross=number(at(item, "price")),
            special_gross=number(at(item, "sale_price")),
            dated="/" in at(item, "sale_price_effective_date"),
            quantity=None if at(item, "availability") == "in_stock" else Decimal(0),
            name=at(item, "title"),
            url=at(item, "link"),
            images=every(item, "image_link", "additional_image_link"),
            category=at(item, "product_type"),
            ean=at(item, "gtin"),
            currency=at(item, "price")[-3:],
            group=at(item, "item_group_id"),
        )


def arukereso(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """products/product, in small letters or as a shop likes to write them."""
    root = tree(path)
    for each in root.iter(etree.Element):
        each.tag = each.tag.lower()
    for item in root.findall("product"):
        yield Row(
            sku=at(item, "identifier"),
            gross=number(at(item, "price")),
            net=number(at(item, "net_price")),
            name=at(item, "name"),
            url=at(item, "product_url"),
            images=every(item, "image_url", "image_url_2", "image_url_3"),
            category=at(item, "category"),
            ean=at(item, "ean_code"),
            currency="HUF",
        )


def woocommerce(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """The array of the REST API, or one object of it."""
    read = json.loads(path.read_text(encoding="utf-8"))
    for item in read if isinstance(read, list) else [read]:
        rate = Decimal(12 if item["tax_class"] == "reduced-rate" else 21)
        rate = Decimal(0) if item["tax_status"] == "none" else rate
        gross, net = both(number(item["regular_price"] or item["price"]), None, rate)
        special_gross, special_net = both(number(item["sale_price"]), None, rate)
        stock = item["stock_quantity"]
        pictures = [*item.get("images", []), *([item["image"]] if "image" in item else [])]
        yield Row(
            sku=item["sku"] or str(item["id"]),
            gross=gross,
            net=net,
            special_gross=special_gross,
            special_net=special_net,
            dated=bool(item["date_on_sale_to_gmt"]),
            quantity=Decimal(0 if item["stock_status"] == "outofstock" else stock)
            if stock is not None
            else None
            if item["stock_status"] != "outofstock"
            else Decimal(0),
            name=item["name"],
            url=item["permalink"],
            images=tuple(each["src"] for each in pictures),
            category=item["categories"][0]["name"] if item.get("categories") else "",
            currency="CZK",
            group=str(item["parent_id"] or ""),
        )


def prestashop(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """product, with its combinations, pieces and tax joined where they are."""
    for item in tree(path).iter("product"):
        slug, ident = at(item, "link_rewrite/language"), at(item, "id")
        for part in item.findall("combination") or [None]:
            dearer = number(at(part, "price")) if part is not None else None
            net = (number(at(item, "price")) or Decimal(0)) + (dearer or Decimal(0))
            key = at(part, "id") if part is not None else "0"
            gross, net_known = both(None, net, number(at(item, "tax/rate")))
            yield Row(
                sku=at(part if part is not None else item, "reference"),
                gross=gross,
                net=net_known,
                quantity=number(at(item, f"stock_available[id_product_attribute='{key}']/quantity")),
                name=at(item, "name/language"),
                url=f"{ident}-{slug}.html",
                images=tuple(
                    f"{number_of.text}-large_default/{slug}.jpg"
                    for number_of in item.findall("associations/images/image/id")
                ),
                ean=at(item, "ean13"),
                currency="CZK",
                group=ident if part is not None else "",
            )


def pohoda(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """The stock list of POHODA: one card for each place."""
    for card in tree(path).iter("stock"):
        header = card.find("stockHeader")
        rate = {"high": Decimal(21), "low": Decimal(12), "none": Decimal(0)}[at(header, "sellingRateVAT")]
        amount, taxed = number(at(header, "sellingPrice")), at(header, "sellingPrice/@payVAT") == "true"
        gross, net = both(amount if taxed else None, None if taxed else amount, rate)
        there = (number(at(header, "count")) or Decimal(0)) - (number(at(header, "reservation")) or Decimal(0))
        yield Row(
            sku=at(header, "code"),
            gross=gross,
            net=net,
            quantity=there,
            name=at(header, "name"),
            images=every(header, "pictures/picture/filepath"),
            ean=at(header, "EAN"),
            currency="CZK",
        )


def price_list(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """The invented price list of `samples/pricelist`."""
    for item in tree(path).iter("Polozka"):
        gross, net = both(number(at(item, "ProdejniCena")), None, number(at(item, "Karta/Dph")))
        yield Row(
            sku=at(item, "Karta/Kod"),
            gross=gross,
            net=net,
            quantity=number(at(item, "Stav/KDispozici")),
            name=at(item, "Karta/Nazev"),
            images=every(item, "Obrazky/Obrazek"),
            ean=at(item, "Karta/Kod"),
            currency=at(item, "ProdejniCena/@mena"),
        )


def accounting(path: Path, told: Mapping[str, str]) -> Iterator[Row]:
    """The other invented price list of `samples/pricelist`: one row for each warehouse, prices with a comma."""
    for item in tree(path).iter("ZBOZI"):
        there, promised = number(at(item, "MNOZSTVI")), number(at(item, "REZERVOVANO"))
        yield Row(
            sku=at(item, "KOD"),
            gross=number(at(item, "CENA_S_DPH")),
            net=number(at(item, "CENA_BEZ_DPH")),
            quantity=None if there is None else there - (promised or Decimal(0)),
            name=at(item, "NAZEV"),
            images=every(item, "OBRAZEK"),
            category=at(item, "SKUPINA"),
            ean=at(item, "EAN"),
            currency="CZK",
        )


ACCOUNTING = """\
version: 1
kind: product
key: sku
source: {format: xml, record: /CENIK/ZBOZI}
fields:
  sku: KOD
  warehouse: SKLAD
  name: NAZEV
  ean: EAN
  unit: MJ
  vat_rate: SAZBA_DPH
  currency: {value: CZK}
  manufacturer: VYROBCE
  category: SKUPINA
  price.gross: CENA_S_DPH
  price.net: CENA_BEZ_DPH
  quantity: MNOZSTVI
  reserved: REZERVOVANO
  images: {each: OBRAZEK, fields: {url: .}}
"""
PRICE_LIST = """\
version: 1
kind: product
key: sku
source: {format: xml, record: /VyvozCeniku/Polozky/Polozka}
fields:
  sku: Karta/Kod
  name: Karta/Nazev
  ean: Karta/Kod
  unit: Karta/Jednotka
  vat_rate: Karta/Dph
  currency: ProdejniCena/@mena
  price.gross: ProdejniCena
  quantity: Stav/KDispozici
  on_internet: NaEshop
  prices: {each: Hladiny/Cena, fields: {level: "@hladina", price.gross: .}}
  images: {each: Obrazky/Obrazek, fields: {url: .}}
"""
_EUROS = {"currency": "EUR"}

OWN_SOURCES = (
    Source(OWN / "shoptet" / "products.xml", "shoptet/product", shoptet),
    Source(OWN / "upgates" / "products.xml", "upgates/product", upgates),
    Source(OWN / "shoprenter" / "products-page.xml", "shoprenter/product", shoprenter),
    Source(OWN / "shoprenter" / "product-single.xml", "shoprenter/product", shoprenter),
    Source(OWN / "woocommerce" / "products.json", "woocommerce/product", woocommerce),
    Source(OWN / "woocommerce" / "variation.json", "woocommerce/product", woocommerce),
    Source(OWN / "prestashop" / "products.xml", "prestashop/product", prestashop),
    Source(OWN / "prestashop" / "product-single.xml", "prestashop/product", prestashop),
    Source(OWN / "heureka" / "products.xml", "heureka/product", heureka),
    Source(OWN / "zbozi" / "products.xml", "zbozi/product", heureka),
    Source(OWN / "google" / "products.xml", "google/product", google),
    Source(OWN / "arukereso" / "products.xml", "arukereso/product", arukereso),
    Source(OWN / "pohoda" / "stock.xml", "pohoda/product", pohoda),
    Source(OWN / "pricelist" / "cenik-utf8.xml", "mine/pricelist", price_list),
    Source(OWN / "pricelist" / "cenik-1250.xml", "mine/accounting", accounting),
)


def _vendors(folder: str, beginning: str) -> Path:
    """The sample of that name; its file names also say where it was found."""
    found = sorted((VENDORS / folder).glob(f"{beginning}__*.xml"))
    return found[0] if found else VENDORS / folder / f"{beginning}.xml"


VENDORS_SOURCES = (
    Source(_vendors("shoptet", "SHOPITEM-with-variants"), "shoptet/product", shoptet),
    Source(_vendors("shoptet", "SHOPITEM-no-variants"), "shoptet/product", shoptet, refused=("D001",)),
    Source(_vendors("upgates", "products-v2-with-variants"), "upgates/product", upgates),
    Source(_vendors("shoprenter", "product_extend_get_page"), "shoprenter/product", shoprenter),
    Source(_vendors("shoprenter", "product_extend_get_id"), "shoprenter/product", shoprenter),
    Source(_vendors("shoprenter", "product_get_page"), "shoprenter/product", shoprenter),
    Source(_vendors("shoprenter", "product_get_id"), "shoprenter/product", shoprenter),
    Source(_vendors("google", "google-merchant-cz"), "google/product", google),
    Source(_vendors("heureka", "heureka-products"), "heureka/product", heureka),
    Source(_vendors("heureka", "heureka-feed-v2"), "heureka/product", heureka, _EUROS),
    Source(_vendors("heureka", "heureka"), "heureka/product", heureka),
    Source(_vendors("heureka", "heureka-2011"), "heureka/product", heureka, refused=("D001",) * 18),
    Source(_vendors("zbozi", "zbozi-namespaced-variants"), "zbozi/product", heureka),
    Source(_vendors("zbozi", "zbozi-WITHOUT-NAMESPACE"), "zbozi/product", heureka),
    Source(_vendors("zbozi", "zbozi-2011"), "zbozi/product", heureka, refused=("D001",) * 5),
    Source(_vendors("arukereso", "products-spec-example"), "arukereso/product", arukereso),
)
SOURCES = OWN_SOURCES + VENDORS_SOURCES
