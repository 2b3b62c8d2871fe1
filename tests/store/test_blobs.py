"""Blobs: stored once, checked at every reading, swept when no row knows them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.errors import DiskTrouble
from gateway.store import tables
from gateway.store.blobs import BlobMissing, Blobs
from gateway.store.ledger import Ledger


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def keep(blobs: Blobs, ledger: Ledger, *contents: bytes, segment: str = "one") -> None:
    stored = blobs.store(contents, segment)
    with ledger.write() as connection:
        blobs.record(connection, stored)


def files(blobs: Blobs) -> list[str]:
    return sorted(path.name for path in blobs.folder.iterdir())


def test_many_contents_share_one_segment_and_are_read_back(blobs: Blobs, ledger: Ledger) -> None:
    contents = [f"<order>{n}</order>".encode() * (n % 7) for n in range(500)]
    keep(blobs, ledger, *contents)
    assert files(blobs) == ["one"]
    assert [blobs.read(digest(content)) for content in contents] == contents


def test_a_block_of_many_contents_costs_one_fsync_of_a_file(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import stat

    synced: list[bool] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(stat.S_ISREG(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    blobs.store([b"a", b"b", b"c"], "one")
    assert synced == [True, False]


def test_nothing_to_store_makes_no_segment(blobs: Blobs, ledger: Ledger) -> None:
    keep(blobs, ledger)
    assert files(blobs) == []


def test_the_same_content_twice_stands_in_the_ledger_once(blobs: Blobs, ledger: Ledger) -> None:
    keep(blobs, ledger, b"same", b"same", b"other")
    keep(blobs, ledger, b"same", segment="two")
    with ledger.read() as connection:
        rows = connection.execute(select(tables.blob.c.sha256, tables.blob.c.segment)).all()
    assert sorted(rows) == sorted([(digest(b"same"), "one"), (digest(b"other"), "one")])
    # and the second segment is of no use to anybody
    assert blobs.sweep() == 1
    assert blobs.read(digest(b"same")) == b"same"


def test_an_input_that_is_taken_in_is_a_segment_of_its_own(blobs: Blobs, ledger: Ledger, tmp_path: Path) -> None:
    source = tmp_path / "copy"
    source.write_bytes(b"<ORDERS/>")
    stored = blobs.take_in(source, digest(b"<ORDERS/>"))
    with ledger.write() as connection:
        blobs.record(connection, [stored])
    assert not source.exists()
    with blobs.as_file(digest(b"<ORDERS/>")) as path:
        assert path.read_bytes() == b"<ORDERS/>"


def test_a_content_within_a_segment_can_be_read_as_a_file_too(blobs: Blobs, ledger: Ledger) -> None:
    keep(blobs, ledger, b"first", b"second")
    with blobs.as_file(digest(b"second")) as path:
        assert path.read_bytes() == b"second"
    with blobs.as_file(digest(b"first")) as path:
        assert path.read_bytes() == b"first"
    assert files(blobs) == ["one"]


READINGS = {"read": lambda blobs, sha: blobs.read(sha), "as a file": lambda blobs, sha: _as_file(blobs, sha)}


def _as_file(blobs: Blobs, sha: str) -> bytes:
    with blobs.as_file(sha) as path:
        return path.read_bytes()


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
@pytest.mark.parametrize("content", [b"alone", b"together"])
def test_damaged_bytes_are_never_handed_out(blobs: Blobs, ledger: Ledger, reading, content: bytes) -> None:  # type: ignore[no-untyped-def]
    keep(blobs, ledger, *([content] if content == b"alone" else [b"before", content, b"after"]))
    segment = blobs.folder / "one"
    segment.write_bytes(segment.read_bytes().replace(content, content.upper()))
    with pytest.raises(BlobMissing) as caught:
        reading(blobs, digest(content))
    assert str(caught.value) == (
        f"the stored bytes {digest(content)[:12]} are damaged: their checksum is another one"
    )


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_bytes_that_are_gone_are_told(blobs: Blobs, ledger: Ledger, reading) -> None:  # type: ignore[no-untyped-def]
    keep(blobs, ledger, b"content")
    (blobs.folder / "one").unlink()
    with pytest.raises(BlobMissing) as caught:
        reading(blobs, digest(b"content"))
    assert str(caught.value) == (
        f"the stored bytes {digest(b'content')[:12]} cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_bytes_that_the_disk_does_not_give_may_come_later(blobs: Blobs, ledger: Ledger, reading) -> None:  # type: ignore[no-untyped-def]
    # given a segment that is there and cannot be read
    keep(blobs, ledger, b"content")
    (blobs.folder / "one").unlink()
    (blobs.folder / "one").mkdir()
    with pytest.raises(OSError, match="one") as refusal:
        (blobs.folder / "one").read_bytes()
    # when
    with pytest.raises(DiskTrouble) as caught:
        reading(blobs, digest(b"content"))
    # then
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "G020",
        f"the stored bytes {digest(b'content')[:12]} cannot be read: {refusal.value.strerror}",
        "look at the disk of the spool; it is tried again",
    )
    assert caught.value.retryable


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_a_segment_that_was_cut_is_told(blobs: Blobs, ledger: Ledger, reading) -> None:  # type: ignore[no-untyped-def]
    keep(blobs, ledger, b"first", b"second")
    (blobs.folder / "one").write_bytes(b"firstsec")
    assert reading(blobs, digest(b"first")) == b"first"
    with pytest.raises(BlobMissing):
        reading(blobs, digest(b"second"))


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_bytes_that_the_ledger_does_not_know_are_told(blobs: Blobs, reading) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BlobMissing) as caught:
        reading(blobs, digest(b"never"))
    assert str(caught.value) == (
        f"the stored bytes {digest(b'never')[:12]} are not in the ledger (aged out or erased)"
    )


def test_a_content_whose_segment_was_lost_is_in_order_once_it_is_stored_again(
    blobs: Blobs, ledger: Ledger
) -> None:
    keep(blobs, ledger, b"content")
    (blobs.folder / "one").unlink()
    keep(blobs, ledger, b"more", b"content", segment="two")
    assert blobs.read(digest(b"content")) == b"content"


def test_a_sweep_removes_what_a_crash_left_and_nothing_that_a_row_knows(blobs: Blobs, ledger: Ledger) -> None:
    # given a known segment, one whose rows never came, and a half written one
    keep(blobs, ledger, b"known", segment="known")
    blobs.store([b"lost"], "lost")
    (blobs.folder / ".half.tmp").write_bytes(b"ha")
    # when
    assert blobs.sweep() == 2
    # then
    assert files(blobs) == ["known"]
    assert blobs.sweep() == 0


# -- removing --------------------------------------------------------------------------------------------


def remove(blobs: Blobs, ledger: Ledger, *contents: bytes, anew: bool = False) -> int:
    with ledger.write() as connection:
        digests = [digest(content) for content in contents]
        segments = blobs.erase(connection, digests) if anew else blobs.drop(connection, digests)
    return blobs.unlink(segments)


def test_a_segment_goes_with_the_last_of_its_blobs(blobs: Blobs, ledger: Ledger) -> None:
    keep(blobs, ledger, b"first", b"second")
    assert remove(blobs, ledger, b"first") == 0
    assert (files(blobs), blobs.read(digest(b"second"))) == (["one"], b"second")
    assert remove(blobs, ledger, b"second") == len(b"firstsecond")
    assert files(blobs) == []


def test_erased_bytes_are_gone_and_the_others_of_their_segment_are_not(blobs: Blobs, ledger: Ledger) -> None:
    keep(blobs, ledger, b"first", b"Jana", b"third")
    remove(blobs, ledger, b"Jana", anew=True)
    assert [path.read_bytes() for path in blobs.folder.iterdir()] == [b"firstthird"]
    assert (blobs.read(digest(b"first")), blobs.read(digest(b"third"))) == (b"first", b"third")
    with pytest.raises(BlobMissing):
        blobs.read(digest(b"Jana"))
    # and once more, from the segment that was written anew
    remove(blobs, ledger, b"first", anew=True)
    assert [path.read_bytes() for path in blobs.folder.iterdir()] == [b"third"]
    assert len(files(blobs)[0]) < len("one~12345678~")


def test_what_is_removed_and_comes_again_in_the_same_moment_is_kept(
    blobs: Blobs, ledger: Ledger, tmp_path: Path
) -> None:
    # given an input whose row has just been removed, and which is taken in again before its file is
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(b"<ORDERS/>")
    with ledger.write() as connection:
        blobs.record(connection, [blobs.take_in(tmp_path / "old", digest(b"<ORDERS/>"))])
    with ledger.write() as connection:
        segments = blobs.drop(connection, [digest(b"<ORDERS/>")])
    again = blobs.take_in(tmp_path / "new", digest(b"<ORDERS/>"))
    # when
    assert blobs.unlink(segments) == 0
    with ledger.write() as connection:
        blobs.record(connection, [again])
    assert blobs.unlink(segments) == 0
    # then
    assert blobs.read(digest(b"<ORDERS/>")) == b"<ORDERS/>"


def test_a_crash_between_the_rows_and_the_file_leaves_what_the_next_start_sweeps(
    blobs: Blobs, ledger: Ledger
) -> None:
    keep(blobs, ledger, b"content")
    with ledger.write() as connection:
        blobs.drop(connection, [digest(b"content")])
    assert (files(blobs), blobs.sweep(), files(blobs)) == (["one"], 1, [])
