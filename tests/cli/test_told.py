"""Codes whose words no other test holds, as commands tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.endpoints.ftp import FtpOptions
from gateway.endpoints.notices import Notices
from gateway.endpoints.pace import Pace
from gateway.errors import EndpointUnreachable
from tests.cli.conftest import Gateway
from tests.cli.test_testing import MAPPING, SAMPLE, text
from tests.exchange.conftest import TestSite


def lines(printed: str, code: str) -> str:
    """What is told of one code."""
    return next(part for part in printed.split("\n\n") if f"[{code}]" in part).strip("\n") + "\n"


def test_plain_ftp_is_warned_of(gateway: Gateway, site: TestSite) -> None:
    site.configure(endpoints="  shop-ftp: {type: ftp, host: ftp.example.cz, user: u, password: x}")
    assert lines(gateway("check", "config.yaml").err, "C010") == text("""
        warning[C010]: `shop-ftp` is plain FTP: the password and the orders travel readable
         --> config.yaml:5:3
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: u, password: *}
          |   ^^^^^^^^
          |
          = help: write `tls: explicit` if the server knows TLS (`gateway probe` tells)
    """)


def test_an_address_that_nothing_can_be_sent_to_is_warned_of(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("routes:", "alerts: {notify: [nonsense]}\nroutes:"))
    said = lines(gateway("check", "config.yaml").err, "C012").splitlines()
    assert said[0].startswith("error[C012]: address 1 of `notify` under `alerts` cannot be used: ")
    assert said[1:] == [
        " --> config.yaml",
        "  = help: `gateway probe alerts` sends a test message once it is mended",
    ]


def test_a_word_that_is_no_code(gateway: Gateway, site: TestSite) -> None:
    Path("one.xml").write_text(SAMPLE.replace("<who>", "<how>Karta</how><who>"), encoding="utf-8")
    mapping = MAPPING.lstrip().replace("  billing.name", "  payment.method: how\n  billing.name")
    Path("m.yaml").write_text(mapping.replace("\ntests:\n", "\n"), encoding="utf-8")
    assert lines(gateway("try", "m.yaml", "one.xml").err, "D016").splitlines()[:2] == [
        (
            "error[D016]: order 1001: `Karta` is not one of the canonical codes cash, cash_on_delivery, "
            "bank_transfer, card, card_on_delivery, online, instalments, voucher, invoice, free, other"
        ),
        " --> one.xml:6:10",
    ]


def test_a_cancelled_order_is_left_out_with_a_note(gateway: Gateway, site: TestSite) -> None:
    Path("one.xml").write_text(SAMPLE, encoding="utf-8")
    mapping = MAPPING.lstrip().replace("  billing.name", "  cancelled: {value: yes}\n  billing.name")
    Path("m.yaml").write_text(mapping.replace("\ntests:\n", "\n"), encoding="utf-8")
    outcome = gateway("convert", "one.xml", "-m", "m.yaml", "-t", "pohoda/order", "-o", "out.xml")
    assert "\nnote[G010]: order 1001: it is cancelled in the shop and was left out\n" in outcome.err


def test_a_run_when_the_clock_is_changed(gateway: Gateway, site: TestSite) -> None:
    site.configure('schedule: "02:30"')
    said = gateway("check", "config.yaml").err
    assert "warning[C011]: `schedule` of `shop` has a run at 20" in said
    assert "02:30, when the clock is changed: that minute comes twice or never\n" in said


def test_a_transfer_that_takes_too_long_says_which_option_lets_it() -> None:
    options = FtpOptions(host="ftp.example.cz", user="u", password="x", transfer_timeout=0.000001)
    with pytest.raises(EndpointUnreachable) as caught:
        Pace(options, "`shop-ftp`: orders.xml").went(10)
    assert (caught.value.code, str(caught.value), caught.value.help) == (
        "E012",
        "`shop-ftp`: orders.xml: not done after 0 seconds (10 bytes), `transfer_timeout` is 1e-06",
        "set `transfer_timeout:` of the endpoint higher where files are that large",
    )


def test_a_message_that_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notices, "_send_to", lambda *_: "refused")
    with pytest.raises(EndpointUnreachable) as caught:
        Notices(["mailto://user:secret@example.cz"]).send("a title", "a text")
    assert (caught.value.code, str(caught.value), caught.value.help) == (
        "G016",
        "nobody could be told: address 1 (mailto): refused",
        "check `notify:` under `alerts:`; `gateway probe alerts` sends a test message",
    )
