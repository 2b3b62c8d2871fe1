"""`gateway run`, `status`, `show`, `retry`, `hold`, `release` and `adopt`: running a site."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from gateway.cli import operate
from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.store.test_spool import held_elsewhere

TIME = re.compile(r"\d\d:\d\d:\d\d")
ID = re.compile(r"\d{6}-[2-9a-z]{7}")


def lines(text: str) -> list[str]:
    """The lines with times, ids and runs of blanks made equal."""
    return [re.sub(r" +", " ", ID.sub("ID", TIME.sub("TIME", line))).rstrip() for line in text.splitlines()]


def first_id(outcome_out: str) -> str:
    found = ID.search(outcome_out)
    assert found is not None
    return found.group()


# -- run -------------------------------------------------------------------------------------------------


def test_one_turn_tells_what_came_and_what_became_of_it(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    outcome = gateway("run", "--once")
    assert outcome.code == 0
    assert outcome.err == "reading shop\nshipping to pohoda\n"
    assert lines(outcome.out) == [
        "EXCHANGE ROUTE RECEIVED INPUT STATE RECORDS NEW",
        "ID shop TIME orders.xml sent 2 2",
        "2 documents were sent today; nothing waits for you",
    ]
    assert site.numbers() == ["1001", "1002"]


def test_one_turn_without_anything_to_do_is_no_failure(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("run", "--once")
    assert (outcome.code, outcome.out) == (0, "0 documents were sent today; nothing waits for you\n")


def test_one_turn_loads_nothing_that_it_does_not_need(site: TestSite) -> None:
    site.drop("first.xml", export("1001"))
    seldom = ("alembic", "structlog", "rich", "apscheduler", "watchdog", "sqlalchemy.dialects.postgresql", "httpx")
    program = (
        "import atexit, sys; from gateway.cli.main import main; sys.argv[1:] = ['--quiet', 'run', '--once']; "
        f"atexit.register(lambda: print([each for each in {seldom} if each in sys.modules])); main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines()[-1], done.stderr, done.returncode) == ("[]", "", 0)


def test_quiet_means_results_only(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    outcome = gateway("--quiet", "run", "--once")
    assert (outcome.code, outcome.err) == (0, "")
    assert "1001" not in outcome.out
    assert "orders.xml" in outcome.out


def test_a_record_that_was_set_aside_ends_with_code_3_and_says_where_to_look(
    gateway: Gateway, site: TestSite
) -> None:
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    outcome = gateway("run", "--once")
    assert outcome.code == 3
    assert lines(outcome.out)[-1] == "next: `gateway show 1002`; `gateway status` shows all"


def test_an_input_that_cannot_be_read_ends_with_code_5(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001")[:-400])
    outcome = gateway("run", "--once")
    assert outcome.code == 5
    assert lines(outcome.out)[1] == "ID shop TIME orders.xml failed 0 0"
    assert lines(outcome.out)[-1] == "next: `gateway show ID`; `gateway status` shows all"


def test_a_source_that_cannot_be_reached_ends_with_code_6(gateway: Gateway, site: TestSite) -> None:
    site.configure(
        "from: {endpoint: gone, folder: /export}",
        endpoints="  gone: {type: ftp, host: 127.0.0.1, port: 1, user: u, password: p, connect_timeout: 2}",
    )
    outcome = gateway("run", "--once")
    assert outcome.code == 6
    assert "shop: ftp://127.0.0.1:1/export: cannot connect: connection refused" in outcome.err


def test_a_spool_that_is_in_use_ends_with_code_7_and_names_the_other(gateway: Gateway, site: TestSite) -> None:
    with site.open() as opened:
        spool = opened.spool
    with held_elsewhere(spool) as other:
        outcome = gateway("run", "--once")
    assert (outcome.code, outcome.out) == (7, "")
    assert re.fullmatch(
        rf"gateway: the spool {re.escape(str(spool.root))} is in use by process {other.pid} on \S+; "
        r"stop that gateway first, or give this one a `spool:` of its own\n",
        outcome.err,
    )


def test_a_dry_run_tells_the_plan_and_touches_nothing(gateway: Gateway, site: TestSite) -> None:
    dropped = site.drop("orders.xml", export("1001"))
    outcome = gateway("run", "--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"would read shop from {site.folder}/spool/shop/in by shoptet/order and ship to pohoda (pohoda/order)\n"
        "next: `gateway run`\n"
    )
    assert dropped.exists()
    assert not (site.folder / "spool" / "ledger.db").exists()


def test_a_dry_run_tells_a_broken_route_and_goes_on_with_the_others(gateway: Gateway, site: TestSite) -> None:
    good = "  good: {origin: g, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}"
    site.configure(routes=good, replace=("mapping: shoptet/order\n", "mapping: shoptet/oder\n"))
    outcome = gateway("run", "--dry-run")
    assert outcome.code == 3
    assert [line.split(" from")[0] for line in outcome.out.splitlines()] == [
        "would read good",
        "next: mend what is said above; the routes that are listed run without the others",
    ]
    assert "error[M001]: there is no mapping `shoptet/oder`\n  --> config.yaml:16:14" in outcome.err


def test_a_broken_route_does_not_stop_the_others_and_is_told(gateway: Gateway, site: TestSite) -> None:
    bad = "  bad: {origin: b, mapping: shoptet/oder, to: [{target: pohoda, template: pohoda/order}]}"
    site.configure(routes=bad)
    site.drop("orders.xml", export("1001"))
    outcome = gateway("run", "--once")
    assert outcome.code == 3
    assert "error[M001]" in outcome.err
    assert site.numbers() == ["1001"]
    assert outcome.last == "next: mend the configuration; `gateway check` tells what is wrong"


def test_the_result_of_a_turn_can_be_had_as_json(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    outcome = gateway("run", "--once", "--json")
    assert outcome.code == 0
    assert [line["state"] for line in outcome.json["exchanges"]] == ["sent"]
    assert (outcome.json["unreachable"], outcome.json["status"]["running"]) == ({}, False)


# -- status ----------------------------------------------------------------------------------------------


def test_a_new_site_has_a_status(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("status")
    assert (outcome.code, outcome.err) == (0, "")
    assert lines(outcome.out) == [
        "0 documents were sent today; nothing waits for you",
        "the gateway is not running: `gateway run` starts it",
        "",
        "ROUTE STATE LAST OK SENT TODAY NEXT",
        "shop up never 0 -",
        "next: drop a file into a drop folder (spool/ROUTE/in)",
    ]


def test_the_status_names_what_waits_for_a_person_and_the_command_that_settles_it(
    gateway: Gateway, site: TestSite
) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    site.drop("again.xml", export(ShopOrder("1001", price="242.00")))
    site.run()
    outcome = gateway("status")
    assert outcome.code == 0
    assert "WAITS FOR YOU NAME ROUTE SINCE WHY DO" in lines(outcome.out)
    held = "held: changed order 1001 shop TIME it came again with another content after it had been sent "
    assert any(re.fullmatch(held + r"gateway show \S+\.p1", line) for line in lines(outcome.out))
    assert re.fullmatch(r"next: `gateway show \S+\.p1`", lines(outcome.out)[-1])


def test_the_list_of_exchanges_can_be_narrowed(gateway: Gateway, site: TestSite) -> None:
    for n in range(3):
        site.drop(f"orders-{n}.xml", export(f"100{n}"))
        site.run()
    found = gateway("status", "--limit", "2", "--route", "shop", "--json").json
    assert [line["input"] for line in found["exchanges"]] == ["orders-2.xml", "orders-1.xml"]
    wrong = gateway("status", "--route", "shp")
    assert (wrong.code, wrong.err) == (2, "gateway: there is no route `shp`; known: shop\n")


def test_a_running_gateway_is_seen(gateway: Gateway, site: TestSite) -> None:
    with site.open() as opened:
        spool = opened.spool
    with held_elsewhere(spool):
        outcome = gateway("status")
        assert gateway("status", "--json").json["status"]["running"] is True
    assert (outcome.code, outcome.out.splitlines()[1]) == (0, "")


# -- show ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["exchange", "order", "delivery"])
def test_the_story_can_be_asked_for_by_any_name(gateway: Gateway, site: TestSite, by: str) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    exchange = first_id(gateway("status").out)
    name = {"exchange": exchange, "order": "1001", "delivery": f"{exchange}.d1"}[by]
    outcome = gateway("show", name)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"exchange {exchange}  shop  sent  orders.xml  ")
    events = [line.split()[1] for line in outcome.out.splitlines() if re.match(r"  \d\d:\d\d:\d\d\.\d{3}", line)]
    assert events[:2] == ["received", "planned"]
    assert "delivered" in events
    assert "shop-main_order_1001.xml" in outcome.out
    assert ("shop-main_order_1002.xml" in outcome.out) is (by == "exchange")
    assert outcome.last == "next: nothing"


def test_the_story_of_an_order_that_was_set_aside_shows_why(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    site.run()
    outcome = gateway("show", "1002")
    assert outcome.code == 0
    assert "error[D004]: order 1002: the lookup `payment` has no entry for `Bitcoin`" in outcome.out
    assert "set aside: spool/shop/failed/1002.ID.xml (seen once)" in lines(outcome.out)
    assert outcome.last == "next: mend the files in spool/shop/failed and drop them again"


def test_an_unknown_name_is_told(gateway: Gateway, site: TestSite) -> None:
    for name in ("9999", "261120-abcdefg"):
        outcome = gateway("show", name)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            f"gateway: `{name}` is no exchange, delivery or order number of this site; "
            "`gateway status` lists them\n"
        )


def test_a_story_can_be_had_as_json(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (story,) = gateway("show", "1001", "--json").json
    assert (story["exchange"]["state"], story["postings"][0]["key"]) == ("sent", "1001")


# -- requests --------------------------------------------------------------------------------------------


def test_a_target_is_held_and_released(gateway: Gateway, site: TestSite) -> None:
    dry = gateway("hold", "pohoda", "--dry-run")
    assert (dry.code, dry.out) == (0, "would hold target pohoda\nnext: the same without --dry-run\n")
    held = gateway("hold", "pohoda", "--reason", "stocktaking")
    assert held.out == (
        "target pohoda is held; `gateway release pohoda` lets it go on\n"
        "next: `gateway status` tells how it stands\n"
    )
    site.drop("orders.xml", export("1001"))
    gateway("run", "--once")
    assert site.numbers() == []
    released = gateway("release", "pohoda", "--json")
    assert released.json == {"action": "release", "dry_run": False, "lines": ["target pohoda goes on"]}
    gateway("run", "--once")
    assert site.numbers() == ["1001"]


def test_a_record_is_retried_once_the_configuration_is_mended(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    gateway("run", "--once")
    site.configure("lookups: {payment: {Bitcoin: card}}")
    dry = gateway("retry", "1002", "--dry-run")
    assert lines(dry.out) == [
        "would read orders.xml of ID again for 1 record",
        "next: the same without --dry-run",
    ]
    done = gateway("retry", "--route", "shop")
    assert lines(done.out)[0] == "orders.xml was read again as ID: 1 sent on, 0 still set aside"
    gateway("run", "--once")
    assert site.numbers() == ["1001", "1002"]


def test_there_may_be_nothing_to_retry(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    gateway("run", "--once")
    assert gateway("retry", "1001").out.splitlines()[0] == "nothing to try again"
    assert gateway("retry", "1001", "--dry-run").out.splitlines()[0] == (
        "would do nothing: there is nothing to try again"
    )


def test_a_changed_order_is_released_or_settled(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    gateway("run", "--once")
    site.drop("again.xml", export(ShopOrder("1001", price="242.00"), ShopOrder("1002", price="242.00")))
    gateway("run", "--once")
    sent = gateway("release", "1001")
    assert sent.out.splitlines()[0] == "1001 is on its way to pohoda as shop-main_order_1001_v2.xml" or (
        sent.out.splitlines()[0].startswith("1001 is on its way to pohoda as shop-main_order_1001")
    )
    dropped = gateway("release", "1002", "--drop")
    assert dropped.out.splitlines()[0].endswith(" is settled; nothing was sent")
    gateway("run", "--once")
    assert site.numbers() == ["1001", "1001", "1002"]
    assert gateway("release", "1002").out.splitlines()[0] == "nothing of it is held"


def test_what_lies_at_a_source_is_adopted_without_being_sent(gateway: Gateway, site: TestSite) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    dry = gateway("adopt", "shop", "--dry-run")
    assert dry.out.splitlines()[0] == (
        "would call everything known that lies at the source of shop now, and send none of it"
    )
    done = gateway("adopt", "shop")
    assert done.out.splitlines()[0] == "shop: 2 orders of 1 file are known now and were not sent"
    gateway("run", "--once")
    assert site.numbers() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("retry",), "retry needs an id, an order number or --route; `gateway status` lists what waits"),
        (("retry", "--route", "shp"), "`shp` is no running route; routes: shop; targets: pohoda"),
        (("hold", "shp"), "`shp` is no route or target; routes: shop; targets: pohoda"),
        (("adopt", "shp"), "`shp` is no running route; routes: shop; targets: pohoda"),
        (
            ("release", "9999"),
            "`9999` is no exchange, delivery or order number of this site; `gateway status` lists them",
        ),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_name_that_means_nothing_is_told(
    gateway: Gateway, site: TestSite, words: tuple[str, ...], said: str, dry: tuple[str, ...]
) -> None:
    outcome = gateway(*words, *dry)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"gateway: {said}\n")


def test_beside_a_running_gateway_a_request_is_left_with_it(
    gateway: Gateway, site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "_PATIENCE", 0.2)
    with site.open() as opened:
        spool = opened.spool
    with held_elsewhere(spool):
        outcome = gateway("hold", "shop")
    assert outcome.code == 0
    assert outcome.err == "asked the running gateway\n"
    assert outcome.out.splitlines()[0] == ("request 1 is left with the running gateway; it has not come to it yet")
    # and it is carried out by whoever runs next
    gateway("run", "--once")
    assert gateway("status", "--json").json["status"]["routes"][0]["state"] == "held"
