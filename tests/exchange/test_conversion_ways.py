"""A conversion gives the same in one process and in several, checked in packs and one by one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError, SourceProblems
from gateway.exchange import conversion as converting
from gateway.exchange.conversion import WORTH_A_WORKER, Block, Conversion, Prepared, Tally, convert, workers_for
from gateway.mapping import load as load_mapping
from gateway.rendering import load, load_schema
from tests.exchange.shop import ShopOrder, export

SETTINGS = {"company_id": "12345678"}
LOOKUPS = {"payment": {"cash_on_delivery": "Dobírkou"}}


def prepared() -> Prepared:
    template = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
    return load_mapping("shoptet/order"), template, load_schema("pohoda/data")


def outcome(conversion: Conversion, workers: int) -> tuple[bytes, Tally]:
    tally, written = Tally(), []
    for piece in convert(conversion, workers=workers):
        if isinstance(piece, Block):
            tally.add(piece)
        written.append(piece.xml if isinstance(piece, Block) else piece)
    return b"".join(written), tally


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The input; its parts and blocks are small, and no process outlives the test."""
    monkeypatch.setattr(converting, "PART", 3000)
    monkeypatch.setattr(converting, "BLOCK", 3)
    yield tmp_path / "in.xml"
    assert multiprocessing.active_children() == []


def of(source: Path) -> Conversion:
    return Conversion(source, "in.xml", "shop-main", prepared)


def some(count: int) -> list[ShopOrder]:
    """Orders, some of which are bad, cancelled, or changed a little when they are written."""
    return [
        ShopOrder(
            f"{number:04}",
            payment="Bitcoin" if number % 11 == 4 else "Dobírka",
            status="Stornována" if number % 13 == 5 else "Nová",
            name="Київ" if number % 7 == 3 else "Jana",
            remark="x" * (number % 5 * 300),
        )
        for number in range(count)
    ]


def among(between: str) -> bytes:
    """An export with something between two of its orders."""
    before = b"  <ORDER>\n    <ORDER_ID>0020"
    assert before in export(*some(60))
    return export(*some(60)).replace(before, between.encode() + before)


INPUTS = {
    "bad ones among good ones": export(*some(60)),
    "an end tag in a comment": among("<!-- </ORDER> -->"),
    "an end tag in a text": export(*some(30), ShopOrder("9", remark="</ORDER>"), *some(30)),
    "a record without an end tag": among("<ORDER/>"),
    "a cut through a long comment": among(f"<!-- {'</ORDER> ' * 700}-->"),
    "one large record": export(*some(20), ShopOrder("9", remark="y" * 20_000), *some(20)),
}


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS.keys())
def test_several_processes_give_what_one_gives(source: Path, content: bytes) -> None:
    source.write_bytes(content)
    one = outcome(of(source), 1)
    assert one[1].written > 20
    for workers in (2, 3):
        assert outcome(of(source), workers) == one


def test_bytes_that_are_not_of_the_encoding_are_told_as_by_one_process(source: Path) -> None:
    content = export(*some(60))
    source.write_bytes(content.replace(b"0050</ORDER_ID>", b"\xe9</ORDER_ID>"))
    told = []
    for workers in (1, 2):
        with pytest.raises(SourceProblems) as caught:
            outcome(of(source), workers)
        told.append(caught.value.problems)
    assert [problem.code for problem in told[0]] == ["S005"]
    assert told[0] == told[1]


def test_what_has_no_room_in_shared_memory_comes_as_well(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source.write_bytes(export(*some(60)))
    one = outcome(of(source), 1)
    monkeypatch.setattr("gateway.exchange.crew.ROOM", 5000)
    assert outcome(of(source), 2) == one


def test_beside_other_threads_the_processes_are_new_ones(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source.write_bytes(export(*some(30)))
    one = outcome(of(source), 1)
    monkeypatch.setattr("threading.active_count", partial(int, 2))
    assert outcome(of(source), 2) == one


TEMPLATE = """\
{% block head %}
<pack>
{% endblock %}
{% block record %}
<name>{{ document.billing.name | text }}</name>
{% endblock %}
{% block tail %}
</pack>
{% endblock %}
"""
SCHEMA = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="pack"><xs:complexType><xs:sequence>
    <xs:element name="name" maxOccurs="unbounded"><xs:simpleType>
      <xs:restriction base="xs:string"><xs:maxLength value="64"/></xs:restriction>
    </xs:simpleType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_pack_has_the_bad_records_that_each_alone_has(
    source: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # given a schema that some names are too long for
    site = source.parent
    (site / "own.xsd").write_text(SCHEMA, encoding="utf-8")
    (site / "templates" / "mine").mkdir(parents=True)
    (site / "templates" / "mine" / "order.xml.j2").write_text(TEMPLATE, encoding="utf-8")
    source.write_bytes(export(*(ShopOrder(f"{n:04}", name="x" * (40 if n % 9 else 70)) for n in range(40))))
    monkeypatch.setattr(converting, "BLOCK", size)

    def own() -> Prepared:
        return (
            load_mapping("shoptet/order"),
            load("mine/order", site=site),
            load_schema(str(site / "own.xsd")),
        )

    # when
    _, tally = outcome(Conversion(source, "in.xml", "shop-main", own), 1)
    # then
    assert (tally.written, tally.set_aside) == (35, 5)
    assert [(p.code, p.record) for p in tally.problems] == [("X001", f"order {n:04}") for n in range(0, 40, 9)]


def begun(source: Path, workers: int = 2) -> Any:
    """A conversion that has given its first block."""
    pieces = convert(of(source), workers=workers)
    while not isinstance(next(pieces), Block):
        pass
    return pieces


def test_who_stops_early_leaves_no_process(source: Path) -> None:
    source.write_bytes(export(*some(2000)))
    pieces = begun(source)
    assert len(multiprocessing.active_children()) == 2
    pieces.close()
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_killed_is_told(source: Path, victim: int) -> None:
    source.write_bytes(export(*some(2000)))
    pieces = begun(source)
    children = sorted(multiprocessing.active_children(), key=lambda child: child.pid or 0)
    os.kill(children[victim].pid or 0, signal.SIGKILL)
    with pytest.raises(GatewayError, match="a worker process ended before its work was done"):
        list(pieces)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("shorter", [False, True])
def test_an_input_that_changes_meanwhile_is_told(source: Path, workers: int, shorter: bool) -> None:
    content = export(*some(800))
    source.write_bytes(content)
    pieces = begun(source, workers)
    other = source.with_name("new.xml")
    other.write_bytes(content[: len(content) // 2] if shorter else export(*some(799)))
    other.replace(source)
    with pytest.raises(GatewayError):
        list(pieces)


def test_an_input_that_is_gone_is_told(source: Path) -> None:
    source.write_bytes(export(*some(800)))
    pieces = begun(source)
    source.unlink()
    with pytest.raises(FileNotFoundError):
        list(pieces)


def test_processes_are_used_as_far_as_the_input_is_worth_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    sizes = (0, 10_000, WORTH_A_WORKER, 2 * WORTH_A_WORKER, 3 * WORTH_A_WORKER + 1, 100 * WORTH_A_WORKER)
    assert [workers_for(size) for size in sizes] == [1, 1, 1, 2, 3, 4]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert workers_for(100 * WORTH_A_WORKER) == 1
