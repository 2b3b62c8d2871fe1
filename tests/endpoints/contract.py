"""What every source and every target promises; each implementation passes these suites in full."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.endpoints import AfterWork, Entry, Look, Outcome, Source, Target, Written
from gateway.errors import EndpointError

DELETE = AfterWork(action="delete")
KEEP = AfterWork(action="keep")
MOVE = AfterWork(action="move", folder="done")


class SourceContract:
    """Subclasses give `root` (the folder behind the source, on disk) and `open_source`."""

    @pytest.fixture
    def root(self) -> Path:
        raise NotImplementedError("the implementation's own test gives its folder")

    @pytest.fixture
    def open_source(self, root: Path) -> Iterator[Callable[..., Source]]:
        raise NotImplementedError("the implementation's own test opens its source")

    @pytest.fixture
    def set_time(self) -> Callable[[Path, float], None]:
        """How the time of a file in `root` is set."""
        return lambda path, seconds: os.utime(path, (seconds, seconds))

    def test_an_empty_folder_lists_nothing(self, open_source: Callable[..., Source]) -> None:
        assert list(open_source().list()) == []

    def test_a_file_is_listed_with_its_name_and_size(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<ORDERS/>")
        (entry,) = open_source().list()
        assert (entry.name, entry.size) == ("orders.xml", 9)

    def test_the_time_of_a_file_is_aware_where_it_is_known(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        (root / "orders.xml").write_bytes(b"<ORDERS/>")
        (entry,) = open_source().list()
        assert entry.modified is None or entry.modified.tzinfo is not None

    def test_two_listings_of_an_unchanged_file_are_equal(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        (root / "orders.xml").write_bytes(b"<ORDERS/>")
        source = open_source()
        assert list(source.list()) == list(source.list())

    def test_only_names_that_fit_the_mask_are_listed(self, root: Path, open_source: Callable[..., Source]) -> None:
        for name in ("orders-1.xml", "stock.xml", "ORDERS-2.XML", "orders.csv"):
            (root / name).write_bytes(b"<a/>")
        names = {entry.name for entry in open_source(files=("orders*.xml",)).list()}
        assert names == {"orders-1.xml", "ORDERS-2.XML"}

    @pytest.mark.parametrize("name", ["orders.xml.part", ".orders.xml", "orders.xml.tmp", "orders.xml~"])
    def test_a_temporary_name_is_never_listed(
        self, root: Path, open_source: Callable[..., Source], name: str
    ) -> None:
        (root / name).write_bytes(b"<a/>")
        assert list(open_source(files=("*",)).list()) == []

    def test_a_folder_is_never_listed(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "folder.xml").mkdir()
        assert list(open_source().list()) == []

    def test_files_are_listed_oldest_first(
        self, root: Path, open_source: Callable[..., Source], set_time: Callable[[Path, float], None]
    ) -> None:
        for name, seconds in (("b.xml", 1_700_000_000), ("a.xml", 1_700_000_100), ("c.xml", 1_600_000_000)):
            (root / name).write_bytes(b"<a/>")
            set_time(root / name, seconds)
        assert [entry.name for entry in open_source().list()] == ["c.xml", "b.xml", "a.xml"]

    def test_a_vanished_folder_is_an_error_and_never_no_files(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        source = open_source(folder="not-there")
        with pytest.raises(EndpointError) as caught:
            list(source.list())
        assert caught.value.code == "E003"

    def test_a_file_is_read_whole(self, root: Path, open_source: Callable[..., Source]) -> None:
        content = bytes(range(256)) * 4000
        (root / "orders.xml").write_bytes(content)
        source, into = open_source(), io.BytesIO()
        (entry,) = source.list()
        source.read(entry, into)
        assert into.getvalue() == content

    def test_an_empty_file_is_read_as_nothing(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"")
        source, into = open_source(), io.BytesIO()
        (entry,) = source.list()
        source.read(entry, into)
        assert into.getvalue() == b""

    def test_a_name_with_blanks_and_letters_of_the_country_is_read(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        (root / "objednávky č 1.xml").write_bytes(b"<a/>")
        source, into = open_source(), io.BytesIO()
        (entry,) = source.list()
        source.read(entry, into)
        assert (entry.name, into.getvalue()) == ("objednávky č 1.xml", b"<a/>")

    def test_reading_a_file_that_is_gone_raises(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source()
        (entry,) = source.list()
        (root / "orders.xml").unlink()
        with pytest.raises(EndpointError) as caught:
            source.read(entry, io.BytesIO())
        assert caught.value.retryable

    def test_ack_deletes_where_the_route_says_so(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=DELETE)
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert not (root / "orders.xml").exists()

    def test_ack_moves_into_a_folder_that_it_makes(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=MOVE)
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert (root / "done" / "orders.xml").read_bytes() == b"<a/>"
        assert list(source.list()) == []

    def test_ack_never_overwrites_an_earlier_file_of_the_same_name(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        source = open_source(after=MOVE)
        for content in (b"<a/>", b"<bb/>", b"<ccc/>"):
            (root / "orders.xml").write_bytes(content)
            (entry,) = source.list()
            source.ack(entry, Outcome.DONE)
        kept = sorted(path.read_bytes() for path in (root / "done").iterdir())
        assert kept == [b"<a/>", b"<bb/>", b"<ccc/>"]

    def test_ack_leaves_a_file_that_is_to_be_kept(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=KEEP)
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert (root / "orders.xml").exists()

    def test_ack_twice_is_the_same_as_once(self, root: Path, open_source: Callable[..., Source]) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=DELETE)
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        source.ack(entry, Outcome.DONE)
        assert not (root / "orders.xml").exists()

    def test_ack_leaves_a_file_that_was_replaced_since(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=DELETE)
        (entry,) = source.list()
        (root / "orders.xml").write_bytes(b"<a>a new content</a>")
        source.ack(entry, Outcome.DONE)
        assert (root / "orders.xml").read_bytes() == b"<a>a new content</a>"

    def test_a_source_is_of_use_again_after_an_error(self, root: Path, open_source: Callable[..., Source]) -> None:
        source = open_source()
        with pytest.raises(EndpointError):
            source.read(Entry("nothing.xml", 1), io.BytesIO())
        (root / "orders.xml").write_bytes(b"<a/>")
        assert [entry.name for entry in source.list()] == ["orders.xml"]

    def test_close_may_be_called_twice(self, open_source: Callable[..., Source]) -> None:
        source = open_source()
        list(source.list())
        source.close()
        source.close()

    def test_by_name_numbers_count_as_numbers(self, root: Path, open_source: Callable[..., Source]) -> None:
        for name in ("order-10.xml", "order-9.xml", "order-100.xml"):
            (root / name).write_bytes(b"<a/>")
        listed = [entry.name for entry in open_source(sort="name").list()]
        assert listed == ["order-9.xml", "order-10.xml", "order-100.xml"]

    @pytest.mark.parametrize(("pattern", "marker"), [("{name}.done", "a.xml.done"), ("{stem}.ok", "a.ok")])
    def test_with_done_files_a_file_counts_only_once_its_own_is_there(
        self, root: Path, open_source: Callable[..., Source], pattern: str, marker: str
    ) -> None:
        source = open_source(done_file=pattern)
        (root / "a.xml").write_bytes(b"<a/>")
        (root / "b.xml").write_bytes(b"<a/>")
        assert list(source.list()) == []
        (root / marker).write_bytes(b"")
        assert [entry.name for entry in source.list()] == ["a.xml"]

    @pytest.mark.parametrize("after", [DELETE, MOVE])
    def test_ack_removes_the_done_file_after_the_file(
        self, root: Path, open_source: Callable[..., Source], after: AfterWork
    ) -> None:
        (root / "a.xml").write_bytes(b"<a/>")
        (root / "a.xml.done").write_bytes(b"")
        source = open_source(after=after, done_file="{name}.done")
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert not (root / "a.xml").exists()
        assert not (root / "a.xml.done").exists()

    def test_a_done_file_whose_file_is_gone_is_removed_by_the_next_ack(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        """The line may break between the two: an ack is repeated until it went through."""
        (root / "a.xml").write_bytes(b"<a/>")
        (root / "a.xml.done").write_bytes(b"")
        source = open_source(after=DELETE, done_file="{name}.done")
        (entry,) = source.list()
        (root / "a.xml").unlink()
        source.ack(entry, Outcome.DONE)
        assert not (root / "a.xml.done").exists()

    def test_ack_moves_into_folders_of_several_levels(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=AfterWork(action="move", folder="archive/2026-11"))
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert (root / "archive" / "2026-11" / "orders.xml").read_bytes() == b"<a/>"

    def test_two_hundred_files_are_listed_completely(self, root: Path, open_source: Callable[..., Source]) -> None:
        for number in range(200):
            (root / f"order-{number:03}.xml").write_bytes(b"<a/>")
        assert len(list(open_source().list())) == 200


class TargetContract:
    """Subclasses give `root` (the folder behind the target, on disk) and `open_target`."""

    @pytest.fixture
    def root(self) -> Path:
        raise NotImplementedError("the implementation's own test gives its folder")

    @pytest.fixture
    def open_target(self, root: Path) -> Iterator[Callable[..., Target]]:
        raise NotImplementedError("the implementation's own test opens its target")

    def test_a_staged_file_lies_whole_under_a_temporary_name(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        staged = open_target().stage("order.xml", b"<a/>", attempt="d1-1")
        assert (root / staged.temporary).read_bytes() == b"<a/>"
        assert not (root / "order.xml").exists()

    def test_a_temporary_name_is_no_import_file(self, open_target: Callable[..., Target]) -> None:
        staged = open_target().stage("order.xml", b"<a/>", attempt="d1-1")
        assert not staged.temporary.endswith(".xml")

    def test_publish_gives_the_final_name_and_leaves_nothing_else(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        target = open_target()
        written = target.publish(target.stage("order.xml", b"<a/>", attempt="d1-1"))
        assert (written.name, written.size) == ("order.xml", 4)
        assert [path.name for path in root.iterdir()] == ["order.xml"]

    def test_a_large_content_arrives_byte_for_byte(self, root: Path, open_target: Callable[..., Target]) -> None:
        content = bytes(range(256)) * 8000
        target = open_target()
        target.publish(target.stage("order.xml", content, attempt="d1-1"))
        assert (root / "order.xml").read_bytes() == content

    def test_publish_never_replaces_a_file_that_is_there(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        (root / "order.xml").write_bytes(b"somebody else's")
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        with pytest.raises(EndpointError) as caught:
            target.publish(staged)
        assert (caught.value.code, caught.value.retryable) == ("E007", False)
        assert (root / "order.xml").read_bytes() == b"somebody else's"

    def test_publish_replaces_only_a_file_of_the_size_that_it_was_told(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        (root / "orders.xml").write_bytes(b"<old/>")
        target = open_target()
        staged = target.stage("orders.xml", b"<all-of-it/>", attempt="d1-1")
        with pytest.raises(EndpointError) as caught:
            target.publish(staged, over=5)
        assert caught.value.code == "E007"
        assert (root / "orders.xml").read_bytes() == b"<old/>"
        target.publish(target.stage("orders.xml", b"<all-of-it/>", attempt="d1-2"), over=6)
        assert (root / "orders.xml").read_bytes() == b"<all-of-it/>"

    def test_publish_that_may_replace_also_takes_a_free_name(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        target = open_target()
        target.publish(target.stage("orders.xml", b"<a/>", attempt="d1-1"), over=6)
        assert (root / "orders.xml").read_bytes() == b"<a/>"

    def test_staging_again_replaces_the_earlier_attempt(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        target = open_target()
        target.stage("order.xml", b"a longer first attempt", attempt="d1-1")
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.publish(staged)
        assert (root / "order.xml").read_bytes() == b"<a/>"

    def test_look_finds_a_staged_file(self, open_target: Callable[..., Target]) -> None:
        target = open_target()
        assert target.look(target.stage("order.xml", b"<a/>", attempt="d1-1")) is Look.STAGED

    def test_look_finds_a_published_file(self, open_target: Callable[..., Target]) -> None:
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.publish(staged)
        assert target.look(staged) is Look.PUBLISHED

    def test_look_finds_that_the_receiver_took_it(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.publish(staged)
        (root / "order.xml").unlink()
        assert target.look(staged) is Look.ABSENT

    def test_look_tells_somebody_elses_file_from_ours(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.discard(staged)
        (root / "order.xml").write_bytes(b"somebody else's")
        assert target.look(staged) is Look.TAKEN

    def test_discard_removes_the_temporary_file(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.discard(staged)
        target.discard(staged)
        assert list(root.iterdir()) == []

    def test_take_away_removes_a_file_that_was_shipped(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        target = open_target()
        written = target.publish(target.stage("order.xml", b"<order/>", attempt="1"))
        target.take_away(written)
        assert list(root.iterdir()) == []

    def test_take_away_twice_is_the_same_as_once(self, open_target: Callable[..., Target]) -> None:
        target = open_target()
        written = target.publish(target.stage("order.xml", b"<order/>", attempt="1"))
        target.take_away(written)
        target.take_away(written)

    def test_take_away_leaves_a_file_of_another_size(self, root: Path, open_target: Callable[..., Target]) -> None:
        (root / "order.xml").write_bytes(b"somebody else's")
        open_target().take_away(Written("order.xml", 8))
        assert (root / "order.xml").read_bytes() == b"somebody else's"

    def test_take_away_removes_the_done_file_too(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target(done_file="{name}.done")
        target.take_away(target.publish(target.stage("order.xml", b"<order/>", attempt="1")))
        assert list(root.iterdir()) == []

    def test_publishing_what_was_never_staged_raises(self, root: Path, open_target: Callable[..., Target]) -> None:
        """Not as OutcomeUnknown where one can know: any other error says that it surely did not happen."""
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.discard(staged)
        with pytest.raises(EndpointError):
            target.publish(staged)
        assert not (root / "order.xml").exists()

    def test_a_target_is_of_use_again_after_an_error(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target()
        (root / "order.xml").write_bytes(b"x")
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        with pytest.raises(EndpointError):
            target.publish(staged)
        target.publish(target.stage("order-2.xml", b"<a/>", attempt="d2-1"))
        assert (root / "order-2.xml").exists()

    @pytest.mark.parametrize(
        "pattern", ["{name}.{attempt}.part", "incoming/{attempt}-{name}", "~{attempt}{name}.up"]
    )
    def test_the_temporary_name_is_as_the_receiver_needs_it(
        self, root: Path, open_target: Callable[..., Target], pattern: str
    ) -> None:
        target = open_target(temporary=pattern)
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        assert staged.temporary == pattern.replace("{name}", "order.xml").replace("{attempt}", "d1-1")
        assert (root / staged.temporary).read_bytes() == b"<a/>"
        assert target.look(staged) is Look.STAGED
        target.publish(staged)
        assert (root / "order.xml").read_bytes() == b"<a/>"

    def test_named_gives_the_names_that_stage_uses(self, open_target: Callable[..., Target]) -> None:
        target = open_target()
        assert target.named("order.xml", 4, attempt="d1-1") == target.stage("order.xml", b"<a/>", attempt="d1-1")

    def test_a_done_file_follows_the_file(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target(done_file="{stem}.ok")
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        assert not (root / "order.ok").exists()
        target.publish(staged)
        assert (root / "order.ok").read_bytes() == b""
        assert target.look(staged) is Look.PUBLISHED

    def test_a_publish_that_came_as_far_as_the_final_name_is_completed(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        # given a publish that was broken off before its done-file
        target = open_target(done_file="{name}.done")
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.publish(staged)
        (root / "order.xml.done").unlink()
        # then that is seen, and publishing again completes it
        assert target.look(staged) is Look.UNMARKED
        target.publish(staged)
        assert target.look(staged) is Look.PUBLISHED
        assert sorted(path.name for path in root.iterdir()) == ["order.xml", "order.xml.done"]

    def test_many_files_go_over_one_target(self, root: Path, open_target: Callable[..., Target]) -> None:
        target = open_target()
        for number in range(50):
            target.publish(target.stage(f"order-{number}.xml", b"<a/>", attempt=f"d{number}-1"))
        assert len(list(root.iterdir())) == 50

    def test_close_may_be_called_twice(self, open_target: Callable[..., Target]) -> None:
        target = open_target()
        target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.close()
        target.close()
