"""backup, restore and forget as a user calls them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export


def sent(site: TestSite, gateway: Gateway) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    gateway("run", "--once")


def test_a_backup_is_made_checked_and_restored(gateway: Gateway, site: TestSite, tmp_path: Path) -> None:
    sent(site, gateway)
    made = gateway("backup", "b.tar.gz")
    assert (made.code, made.err) == (0, "copying the ledger\n")
    first, last = made.out.splitlines()
    assert first.startswith("b.tar.gz: the ledger of ")
    assert first.endswith(" with every blob it names, 0.0 MB")
    assert last == "next: copy it to another machine; `gateway restore b.tar.gz --check` reads it through"
    checked = gateway("restore", "b.tar.gz", "--check")
    assert (checked.code, checked.err) == (0, "reading b.tar.gz\n")
    assert checked.out.splitlines()[0].startswith("b.tar.gz is whole: the ledger of ")
    assert checked.out.splitlines()[0].endswith(" with 1 exchange, 3 stored contents, 4 files in all")
    restored = gateway("restore", "b.tar.gz", "--to", "again")
    assert restored.code == 0
    lines = restored.out.splitlines()
    assert lines[0].startswith("restored to again: 1 exchange, as of ")
    assert lines[1] == "held: route shop, target pohoda"
    assert len(lines) == 3
    assert lines[2] == (
        "next: put the secrets back, `gateway status`, compare with the accounting program, "
        "`gateway adopt ROUTE` what came since, then `gateway release` each route and target"
    )
    status = gateway("--config", "again/config.yaml", "status")
    assert "route held" in status.out
    assert "target held" in status.out


def test_the_results_can_be_had_as_json(gateway: Gateway, site: TestSite) -> None:
    sent(site, gateway)
    made = gateway("backup", "b.tar.gz", "--json").json
    assert (made["file"], made["contents"], made["missing"]) == ("b.tar.gz", 2, [])
    checked = gateway("restore", "b.tar.gz", "--check", "--json").json
    assert (checked["exchanges"], checked["at"]) == (1, made["at"])
    restored = gateway("restore", "b.tar.gz", "--to", "again", "--json").json
    assert (restored["in_doubt"], restored["held"]) == (0, ["route:shop", "target:pohoda"])


def test_lost_contents_are_a_problem_of_the_backup(gateway: Gateway, site: TestSite) -> None:
    sent(site, gateway)
    next((site.folder / "spool" / "blobs").glob("*.input")).unlink()
    made = gateway("backup", "b.tar.gz")
    assert made.code == 3
    assert made.out.splitlines()[1].startswith("lost in the spool already: the stored bytes ")


def test_a_broken_backup_is_told_with_its_exit_code(gateway: Gateway, site: TestSite) -> None:
    Path("b.tar.gz").write_bytes(b"no backup")
    outcome = gateway("restore", "b.tar.gz")
    assert outcome.code == 3
    assert outcome.err.splitlines()[-1].startswith("gateway: b.tar.gz is no whole backup: ")
    missing = gateway("restore", "c.tar.gz", "--check")
    assert (missing.code, missing.err.splitlines()[-1]) == (2, "gateway: there is no file c.tar.gz")
    both = gateway("restore", "b.tar.gz", "--check", "--to", "x")
    assert (both.code, both.err) == (2, "gateway: --check writes nothing, so --to has no meaning beside it\n")


def test_without_a_configuration_there_is_no_site_to_back_up(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("--config", "other.yaml", "backup", "b.tar.gz")
    assert (outcome.code, outcome.err) == (
        2,
        "gateway: other.yaml cannot be read; `gateway check` says why, `--config FILE` names another one\n",
    )


def test_an_order_is_forgotten(gateway: Gateway, site: TestSite) -> None:
    sent(site, gateway)
    dry = gateway("forget", "1001", "--dry-run")
    assert dry.out.splitlines() == [
        "would erase the stored contents of 1 order (shop-main: 1001)",
        "would erase the stored input orders.xml as a whole, other orders in it included",
        "would erase the stored delivery shop-main_order_1001.xml as a whole, other orders in it included",
        "would remove spool/shop/in/done/orders.xml",
        "would not reach shop-main_order_1001.xml at pohoda, and what the receiver made of it",
        "would not reach backups that were made before",
        "would not reach log files",
        "would not reach mails and chats that told of it",
        "next: the same without --dry-run",
    ]
    done = gateway("forget", "1001", "--json").json
    assert done["lines"][0] == "erased the stored contents of 1 order (shop-main: 1001); the numbers stay known"
    shown = gateway("show", "1001").out
    assert "1001 was forgotten on " in shown
    assert ": its contents were erased, its number stays known" in shown


def test_forgetting_needs_to_be_told_whom(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("forget", "--email", " ")
    assert (outcome.code, outcome.err) == (
        2,
        "gateway: forget needs order numbers or --email; begin with --dry-run, because nothing brings it back\n",
    )


def test_show_says_that_retention_removed_the_contents(gateway: Gateway, site: TestSite) -> None:
    from tests.exchange.test_retention import age

    sent(site, gateway)
    age(site, 401)
    assert "  its contents were removed by retention on " in gateway("show", "1001").out
