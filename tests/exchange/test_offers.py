"""Stock, prices and products on their way to a shop: catalogue, changed codes, rules, one file."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gateway.exchange.products import product_story
from gateway.store import tables
from tests.exchange.conftest import TestSite, contents

MAPPING = """\
version: 1
kind: stock
key: sku
source: {format: xml, record: /stock/card}
fields: {sku: code, warehouse: store, quantity: count, reserved: reservation}
"""

CONFIG = """\
version: 1
endpoints:
  web: {{type: local, path: web}}
targets:
  feed:
    endpoint: web
    folder: feeds
    file_name: {file_name}
    offers:
      mode: {mode}
      every: 1 min
{offers}
routes:
  stock:
    origin: pohoda
    mapping: mine/stock
    to: [{{target: feed, template: heureka/offer-availability, schema: heureka/availability}}]
{route}
"""


class Shop:
    """A site that tells a feed of the stock in a drop folder."""

    def __init__(self, site: TestSite) -> None:
        self.site = site
        folder = site.folder / "mappings" / "mine"
        folder.mkdir(parents=True)
        (folder / "stock.yaml").write_text(MAPPING, encoding="utf-8")
        self.later = timedelta()
        self.number = 0
        self.configure()

    def configure(
        self, mode: str = "full", offers: str = "", route: str = "", file_name: str | None = None
    ) -> None:
        lines = "\n".join(f"      {line}" for line in offers.splitlines())
        more = "\n".join(f"    {line}" for line in route.splitlines())
        name = file_name or ("stock.xml" if mode == "full" else '"stock_{key}.xml"')
        text = CONFIG.format(mode=mode, offers=lines, route=more, file_name=name)
        self.site.config_path.write_text(text, encoding="utf-8")

    def counted(self, **pieces: str) -> None:
        """Drop a file with these codes, `code="5"` or `code="5@SHOP"` or `code="5-2"` (two reserved)."""
        cards = ""
        for code, told in pieces.items():
            count, _, store = told.partition("@")
            count, _, reserved = count.partition("-")
            cards += f"<card><code>{code}</code><store>{store}</store><count>{count}</count>"
            cards += f"<reservation>{reserved or 0}</reservation></card>\n"
        self.number += 1
        self.site.drop(f"stock-{self.number}.xml", f"<stock>\n{cards}</stock>".encode(), route="stock")

    def run(self, *, minutes: int = 2) -> None:
        """Let the gateway work, some minutes later than the last time."""
        self.later += timedelta(minutes=minutes)
        self.site.run(later=self.later)

    def told(self) -> dict[str, str]:
        """What the newest file at the web host says, code by code."""
        files = contents(self.site.folder / "web" / "feeds")
        return _read(list(files.values())[-1]) if files else {}

    def all_told(self) -> list[dict[str, str]]:
        return [_read(content) for content in contents(self.site.folder / "web" / "feeds").values()]


def _read(content: bytes) -> dict[str, str]:
    from lxml import etree

    root = etree.fromstring(content)
    return {str(item.get("id")): str(item.findtext("stock_quantity")) for item in root}


@pytest.fixture
def shop(site: TestSite) -> Shop:
    return Shop(site)


def test_a_feed_holds_everything_and_replaces_itself(shop: Shop) -> None:
    shop.counted(A="5", B="3-1")
    shop.run()
    assert shop.told() == {"A": "5", "B": "2"}

    shop.counted(B="7")
    shop.run()

    assert shop.told() == {"A": "5", "B": "7"}
    assert len(shop.all_told()) == 1


def test_a_target_of_changes_gets_what_changed_alone(shop: Shop) -> None:
    shop.configure("changes")
    shop.counted(A="5", B="3")
    shop.run()

    shop.counted(A="5", B="4")
    shop.run()

    assert shop.all_told() == [{"A": "5", "B": "3"}, {"B": "4"}]


def test_nothing_is_shipped_where_nothing_changed(shop: Shop) -> None:
    shop.counted(A="5")
    shop.run()
    before = contents(shop.site.folder / "web" / "feeds")

    shop.counted(A="5.000")
    shop.run()

    assert contents(shop.site.folder / "web" / "feeds") == before


def test_changes_are_gathered_and_shipped_as_one(shop: Shop) -> None:
    shop.configure("changes")
    shop.counted(A="5")
    shop.run()

    # Given two changes within `every:` …
    shop.counted(A="6")
    shop.run(minutes=0)
    shop.counted(A="7", B="1")
    shop.run(minutes=0)
    assert shop.all_told() == [{"A": "5"}]

    # … they leave together once it is over.
    shop.run()
    assert shop.all_told() == [{"A": "5"}, {"A": "7", "B": "1"}]


def test_a_file_that_has_not_left_gives_way_to_a_newer_one_that_tells_its_changes_too(shop: Shop) -> None:
    shop.configure("changes")
    web = shop.site.folder / "web"
    web.write_text("no folder: nothing can be shipped", encoding="utf-8")
    shop.counted(A="5", B="1")
    shop.run()
    shop.counted(A="6")
    shop.run()

    web.unlink()
    shop.run(minutes=60)

    assert shop.all_told() == [{"A": "6", "B": "1"}]


def test_an_input_that_is_not_whole_changes_nothing(shop: Shop) -> None:
    shop.counted(A="5")
    shop.run()

    shop.site.drop("broken.xml", b"<stock><card><code>A</code><count>0</count></card>", route="stock")
    shop.run()

    assert shop.told() == {"A": "5"}


def test_the_same_file_as_days_ago_counts_because_stock_goes_up_and_down(shop: Shop) -> None:
    for pieces in ("5", "4", "5"):
        shop.counted(A=pieces)
        shop.run()
    assert shop.told() == {"A": "5"}


def test_a_code_that_stands_twice_with_different_contents_is_told_once_and_set_aside(shop: Shop) -> None:
    twice = (
        b"<stock><card><code>A</code><count>5</count></card><card><code>A</code><count>6</count></card></stock>"
    )
    shop.site.drop("twice.xml", twice, route="stock")
    shop.run()

    assert shop.told() == {"A": "5"}
    (matter,) = shop.site.status().matters
    assert (matter.what, matter.name) == ("set aside", "stock A")
    assert matter.reason == "it stands twice in this input with different contents"


def test_the_pieces_of_chosen_warehouses_are_added_up(shop: Shop) -> None:
    shop.configure(offers="rules: {warehouses: [MAIN, SHOP]}")
    for store, pieces in (("MAIN", "5"), ("SHOP", "2-1"), ("SERVICE", "9")):
        shop.counted(A=f"{pieces}@{store}")
    shop.run()
    assert shop.told() == {"A": "6"}


def test_what_is_oversold_is_told_as_no_pieces(shop: Shop) -> None:
    shop.counted(A="1-3")
    shop.run()
    assert shop.told() == {"A": "0"}


def test_a_product_that_a_rule_leaves_out_vanishes_from_a_file_with_everything(shop: Shop) -> None:
    shop.configure(offers='rules: {leave_out: "quantity < 2"}')
    shop.counted(A="5", B="3")
    shop.run()
    shop.counted(B="1")
    shop.run()
    assert shop.told() == {"A": "5"}

    shop.counted(B="3")
    shop.run()
    assert shop.told() == {"A": "5", "B": "3"}


def test_other_rules_are_told_without_a_new_input(shop: Shop) -> None:
    shop.counted(A="5", B="3")
    shop.run()

    shop.configure(offers="rules: {fields: {quantity: quantity + 1}}")
    shop.run()

    assert shop.told() == {"A": "6", "B": "4"}


def test_a_target_may_turn_from_changes_to_everything(shop: Shop) -> None:
    shop.configure("changes")
    shop.counted(A="5", B="3")
    shop.run()

    shop.counted(B="4")
    shop.configure("full", file_name="all.xml")
    shop.run()

    assert _read((shop.site.folder / "web" / "feeds" / "all.xml").read_bytes()) == {"A": "5", "B": "4"}


def test_a_rule_that_does_not_fit_a_product_is_told_and_the_others_go_on(shop: Shop) -> None:
    shop.configure(offers="rules: {leave_out: weight > 30}")
    shop.counted(A="5")
    shop.run()

    (matter,) = shop.site.status().matters
    assert (matter.what, matter.name, matter.do) == ("not told", "product A", "gateway show A")
    with shop.site.open() as site:
        story = product_story(site, "A")
    assert story is not None
    (problem,) = story.told[0].problems
    why = "cannot be evaluated: a value that it needs is not there"
    assert (problem.code, problem.message) == (
        "G021",
        f"`rules.leave_out` of `feed`: the condition `weight > 30` {why}",
    )
    assert problem.help == (
        "mend the rule so that it fits products without that value as well, such as `… | default(0)`; "
        "until then the target keeps what it was told last"
    )
    assert problem.span is not None
    assert problem.span.text.strip() == "rules: {leave_out: weight > 30}"


def test_a_key_that_is_absent_keeps_its_value(shop: Shop) -> None:
    shop.counted(A="5", B="3")
    shop.run()
    shop.counted(A="4")
    shop.run()
    assert shop.told() == {"A": "4", "B": "3"}


def test_a_complete_input_makes_what_it_lacks_no_pieces(shop: Shop) -> None:
    shop.configure(route="complete: true")
    shop.counted(A="5", B="3")
    shop.run()
    shop.counted(A="4")
    shop.run()
    assert shop.told() == {"A": "4", "B": "0"}

    shop.counted(A="4", B="1")
    shop.run()
    assert shop.told() == {"A": "4", "B": "1"}


def test_what_is_gone_can_be_left_out(shop: Shop) -> None:
    shop.configure(offers="gone: leave_out", route="complete: true")
    shop.counted(A="5", B="3")
    shop.run()
    shop.counted(A="5")
    shop.run()
    assert shop.told() == {"A": "5"}


def test_a_record_that_cannot_be_read_is_not_taken_for_gone(shop: Shop) -> None:
    shop.configure(route="complete: true")
    shop.counted(A="5", B="3")
    shop.run()

    shop.counted(A="5", B="many")
    shop.run()
    assert shop.told() == {"A": "5", "B": "3"}

    shop.site.drop(
        "nameless.xml", b"<stock><card><code>A</code><count>1</count></card><card/></stock>", route="stock"
    )
    shop.run()
    assert shop.told() == {"A": "1", "B": "3"}


def test_the_brake_holds_a_target_that_would_change_too_much_and_a_release_lets_it_pass(shop: Shop) -> None:
    shop.configure(offers="brake: 30")
    shop.counted(**{f"P{number}": "5" for number in range(20)})
    shop.run()

    shop.counted(**{f"P{number}": "0" for number in range(7)})
    shop.run()

    assert set(shop.told().values()) == {"5"}
    (matter,) = shop.site.status().matters
    assert matter.reason == (
        "`brake: 30`: 7 of 20 products would change at once (7 to no pieces, 0 would not be told any more)"
    )
    assert shop.site.do("release", "feed") == ["target feed goes on"]
    shop.run()
    assert sorted(shop.told().values()) == ["0"] * 7 + ["5"] * 13


def test_resync_tells_everything_anew(shop: Shop) -> None:
    shop.configure("changes")
    shop.counted(A="5", B="3")
    shop.run()

    assert shop.site.do("resync", "stock") == ["feed is told of everything anew"]
    shop.run(minutes=0)

    assert shop.all_told() == [{"A": "5", "B": "3"}, {"A": "5", "B": "3"}]


def test_what_no_route_brings_any_more_is_told_no_more(shop: Shop) -> None:
    shop.counted(A="5")
    shop.run()
    text = shop.site.config_path.read_text(encoding="utf-8")
    shop.site.config_path.write_text(text.replace("origin: pohoda", "origin: other"), encoding="utf-8")
    shop.counted(B="3")
    shop.run()
    assert shop.told() == {"B": "3"}


def test_a_route_in_rehearsal_freezes_its_targets_also_what_could_not_leave_before(shop: Shop) -> None:
    web = shop.site.folder / "web"
    web.write_text("no folder: nothing can be shipped", encoding="utf-8")
    shop.counted(A="5")
    shop.run()
    web.unlink()
    shop.configure(route="rehearsal: true")
    shop.run(minutes=60)
    assert shop.told() == {}
    shop.configure()
    shop.run(minutes=60)
    assert shop.told() == {"A": "5"}


def test_an_old_input_is_not_read_over_newer_ones(shop: Shop) -> None:
    shop.configure(route="complete: true")
    shop.counted(A="5", B="many")
    shop.run()
    shop.counted(A="0", C="9")
    shop.run()

    (said,) = shop.site.do("retry", route="stock")
    shop.run()

    assert said.startswith("stock-1.xml is not read again: ")
    assert shop.told() == {"A": "0", "C": "9"}
    assert shop.site.status().matters == ()


def test_an_old_file_that_is_sent_again_tells_what_stands_now(shop: Shop) -> None:
    shop.configure("changes")
    shop.counted(A="5")
    shop.run()
    with shop.site.open() as site, site.ledger.write() as connection:
        connection.execute(update(tables.delivery).values(state="in_doubt"))
    shop.counted(A="0")
    shop.run()

    with shop.site.open() as site, site.ledger.read() as connection:
        first = connection.execute(
            select(tables.delivery.c.id).where(tables.delivery.c.state == "in_doubt")
        ).scalar_one()
    shop.site.do("retry", str(first), send_again=True)
    shop.run()

    assert shop.all_told()[-1] == {"A": "0"}
    assert shop.site.status().matters == ()


def test_a_second_complete_route_finds_out_what_the_first_one_never_tells(shop: Shop) -> None:
    second = """
  nightly:
    origin: pohoda
    mapping: mine/stock
    complete: true
    to: [{target: feed, template: heureka/offer-availability, schema: heureka/availability}]
"""
    text = shop.site.config_path.read_text(encoding="utf-8")
    shop.site.config_path.write_text(text + second, encoding="utf-8")
    shop.counted(A="5", B="3")
    shop.run()
    shop.site.drop("all.xml", b"<stock><card><code>A</code><count>5</count></card></stock>", route="nightly")
    shop.run()
    assert shop.told() == {"A": "5", "B": "0"}


def test_a_target_is_told_when_another_route_of_the_origin_changes_the_code(shop: Shop) -> None:
    second = """
  elsewhere:
    origin: pohoda
    mapping: mine/stock
    to: [{target: other, template: heureka/offer-availability}]
"""
    text = shop.site.config_path.read_text(encoding="utf-8")
    text = text.replace("routes:\n", "  other: {endpoint: web, folder: other, offers: {}}\nroutes:\n", 1)
    shop.site.config_path.write_text(text + second, encoding="utf-8")
    shop.counted(A="5@MAIN")
    shop.run()
    more = b"<stock><card><code>A</code><store>SHOP</store><count>2</count></card></stock>"
    shop.site.drop("more.xml", more, route="elsewhere")
    shop.run()
    assert shop.told() == {"A": "7"}


def test_a_rehearsal_fills_the_catalogue_and_ships_nothing(shop: Shop) -> None:
    shop.configure(route="rehearsal: true")
    shop.counted(A="5")
    shop.run()
    assert shop.told() == {}

    shop.configure()
    shop.run()
    assert shop.told() == {"A": "5"}
