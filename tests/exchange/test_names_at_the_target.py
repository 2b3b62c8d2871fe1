"""Names at the target: patterns, one fixed name for all, temporary names and done-files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.endpoints import Staged, Written
from gateway.endpoints.local import LocalTarget
from gateway.errors import EndpointRefused, OutcomeUnknown
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export


def named(site: TestSite, lines: str) -> None:
    """The target with further options."""
    site.configure(replace=("    folder: pohoda\n", f"    folder: pohoda\n    {lines}\n"))


def test_files_are_named_as_the_target_says(site: TestSite) -> None:
    named(site, 'file_name: "OBJ-{key}.xml"')
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    assert list(site.shipped()) == ["OBJ-1001.xml", "OBJ-1002.xml"]


def test_under_one_fixed_name_each_file_waits_until_the_one_before_is_taken(site: TestSite) -> None:
    # given a receiver that wants orders.xml
    named(site, "file_name: orders.xml")
    site.drop("in.xml", export("1001", "1002", "1003"))
    # when nobody takes it
    site.run()
    site.run()
    # then nothing is overwritten, and the next one lies ready beside it
    place = site.folder / "out" / "pohoda"
    assert site.numbers() == ["1001", "1002"]
    assert b">1001<" in (place / "orders.xml").read_bytes()
    assert site.status().routes[0].waiting == 2
    (story,) = site.story("1002")
    assert "`orders.xml` waits: the file of that name before it has not been taken" in str(story)
    assert "G014: `orders.xml` waits: the file of that name before it has not been taken" in site.told()
    # and each one comes when the one before was taken
    taken = []
    for _ in range(3):
        taken.append((place / "orders.xml").read_bytes())
        (place / "orders.xml").unlink()
        site.run()
    assert [
        number in content for number, content in zip((b">1001<", b">1002<", b">1003<"), taken, strict=True)
    ] == [
        True,
        True,
        True,
    ]
    assert site.shipped() == {}
    assert site.status().routes[0].waiting == 0


def test_a_waiting_file_that_the_server_lost_is_sent_anew_and_not_taken_for_the_one_before(site: TestSite) -> None:
    # given a second order of the very same size that waits for the name of the first
    named(site, "file_name: orders.xml")
    site.drop("in.xml", export("1001", "1002"))
    site.run()
    place = site.folder / "out" / "pohoda"
    (waiting,) = [path for path in place.iterdir() if path.name != "orders.xml"]
    assert waiting.stat().st_size == (place / "orders.xml").stat().st_size
    # when the server's clean-up removes it
    waiting.unlink()
    site.run()
    # then it waits again, and comes in its turn
    assert site.numbers() == ["1001", "1002"]
    (place / "orders.xml").unlink()
    site.run()
    assert site.numbers() == ["1002"]


def test_an_interruption_while_the_fixed_name_is_given_neither_loses_nor_doubles(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second order that waits
    named(site, "file_name: orders.xml")
    site.drop("in.xml", export("1001", "1002"))
    site.run()
    place = site.folder / "out" / "pohoda"
    (place / "orders.xml").unlink()
    real = LocalTarget.publish

    def publish_and_break(target: LocalTarget, staged: Staged) -> Written:
        real(target, staged)
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalTarget, "publish", publish_and_break)
    with pytest.raises(KeyboardInterrupt):
        site.run()
    monkeypatch.undo()
    # when the gateway starts again
    site.run()
    site.run()
    # then it is there once
    assert site.numbers() == ["1002"]
    assert site.status().routes[0].waiting == 0


def test_temporary_names_and_done_files_are_as_the_receiver_needs_them(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = LocalTarget.publish

    def publish(target: LocalTarget, staged: Staged) -> Written:
        seen.extend(str(path.relative_to(target.folder)) for path in target.folder.rglob("*") if path.is_file())
        return real(target, staged)

    monkeypatch.setattr(LocalTarget, "publish", publish)
    named(site, 'temporary: "upload/{name}.{attempt}"\n    done_file: "{stem}.ok"')
    site.drop("orders.xml", export("1001"))
    site.run()
    assert len(seen) == 1
    assert seen[0].startswith(str(Path("upload") / "shop-main_order_1001.xml."))
    assert sorted(path.name for path in (site.folder / "out" / "pohoda").iterdir() if path.is_file()) == [
        "shop-main_order_1001.ok",
        "shop-main_order_1001.xml",
    ]


def test_an_interruption_before_the_done_file_is_made_good(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a line that breaks after the final name was given, before the done-file
    named(site, 'done_file: "{name}.done"')
    site.drop("orders.xml", export("1001"))

    def broken(_target: LocalTarget, _staged: Staged) -> None:
        raise OutcomeUnknown("cut", code="E001")

    monkeypatch.setattr(LocalTarget, "_mark", broken)
    site.run()
    assert list(site.shipped()) == ["shop-main_order_1001.xml"]
    monkeypatch.undo()
    # when
    site.do("retry", "1001")
    site.run()
    # then
    assert list(site.shipped()) == ["shop-main_order_1001.xml", "shop-main_order_1001.xml.done"]
    assert site.status().routes[0].waiting == 0


def test_inputs_are_moved_into_a_folder_of_the_day(site: TestSite) -> None:
    site.configure('from: {after: {move: "archive/%Y"}}')
    site.drop("orders.xml", export("1001"))
    site.run()
    folder = site.folder / "spool" / "shop" / "in" / "archive"
    (year,) = folder.iterdir()
    assert year.name.isdigit()
    assert [path.name for path in year.iterdir()] == ["orders.xml"]
    assert site.numbers() == ["1001"]


WINDOW = "file_name: orders.xml\n    window: 7 d"


def test_in_a_window_the_file_carries_all_of_it_and_is_replaced(site: TestSite) -> None:
    # given a receiver that reads orders.xml and never removes it
    named(site, WINDOW)
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    assert (list(site.shipped()), site.numbers()) == (["orders.xml"], ["1001", "1002"])
    # when another order comes
    site.drop("b.xml", export("1003"))
    site.run()
    # then the file has them all, each once
    assert (list(site.shipped()), site.numbers()) == (["orders.xml"], ["1001", "1002", "1003"])
    assert site.status().routes[0].waiting == 0
    assert site.status().routes[0].sent_today == 3
    # and nothing new changes nothing
    before = site.shipped()
    site.run()
    assert site.shipped() == before


def test_what_is_older_than_the_window_is_not_carried_any_more(site: TestSite) -> None:
    named(site, WINDOW)
    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened, opened.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE delivery SET created_at = '2026-01-01T00:00:00.000000Z'")
    site.drop("b.xml", export("1002"))
    site.run()
    assert site.numbers() == ["1002"]


def test_a_foreign_file_is_not_replaced_in_a_window_either(site: TestSite) -> None:
    named(site, WINDOW)
    place = site.folder / "out" / "pohoda"
    place.mkdir(parents=True)
    (place / "orders.xml").write_bytes(b"somebody else's")
    site.drop("a.xml", export("1001"))
    site.run()
    assert (place / "orders.xml").read_bytes() == b"somebody else's"
    (matter,) = site.status().matters
    assert matter.what == "delivery failed"
    # and once it is moved away, a retry sends it
    (place / "orders.xml").unlink()
    site.do("retry", "1001")
    site.run()
    assert site.numbers() == ["1001"]


def test_an_older_delivery_that_is_retried_in_a_window_takes_nothing_away(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given three deliveries, the second of which was refused at first
    named(site, WINDOW)
    real = LocalTarget.stage

    def refuses(target: LocalTarget, name: str, content: bytes, *, attempt: str) -> Staged:
        if b">1002<" in content:
            raise EndpointRefused("quota", code="E008")
        return real(target, name, content, attempt=attempt)

    monkeypatch.setattr(LocalTarget, "stage", refuses)
    site.drop("a.xml", export("1001", "1002", "1003"))
    site.run()
    monkeypatch.undo()
    assert site.numbers() == ["1001", "1003"]
    # when it is retried
    site.do("retry", "1002")
    site.run()
    # then all are there, and the next one comes too
    assert site.numbers() == ["1001", "1002", "1003"]
    site.drop("b.xml", export("1004"))
    site.run()
    assert site.numbers() == ["1001", "1002", "1003", "1004"]


def test_an_interruption_in_a_window_loses_nothing(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    named(site, WINDOW)
    site.drop("a.xml", export("1001"))
    site.run()
    real = LocalTarget.publish
    for breaks_after in (False, True):

        def interrupted(
            target: LocalTarget, staged: Staged, *, over: int | None = None, after: bool = breaks_after
        ) -> Written:
            if after:
                real(target, staged, over=over)
            raise KeyboardInterrupt

        monkeypatch.setattr(LocalTarget, "publish", interrupted)
        site.drop(f"b-{breaks_after}.xml", export("1003" if breaks_after else "1002"))
        with pytest.raises(KeyboardInterrupt):
            site.run()
        monkeypatch.undo()
        site.run()
        assert site.numbers() == ["1001", "1002", *(["1003"] if breaks_after else [])]
        assert site.status().routes[0].waiting == 0


def test_a_window_needs_a_fixed_name(site: TestSite) -> None:
    named(site, "window: 7 d")
    with site.open() as opened:
        (problem,) = opened.problems
    assert problem.message == "`window` needs one fixed `file_name`, without `{key}`"
