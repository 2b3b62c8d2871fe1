"""Rows 1 to 6 of the fault catalogue: data and control connections that break, answers that are lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.exchange.shop import ShopOrder
from tests.faults.conftest import Between, every, on
from tests.faults.proxy import CONTROL, Broken, Kind, LostAnswer

FTP = ("pyftpdlib", "vsftpd", "proftpd")
KINDS: list[Kind] = ["cut", "reset", "stall"]
MANY = [ShopOrder(f"{number:03}", remark="na zvonek " * 40) for number in range(40)]
"""About 60 kB of export, about as much for the accounting program."""


@on("pyftpdlib", "vsftpd", "proftpd", "pure-ftpd", "paramiko", "OpenSSH")
def test_without_a_fault_all_of_it_arrives_once(between: Between) -> None:
    between.put("orders.xml", *MANY)
    between.settle()


@every(FTP, kind=KINDS, after=[0, 1, 30_000, 50_000])
def test_a_download_that_breaks_after_some_bytes(between: Between, kind: Kind, after: int) -> None:
    between.put("orders.xml", *MANY)
    between.survives(shop=(Broken("RETR", kind, after),))


@every(FTP, kind=KINDS, after=[0, 1, 30_000, 50_000])
def test_an_upload_that_breaks_after_some_bytes(between: Between, kind: Kind, after: int) -> None:
    between.put("orders.xml", *MANY)
    between.survives(office=(Broken("STOR", kind, after),))


@on("pyftpdlib", "proftpd")
def test_a_listing_that_ends_early_is_completed_by_the_next_look(between: Between) -> None:
    """Nothing in FTP tells a listing that was cut from a short one; nothing but time depends on it."""
    between.put("orders.xml", *MANY)
    between.put("more-orders.xml", "901", "902")
    between.shop.faults.append(Broken("MLSD", "cut", 20))
    between.site.run()
    assert between.shop.faults == []
    between.settle()


@pytest.mark.parametrize("kind", ["reset", "stall"])
@on("pyftpdlib", "proftpd")
def test_a_listing_that_breaks(between: Between, kind: Kind) -> None:
    between.put("orders.xml", *MANY)
    between.put("more-orders.xml", "901", "902")
    between.survives(shop=(Broken("MLSD", kind, 20),))


@every(FTP, command=["STOR", "RNTO", "RNFR", "SIZE"], kind=KINDS)
def test_an_answer_that_is_lost_on_the_way_to_the_office(between: Between, command: str, kind: Kind) -> None:
    between.put("orders.xml", *MANY)
    between.survives(office=(LostAnswer(command, kind),))


@every(FTP, command=["RETR", "DELE", "SIZE"], kind=KINDS)
def test_an_answer_that_is_lost_on_the_way_from_the_shop(between: Between, command: str, kind: Kind) -> None:
    between.put("orders.xml", *MANY)
    between.survives(shop=(LostAnswer(command, kind),))


def broken_anywhere(between: Between, kind: Kind, places: Sequence[int], *, orders: int) -> None:
    """An export for each place, and a control connection on each side that breaks there."""
    for number, after in enumerate(places):
        between.put(f"orders-{number}.xml", *[f"{number}-{n}" for n in range(orders)])
        between.shop.faults.append(Broken(CONTROL, kind, after))
        between.office.faults.append(Broken(CONTROL, kind, after))
        between.run()
    between.settle()
    assert between.shop.struck or between.office.struck


@every(FTP, kind=KINDS, places=[(0, 100, 300), (450, 600), (750, 900)])
def test_a_control_connection_that_breaks_anywhere(between: Between, kind: Kind, places: Sequence[int]) -> None:
    broken_anywhere(between, kind, places, orders=3)


@every(("paramiko", "OpenSSH"), kind=KINDS, places=[(0, 500, 2_500), (3_500, 4_500), (20_000, 60_000)])
def test_an_sftp_connection_that_breaks_anywhere(between: Between, kind: Kind, places: Sequence[int]) -> None:
    broken_anywhere(between, kind, places, orders=60)


@on("pyftpdlib", "vsftpd", "proftpd")
def test_several_faults_one_after_the_other_on_both_sides(between: Between) -> None:
    between.put("orders.xml", *MANY)
    between.survives(
        shop=(Broken("RETR", "cut", 1000), LostAnswer("DELE")),
        office=(Broken("STOR", "cut", 1000), LostAnswer("RNTO")),
    )
