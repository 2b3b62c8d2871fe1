"""The daemon as its users run it: events, signals, reload, requests from beside it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.daemon.running import gateway, gateway_running, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return TestSite(tmp_path)


def log_lines(site: TestSite) -> list[dict[str, object]]:
    whole, _, _begun = (site.folder / "gateway.log").read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


def events(site: TestSite) -> list[object]:
    return [line["event"] for line in log_lines(site)]


def test_a_dropped_file_is_taken_by_its_event_long_before_the_next_scan(site: TestSite) -> None:
    site.configure("every: 1h")
    with gateway_running(site.config_path):
        wait_until(lambda: "started" in events(site))
        site.drop("orders.xml", export("1001", "1002"))
        wait_until(lambda: site.numbers() == ["1001", "1002"])


def test_files_that_came_while_nobody_ran_are_taken_at_the_start(site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    with gateway_running(site.config_path):
        wait_until(lambda: site.numbers() == ["1001"])


def test_sigterm_finishes_what_is_in_hand_and_ends_with_zero(site: TestSite) -> None:
    with gateway_running(site.config_path) as process:
        wait_until(lambda: "started" in events(site))
        site.drop("orders.xml", export(*[f"{n:04}" for n in range(300)]))
        wait_until(lambda: "input_received" in events(site))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert events(site)[-1] == "stopped"
    # what was in hand is planned, and nothing is half
    site.run()
    assert len(site.numbers()) == len(set(site.numbers())) == 300


def test_a_second_gateway_is_refused_with_7_and_told_who_holds_the_spool(site: TestSite) -> None:
    with gateway_running(site.config_path) as process:
        wait_until(lambda: "started" in events(site))
        second = gateway(site.config_path, "run", "--once")
    assert second.returncode == 7
    assert f"is in use by process {process.pid} on " in second.stderr
    assert "stop that gateway first, or give this one a `spool:` of its own" in second.stderr
    assert "Traceback" not in second.stderr


def test_after_kill_9_the_spool_is_free_at_once(site: TestSite) -> None:
    with gateway_running(site.config_path) as process:
        wait_until(lambda: "started" in events(site))
        process.kill()
        process.wait()
    assert gateway(site.config_path, "run", "--once").returncode == 0


def test_sighup_takes_a_checked_configuration_over(site: TestSite) -> None:
    with gateway_running(site.config_path) as process:
        wait_until(lambda: "started" in events(site))
        site.configure("lookups: {payment: {Bitcoin: card}}")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in events(site))
        site.drop("orders.xml", ShopOrder("1001", payment="Bitcoin"))
        wait_until(lambda: site.numbers() == ["1001"])


def test_sighup_keeps_the_running_configuration_where_the_new_one_does_not_load(site: TestSite) -> None:
    with gateway_running(site.config_path) as process:
        wait_until(lambda: "started" in events(site))
        good = site.config_path.read_text()
        site.config_path.write_text(good.replace("merchant:", "merchnt:"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload_refused" in events(site))
        site.drop("orders.xml", export("1001"))
        wait_until(lambda: site.numbers() == ["1001"])
        assert process.poll() is None
    refused = [line["problem"] for line in log_lines(site) if line["event"] == "reload_refused"]
    assert "unknown key `merchnt`" in str(refused[0])


def test_requests_from_beside_are_carried_out_by_the_running_gateway(site: TestSite) -> None:
    with gateway_running(site.config_path):
        wait_until(lambda: "started" in events(site))
        held = gateway(site.config_path, "hold", "pohoda", "--reason", "stocktaking")
        assert held.stdout.splitlines()[0] == "target pohoda is held; `gateway release pohoda` lets it go on"
        site.drop("orders.xml", export("1001"))
        wait_until(lambda: "exchange_planned" in events(site))
        assert site.shipped() == {}
        gateway(site.config_path, "release", "pohoda")
        wait_until(lambda: site.numbers() == ["1001"])


def test_status_and_show_tell_beside_the_running_gateway(site: TestSite) -> None:
    with gateway_running(site.config_path):
        wait_until(lambda: "started" in events(site))
        site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
        wait_until(lambda: "delivered" in events(site))
        told = gateway(site.config_path, "status")
        shown = gateway(site.config_path, "show", "1002")
    assert told.stdout.startswith("1 document was sent today; 1 waits for you: order 1002")
    assert "the lookup `payment` has no entry for `Bitcoin`" in shown.stdout


def test_a_replaced_drop_folder_is_found_again(site: TestSite) -> None:
    site.drop("first.xml", export("1001"))
    with gateway_running(site.config_path):
        wait_until(lambda: site.numbers() == ["1001"])
        folder = site.folder / "spool" / "shop" / "in"
        folder.rename(folder.with_name("in-old"))
        site.drop("second.xml", export("1002"))
        wait_until(lambda: site.numbers() == ["1001", "1002"], seconds=60)


def test_a_route_with_a_problem_is_held_and_the_others_run(site: TestSite) -> None:
    broken = """\
  broken:
    origin: other
    mapping: shoptet/ordr
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    site.configure(routes=broken)
    with gateway_running(site.config_path):
        site.drop("orders.xml", export("1001"))
        wait_until(lambda: site.numbers() == ["1001"])
        told = gateway(site.config_path, "status")
    assert "broken  broken" in told.stdout
    assert "mend the configuration: `gateway check`" in told.stdout
