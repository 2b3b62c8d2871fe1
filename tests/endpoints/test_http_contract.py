"""HTTP passes both contracts against a real server.

Where the contract speaks of folders, masks, moves or temporary files, which HTTP does not have, a test of the same
name says what stands in its place.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.endpoints import AfterWork, Dropoff, Look, Outcome, Pickup, Source, Target
from gateway.endpoints.http import HttpEndpoint, HttpOptions
from gateway.errors import EndpointError, EndpointRefused
from tests.endpoints.contract import DELETE, KEEP, MOVE, SourceContract, TargetContract
from tests.http_server import RunningHttp, http_server


class Remembering:
    """A memory as long as a test."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def put(self, key: str, value: str) -> None:
        self.values[key] = value


def endpoint(server: RunningHttp, **options: Any) -> HttpEndpoint:
    given: dict[str, Any] = {"url": server.url, "connect_timeout": 5, "data_timeout": 5}
    return HttpEndpoint("shop", HttpOptions(**{**given, **options}), root=server.root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[RunningHttp]:
    with http_server(root) as running:
        yield running


class TestHttpSource(SourceContract):
    """The feed is `/orders.xml`, as long as a test does not say otherwise."""

    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def memory(self) -> Remembering:
        return Remembering()

    @pytest.fixture
    def open_source(self, server: RunningHttp, memory: Remembering) -> Iterator[Callable[..., Source]]:
        opened: list[Source] = []

        def source(
            folder: str = "/orders.xml", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP, **options: Any
        ) -> Source:
            opened.append(endpoint(server).source(Pickup(folder, tuple(files), after, **options), memory))
            return opened[-1]

        yield source
        for one in opened:
            one.close()

    def test_an_empty_folder_lists_nothing(self, open_source: Callable[..., Source]) -> None:
        """Nothing under the address is never "no orders": a feed that is not there is an error."""
        with pytest.raises(EndpointError) as caught:
            open_source().list()
        assert (caught.value.code, caught.value.retryable) == ("E003", True)

    def test_only_names_that_fit_the_mask_are_listed(self, root: Path, open_source: Callable[..., Source]) -> None:
        """Nothing is listed by HTTP: the address is the choice, and the masks do not apply."""
        (root / "orders.php").write_bytes(b"<a/>")
        (entry,) = open_source("/orders.php", files=("*.xml",)).list()
        assert entry.name == "orders.php"

    @pytest.mark.parametrize("name", ["orders.xml.part", ".orders.xml", "orders.xml.tmp", "orders.xml~"])
    def test_a_temporary_name_is_never_listed(
        self, root: Path, open_source: Callable[..., Source], name: str
    ) -> None:
        """An address is no file that somebody writes: it is asked for as it is, by a name that a file can have."""
        (root / name).write_bytes(b"<a/>")
        (entry,) = open_source(f"/{name}").list()
        assert entry.name == ("feed.xml" if name.startswith(".") else name)

    def test_a_folder_is_never_listed(self, root: Path, open_source: Callable[..., Source]) -> None:
        """The address of a folder has no content: that is an error."""
        (root / "folder.xml").mkdir()
        with pytest.raises(EndpointError) as caught:
            open_source("/folder.xml").list()
        assert caught.value.code == "E003"

    def test_files_are_listed_oldest_first(
        self, root: Path, open_source: Callable[..., Source], set_time: Callable[[Path, float], None]
    ) -> None:
        """There is one file; its time is the one that the server tells."""
        (root / "orders.xml").write_bytes(b"<a/>")
        set_time(root / "orders.xml", 1_700_000_000)
        (entry,) = open_source().list()
        assert entry.modified is not None
        assert entry.modified.timestamp() == 1_700_000_000

    def test_by_name_numbers_count_as_numbers(self, root: Path, open_source: Callable[..., Source]) -> None:
        """There is one file, so there is one order."""
        (root / "orders.xml").write_bytes(b"<a/>")
        assert [entry.name for entry in open_source(sort="name").list()] == ["orders.xml"]

    def test_a_name_with_blanks_and_letters_of_the_country_is_read(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        """The name stands in the address."""
        (root / "objednávky č 1.xml").write_bytes(b"<a/>")
        source, into = open_source("/objednávky č 1.xml"), io.BytesIO()
        (entry,) = source.list()
        source.read(entry, into)
        assert (entry.name, into.getvalue()) == ("objednávky č 1.xml", b"<a/>")

    def test_reading_a_file_that_is_gone_raises(self, root: Path, open_source: Callable[..., Source]) -> None:
        """What was listed was downloaded whole, so it can be read; the next poll finds that it is gone."""
        (root / "orders.xml").write_bytes(b"<a/>")
        source, into = open_source(), io.BytesIO()
        (entry,) = source.list()
        (root / "orders.xml").unlink()
        source.read(entry, into)
        assert into.getvalue() == b"<a/>"
        with pytest.raises(EndpointError) as caught:
            open_source().list()
        assert caught.value.retryable

    def acknowledged(self, root: Path, open_source: Callable[..., Source], server: RunningHttp) -> None:
        """A feed that was acknowledged is still there, and is not downloaded again."""
        assert (root / "orders.xml").exists()
        before = len(server.asked)
        assert len(list(open_source().list())) == 1
        (asked,) = server.asked[before:]
        assert asked.headers["If-None-Match"].startswith('"')

    @pytest.mark.parametrize("after", [DELETE, MOVE, KEEP])
    def test_ack_remembers_instead_of_putting_away(
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp, after: AfterWork
    ) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(after=after)
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        self.acknowledged(root, open_source, server)

    def test_ack_deletes_where_the_route_says_so(  # type: ignore[override]
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp
    ) -> None:
        """A feed cannot be deleted (`gateway check` says so): it is remembered."""
        self.test_ack_remembers_instead_of_putting_away(root, open_source, server, DELETE)

    def test_ack_moves_into_a_folder_that_it_makes(  # type: ignore[override]
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp
    ) -> None:
        """A feed cannot be moved (`gateway check` says so): it is remembered."""
        self.test_ack_remembers_instead_of_putting_away(root, open_source, server, MOVE)

    def test_ack_moves_into_folders_of_several_levels(  # type: ignore[override]
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp
    ) -> None:
        """A feed cannot be moved, at no depth: it is remembered."""
        deep = AfterWork(action="move", folder="archive/2026-11")
        self.test_ack_remembers_instead_of_putting_away(root, open_source, server, deep)

    def test_ack_never_overwrites_an_earlier_file_of_the_same_name(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        """Nothing is put away, so nothing is overwritten: each content of the feed is listed as another one."""
        listed = []
        for content in (b"<a/>", b"<bb/>", b"<ccc/>"):
            (root / "orders.xml").write_bytes(content)
            source = open_source()
            (entry,) = source.list()
            source.ack(entry, Outcome.DONE)
            listed.append(entry)
        assert len(set(listed)) == 3

    def test_ack_twice_is_the_same_as_once(  # type: ignore[override]
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp
    ) -> None:
        """Remembered twice is remembered once."""
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source()
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        source.ack(entry, Outcome.DONE)
        self.acknowledged(root, open_source, server)

    def test_close_may_be_called_twice(self, root: Path, open_source: Callable[..., Source]) -> None:  # type: ignore[override]
        """With a feed that is there, so that a downloaded copy is there to be removed."""
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source()
        list(source.list())
        source.close()
        source.close()

    @pytest.mark.parametrize(("pattern", "marker"), [("{name}.done", "a.xml.done"), ("{stem}.ok", "a.ok")])
    def test_with_done_files_a_file_counts_only_once_its_own_is_there(
        self, root: Path, open_source: Callable[..., Source], pattern: str, marker: str
    ) -> None:
        """A feed has no files beside it (`gateway check` says so): the server gives it whole or not at all."""
        (root / "orders.xml").write_bytes(b"<a/>")
        assert [entry.name for entry in open_source(done_file=pattern).list()] == ["orders.xml"]

    @pytest.mark.parametrize("after", [DELETE, MOVE])
    def test_ack_removes_the_done_file_after_the_file(
        self, root: Path, open_source: Callable[..., Source], after: AfterWork
    ) -> None:
        """Nothing at the server is removed by an ack, whatever it is."""
        for name in ("orders.xml", "orders.xml.done"):
            (root / name).write_bytes(b"<a/>")
        source = open_source(after=after, done_file="{name}.done")
        (entry,) = source.list()
        source.ack(entry, Outcome.DONE)
        assert sorted(path.name for path in root.iterdir()) == ["orders.xml", "orders.xml.done"]

    def test_a_done_file_whose_file_is_gone_is_removed_by_the_next_ack(
        self, root: Path, open_source: Callable[..., Source]
    ) -> None:
        """An ack asks the server for nothing: a feed that is gone by then is remembered all the same."""
        (root / "orders.xml").write_bytes(b"<a/>")
        source = open_source(done_file="{name}.done")
        (entry,) = source.list()
        (root / "orders.xml").unlink()
        source.ack(entry, Outcome.DONE)

    def test_two_hundred_files_are_listed_completely(  # type: ignore[override]
        self, root: Path, open_source: Callable[..., Source], server: RunningHttp
    ) -> None:
        """There is one file: it is the same at two hundred polls, and is downloaded at the first."""
        (root / "orders.xml").write_bytes(b"<a/>")
        os.utime(root / "orders.xml", (1_700_000_000, 1_700_000_000))
        listed = set()
        for _ in range(200):
            source = open_source()
            (entry,) = source.list()
            source.ack(entry, Outcome.DONE)
            source.close()
            listed.add(entry)
        assert len(listed) == 1
        assert len([asked for asked in server.asked if "If-None-Match" not in asked.headers]) == 1


class TestHttpTarget(TargetContract):
    """Uploads by PUT."""

    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_target(self, server: RunningHttp) -> Iterator[Callable[..., Target]]:
        opened: list[Target] = []

        def target(folder: str = "", **options: Any) -> Target:
            opened.append(endpoint(server).target(Dropoff(folder, **options)))
            return opened[-1]

        yield target
        for one in opened:
            one.close()

    def test_a_staged_file_lies_whole_under_a_temporary_name(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        """HTTP has no temporary names: a staged file waits here, and nothing of it is there."""
        staged = open_target().stage("order.xml", b"<a/>", attempt="d1-1")
        assert not staged.is_there
        assert list(root.iterdir()) == []

    def test_look_finds_that_the_receiver_took_it(self, root: Path, open_target: Callable[..., Target]) -> None:
        """Without a temporary file, "taken" and "never came" look the same: nobody can tell, and that is said."""
        target = open_target()
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        target.publish(staged)
        (root / "order.xml").unlink()
        with pytest.raises(EndpointRefused) as caught:
            target.look(staged)
        assert caught.value.code == "E013"

    @pytest.mark.parametrize(
        "pattern", ["{name}.{attempt}.part", "incoming/{attempt}-{name}", "~{attempt}{name}.up"]
    )
    def test_the_temporary_name_is_as_the_receiver_needs_it(
        self, root: Path, open_target: Callable[..., Target], pattern: str
    ) -> None:
        """The receiver never sees a temporary name, whatever the pattern is."""
        target = open_target(temporary=pattern)
        staged = target.stage("order.xml", b"<a/>", attempt="d1-1")
        assert target.look(staged) is Look.STAGED
        target.publish(staged)
        assert [path.name for path in root.iterdir()] == ["order.xml"]

    def test_take_away_removes_a_file_that_was_shipped(
        self, root: Path, open_target: Callable[..., Target]
    ) -> None:
        """What was sent is the server's: it stays, and a target over HTTP cannot have `answers:`."""
        target = open_target()
        target.take_away(target.publish(target.stage("order.xml", b"<order/>", attempt="1")))
        assert [path.name for path in root.iterdir()] == ["order.xml"]

    def test_take_away_removes_the_done_file_too(self, root: Path, open_target: Callable[..., Target]) -> None:
        """As the file itself, it stays."""
        target = open_target(done_file="{name}.done")
        target.take_away(target.publish(target.stage("order.xml", b"<order/>", attempt="1")))
        assert sorted(path.name for path in root.iterdir()) == ["order.xml", "order.xml.done"]
