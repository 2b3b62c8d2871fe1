"""From every product list of every platform to every feed: valid, to the cent, and nothing is lost without a word.

What a feed must say, and which products it cannot take, is worked out from the rows of `product_lists.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway import library
from gateway.diagnostics import Problem
from gateway.documents import Offer
from gateway.errors import ProblemsFound
from gateway.exchange.writing import assemble
from gateway.offers import Rules, RulesModel, compile_rules
from gateway.rendering import Identity, Rendered, load, load_schema
from tests.platforms.product_lists import SOURCES, VENDORS, Row, Source
from tests.platforms.product_reading import catalogue, read, skipped_where_absent

_CENT = Decimal("0.01")
_COMPLETED = {
    "fields": {
        "url": "url if url is starting_with 'http' else 'https://www.example.cz/p/' ~ sku",
        "category": "category | default('Ostatní')",
        "ean": "ean if ean is digits and ean | length in (8, 12, 13) else none",
        "group": "group | replace('=', '') if group is defined else none",
    }
}
"""What rules can add to a source that was not made for a comparison site."""


@dataclass(frozen=True)
class Feed:
    """One feed, and where its values stand. takes: whether it can take a product that it is told of."""

    template: str
    schema: str
    item: str
    sku: str
    takes: Callable[[Row], bool]
    selling: str = ""
    regular: str = ""
    special: str = ""
    net: bool = False
    quantity: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    in_it: Callable[[Row], bool] = lambda row: True


def address(text: str, longest: int = 300) -> bool:
    return bool(re.match(r"https?://.", text)) and len(text) <= longest


def pictures(row: Row, most: int, longest: int) -> bool:
    return all(address(each, longest) for each in row.images[:most])


def ean(row: Row, *lengths: int) -> bool:
    return not row.ean or (row.ean.isdigit() and len(row.ean) in lengths)


def heureka(row: Row) -> bool:
    named = re.fullmatch(r"[A-Za-z0-9_-]{1,36}", row.sku) and re.fullmatch(r"[A-Za-z0-9_-]{0,36}", row.group)
    whole = named and row.name and row.category and row.gross is not None and address(row.url)
    return bool(whole and row.images and pictures(row, 11, 255) and ean(row, 8, 12, 13))


def zbozi(row: Row) -> bool:
    whole = len(row.sku) <= 64 and row.name and row.gross is not None and address(row.url)
    return bool(whole and row.images and pictures(row, 11, 255) and ean(row, 8, 12, 13, 14))


def google(row: Row) -> bool:
    whole = len(row.sku) <= 50 and row.name and row.currency and row.gross is not None and address(row.url, 2000)
    return bool(whole and row.images and pictures(row, 11, 2000) and ean(row, 8, 12, 13, 14))


def glami(row: Row) -> bool:
    whole = row.name and row.category and row.gross is not None and address(row.url, 9999)
    return bool(whole and row.images and pictures(row, 1, 9999))


def arukereso(row: Row) -> bool:
    whole = row.name and row.category and row.gross is not None and address(row.url, 9999)
    return bool(whole and pictures(row, 3, 9999) and ean(row, 8, 12, 13, 14))


def availability(row: Row) -> bool:
    whole = row.awaited if row.quantity is None else row.quantity == row.quantity.to_integral_value()
    return bool(whole and re.fullmatch(r"[A-Za-z0-9_-]{1,36}", row.sku))


FEEDS = (
    Feed("heureka/offer", "heureka/products", "SHOPITEM", "ITEM_ID", heureka, "PRICE_VAT"),
    Feed(
        "heureka/offer-availability",
        "heureka/availability",
        "item",
        "@id",
        availability,
        quantity="stock_quantity",
    ),
    Feed("zbozi/offer", "zbozi/products", "SHOPITEM", "ITEM_ID", zbozi, "PRICE_VAT"),
    Feed(
        "shoptet/offer",
        "shoptet/products",
        "SHOPITEM",
        "CODE",
        lambda row: row.gross is not None or row.net is None,
        "PRICE_VAT",
        quantity="STOCK/AMOUNT",
    ),
    Feed(
        "shoprenter/offer",
        "shoprenter/products",
        "product",
        "sku",
        lambda row: row.net is not None or row.gross is None,
        regular="price",
        special="productSpecials/price",
        net=True,
        quantity="stock1",
    ),
    Feed("google/offer", "google/products", "item", "id", google, regular="price", special="sale_price"),
    Feed(
        "glami/offer",
        "glami/products",
        "SHOPITEM",
        "ITEM_ID",
        glami,
        "PRICE_VAT",
        in_it=lambda row: row.quantity is not None and row.quantity > 0,
    ),
    Feed("arukereso/offer", "arukereso/products", "product", "identifier", arukereso, "price"),
    Feed(
        "upgates/offer",
        "upgates/products",
        "PRODUCT",
        "VARIANTS/VARIANT/CODE | self::*[not(VARIANTS)]/CODE",
        lambda row: row.gross is not None or row.net is None,
        regular=".//PRICE_ORIGINAL",
        special=".//PRICE_SALE",
        quantity=".//STOCK",
    ),
)
CASES = [pytest.param(source, feed, id=f"{source.name}-{feed.template}") for source in SOURCES for feed in FEEDS]


@dataclass(frozen=True)
class Outcome:
    """A feed of a source: the file, and the problems of the products that are not in it."""

    content: bytes
    told: Mapping[str, tuple[Problem, ...]]


def written(offers: Iterable[Offer], feed: Feed) -> Outcome:
    """Each product on its own, checked, as a target does; then all good ones as one file."""
    template, schema = load(feed.template, settings=feed.told), load_schema(feed.schema)
    good: list[Rendered] = []
    told: dict[str, tuple[Problem, ...]] = {}
    for offer in offers:
        try:
            record = template.record(offer, Identity.of("shop", "offer", offer.sku, 0))
        except ProblemsFound as error:
            told[offer.sku] = error.problems
            continue
        faults = schema.check(assemble(template, "pack", [record]), record=f"offer {offer.sku}")
        if faults:
            told[offer.sku] = faults
        else:
            good.append(record)
    return Outcome(assemble(template, "pack", good), told)


def offers_of(source: Source, site: Path, rules: Rules) -> list[Offer]:
    offers = [rules.work_out(known) for known in catalogue(read(source, site)[0])]
    assert all(isinstance(offer, Offer) for offer in offers)
    return [offer for offer in offers if isinstance(offer, Offer)]


def rows_of(source: Source) -> list[Row]:
    """One row for each code: pieces of several warehouses are added up, and what is oversold is none."""
    found: dict[str, Row] = {}
    for row in source.rows(source.path, source.settings):
        before = found.get(row.sku)
        if before is not None:
            added = [each.quantity for each in (before, row) if each.quantity is not None]
            row = replace(before, quantity=sum(added, Decimal(0)) if added else None)
        found[row.sku] = row
    return [
        replace(row, quantity=None if row.quantity is None else max(row.quantity, Decimal(0)))
        for row in found.values()
    ]


def completed(row: Row) -> Row:
    """The row as the rules complete it."""
    return replace(
        row,
        url=row.url if row.url.startswith("http") else f"https://www.example.cz/p/{row.sku}",
        category=row.category or "Ostatní",
        ean=row.ean if row.ean.isdigit() and len(row.ean) in (8, 12, 13) else "",
    )


def cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(_CENT, ROUND_HALF_UP)


def amount_at(item: Any, path: str) -> Decimal | None:
    text = str(item.xpath(f"string({path})")).split(" ")[0]
    return Decimal(text) if text else None


def items_of(content: bytes, feed: Feed) -> dict[str, Any]:
    """The items of a file by their codes, without namespaces."""
    root = etree.fromstring(content)
    for each in root.iter(etree.Element):
        each.tag = etree.QName(each).localname
    items = {str(item.xpath(f"string({feed.sku})")): item for item in root.iter(feed.item)}
    assert "" not in items
    return items


def wrong_amounts(item: Any, row: Row, feed: Feed) -> list[str]:
    """What an item says otherwise than the source does."""
    regular = row.net if feed.net else row.gross
    special = row.special_net if feed.net else row.special_gross
    if special is not None and regular is not None and special >= regular:
        special = None
    expected = {
        feed.selling: special if special is not None and not row.dated else regular,
        feed.regular: regular,
        feed.special: special if not row.dated or feed.template.startswith(("google", "shoprenter")) else None,
        feed.quantity: row.quantity,
    }
    if feed.template.startswith("google") and row.dated and not item.xpath("sale_price"):
        expected[feed.special] = None  # one of its days alone
    return [
        f"{path}: {found}, not {wanted}"
        for path, wanted in expected.items()
        if path and (found := cents(amount_at(item, path))) != cents(wanted)
    ]


def checked(source: Source, feed: Feed, offers: list[Offer], rows: list[Row]) -> Outcome:
    """The outcome, of which all is asserted that holds for every feed."""
    outcome = written(offers, feed)
    assert load_schema(feed.schema).check(outcome.content, record=source.name) == ()
    items = items_of(outcome.content, feed)
    wanted = [row for row in rows if feed.in_it(row)]
    assert sorted(items) == sorted(row.sku for row in wanted if feed.takes(row))
    assert sorted(outcome.told) == sorted(row.sku for row in wanted if not feed.takes(row))
    assert all(problems and problems[0].level == "error" for problems in outcome.told.values())
    wrong = {row.sku: wrong_amounts(items[row.sku], row, feed) for row in wanted if row.sku in items}
    assert {sku: told for sku, told in wrong.items() if told} == {}
    return outcome


@pytest.mark.parametrize(("source", "feed"), CASES)
def test_a_feed_says_what_the_source_says_and_what_it_cannot_take_is_told(
    source: Source, feed: Feed, tmp_path: Path
) -> None:
    skipped_where_absent(source)
    offers = offers_of(source, tmp_path, compile_rules(RulesModel()))
    checked(source, feed, offers, rows_of(source))


@pytest.mark.parametrize(("source", "feed"), CASES)
def test_what_rules_complete_gets_into_the_feed(source: Source, feed: Feed, tmp_path: Path) -> None:
    skipped_where_absent(source)
    offers = offers_of(source, tmp_path, compile_rules(RulesModel.model_validate(_COMPLETED)))
    checked(source, feed, offers, [completed(row) for row in rows_of(source)])


def test_every_feed_is_looked_at() -> None:
    names = library.names("templates", ".xml.j2")
    folders = {feed.template.partition("/")[0] for feed in FEEDS}
    there = {name for name in names if name.partition("/")[0] in folders and "/offer" in name}
    assert {feed.template for feed in FEEDS} == {name for name in there if not name.endswith("-calls")}


# -- reference schemas of others


def shoptets_grammar() -> etree.RelaxNG:
    [grammar] = sorted((VENDORS / "shoptet").glob("products-supplier-v10__*.rng"))
    [types] = sorted((VENDORS / "shoptet").glob("products-datatype-v10__*.rng"))
    text = grammar.read_text(encoding="utf-8").replace("products-datatype-v10.rng", types.name)
    return etree.RelaxNG(etree.fromstring(text.encode(), base_url=grammar.as_uri()))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_shoptets_own_schema_takes_the_feed_of_every_source(source: Source, tmp_path: Path) -> None:
    skipped_where_absent(source)
    if not VENDORS.is_dir():
        pytest.skip("the reference schemas are not beside the project")
    rules = compile_rules(RulesModel.model_validate(_COMPLETED))
    told = {"names": "true", "availability": "true"}
    feed = replace(next(each for each in FEEDS if each.template == "shoptet/offer"), told=told)
    content = written(offers_of(source, tmp_path, rules), feed).content
    grammar = shoptets_grammar()
    if etree.fromstring(content).find("SHOPITEM") is not None:  # the grammar wants one at least
        assert grammar.validate(etree.fromstring(content)), grammar.error_log


GENERIC = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:x-hujer:feed:generic"
           targetNamespace="urn:x-hujer:feed:generic">
  <xs:simpleType name="TYPE_ITEM_TYPE"><xs:restriction base="xs:string"/></xs:simpleType>
  <xs:simpleType name="TYPE_CODE"><xs:restriction base="xs:string"/></xs:simpleType>
  <xs:simpleType name="TYPE_ISBN_CODE"><xs:restriction base="xs:string"/></xs:simpleType>
  <xs:simpleType name="TYPE_EAN13_CODE">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9]{13}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="TYPE_PRICE"><xs:restriction base="xs:decimal"/></xs:simpleType>
  <xs:simpleType name="TYPE_PRICE_POSITIVE">
    <xs:restriction base="xs:decimal"><xs:minExclusive value="0"/></xs:restriction>
  </xs:simpleType>
</xs:schema>
"""
"""The schemas of 2011 refer to a file of types that is not there; these are the types that they name."""

SINCE_2011 = {
    "heureka": {"ITEM_ID", "IMGURL_ALTERNATIVE", "ITEMGROUP_ID", "DELIVERY"},
    "zbozi": {"ITEM_ID", "IMGURL_ALTERNATIVE", "PRICE_BEFORE_DISCOUNT", "PRODUCTNO", "DELIVERY", "CONDITION"},
}
"""Elements that came later, or stood elsewhere; all others must be what they were."""
IN_2011 = {
    "heureka": (
        "PRODUCT", "DESCRIPTION", "URL", "IMGURL", "PRICE_VAT", "ITEM_TYPE", "MANUFACTURER", "CATEGORYTEXT", "EAN",
        "DELIVERY_DATE", "PARAM",
    ),
    "zbozi": (
        "PRODUCTNAME", "DESCRIPTION", "URL", "IMGURL", "PRICE_VAT", "DELIVERY_DATE", "MANUFACTURER",
        "CATEGORYTEXT", "EAN",
    ),
}  # fmt: skip


def schema_of_2011(feed: str, folder: Path) -> etree.XMLSchema:
    [found] = sorted((VENDORS / feed).glob(f"{feed}-2011__*.xsd"))
    (folder / "generic.xsd").write_text(GENERIC, encoding="utf-8")
    (folder / f"{feed}.xsd").write_bytes(found.read_bytes())
    return etree.XMLSchema(etree.parse(folder / f"{feed}.xsd"))


def as_of_2011(content: bytes, feed: str) -> tuple[Any, set[str]]:
    """The feed with what 2011 knew, in its order and the namespace of that schema; and what was left out."""
    namespace = f"urn:x-hujer:feed:{feed}"
    root = etree.Element(f"{{{namespace}}}SHOP")
    left_out: set[str] = set()
    for item in etree.fromstring(content).iter("{*}SHOPITEM"):
        texts = {etree.QName(each).localname for each in item if each.text}
        eans = [each for each in item if etree.QName(each).localname == "EAN" and len(each.text or "") != 13]
        days = next((each.text or "" for each in item if etree.QName(each).localname == "DELIVERY_DATE"), "")
        if "DESCRIPTION" not in texts or not days or eans or (feed == "heureka" and "-" in days):
            continue  # needed then, or of another form
        copy = etree.SubElement(root, f"{{{namespace}}}SHOPITEM")
        members = []
        for each in item:
            name = etree.QName(each).localname
            name = "PRODUCT" if feed == "heureka" and name == "PRODUCTNAME" else name
            if name in IN_2011[feed]:
                members.append((IN_2011[feed].index(name), name, each))
            else:
                left_out.add(name)
        for _, name, each in sorted(members, key=lambda member: member[0]):
            below = etree.SubElement(copy, f"{{{namespace}}}{name}")
            below.text = each.text
            for part in each:
                etree.SubElement(below, f"{{{namespace}}}{etree.QName(part).localname}").text = part.text
    return root, left_out


@pytest.mark.parametrize("name", ["heureka", "zbozi"])
def test_what_a_feed_has_had_since_2011_is_valid_by_the_schema_of_then(name: str, tmp_path: Path) -> None:
    if not VENDORS.is_dir():
        pytest.skip("the reference schemas are not beside the project")
    schema = schema_of_2011(name, tmp_path)
    told = {"in_stock_days": "1", "sold_out_days": "14", "deliveries": [{"carrier": "PPL", "price": "89"}]}
    feed = replace(next(each for each in FEEDS if each.template == f"{name}/offer"), told=told)
    rules = compile_rules(RulesModel.model_validate(_COMPLETED))
    looked_at, newer = 0, set[str]()
    for source in SOURCES:
        if not source.path.exists():
            continue
        offers = {offer.url: offer for offer in offers_of(source, tmp_path, rules) if len(offer.name or "") >= 6}
        root, left_out = as_of_2011(written(offers.values(), feed).content, name)
        newer |= left_out
        if len(root):
            assert schema.validate(root), (source.name, schema.error_log)
            looked_at += len(root)
    assert looked_at > 100
    assert newer == SINCE_2011[name]
