"""Folders of this machine pass both contracts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.endpoints import AfterWork, Dropoff, Pickup, Source, Target
from gateway.endpoints.local import LocalEndpoint, LocalOptions
from gateway.errors import EndpointError, EndpointRefused
from tests.endpoints.contract import KEEP, SourceContract, TargetContract


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


def endpoint(root: Path, *, create: bool | None = None) -> LocalEndpoint:
    return LocalEndpoint("folder", LocalOptions(path=root, create=create), root=root)


class TestLocalSource(SourceContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_source(self, root: Path) -> Callable[..., Source]:
        def opened(
            folder: str = "", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP, **more: Any
        ) -> Source:
            return endpoint(root).source(Pickup(folder, tuple(files), after, **more))

        return opened

    def test_a_link_to_another_file_is_not_listed(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "secret.xml").write_text("<secret/>")
        (root / "orders.xml").symlink_to(tmp_path / "secret.xml")
        assert list(endpoint(root).source(Pickup("", ("*.xml",), KEEP)).list()) == []


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_target(self, root: Path) -> Callable[..., Target]:
        return lambda folder="", **more: endpoint(root).target(Dropoff(folder, **more))


def test_somebody_elses_file_of_that_name_is_told_with_its_folder(root: Path) -> None:
    (root / "order.xml").write_bytes(b"somebody else's")
    target = endpoint(root).target(Dropoff())
    with pytest.raises(EndpointRefused) as caught:
        target.publish(target.stage("order.xml", b"<order/>", attempt="d1-1"))
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E007",
        f"a file named order.xml is in {root} already and was not sent by this delivery",
        "move that file away, then `gateway retry` the delivery",
    )


def test_a_missing_folder_is_made_where_the_endpoint_may(tmp_path: Path) -> None:
    endpoint(tmp_path, create=True).target(Dropoff("pohoda/in"))
    assert (tmp_path / "pohoda" / "in").is_dir()


def test_a_missing_folder_is_an_error_where_the_endpoint_may_not_make_it(tmp_path: Path) -> None:
    target = endpoint(tmp_path).target(Dropoff("pohoda/in"))
    with pytest.raises(EndpointError) as caught:
        target.stage("a.xml", b"<a/>", attempt="1")
    assert (caught.value.code, caught.value.retryable) == ("E003", True)
    assert caught.value.help == "check the path, and whether the disk or share is mounted"


def test_folders_below_the_site_are_made_and_others_are_not(tmp_path: Path) -> None:
    """A folder elsewhere that is gone may be a disk that is not mounted: orders must not go into its place."""
    LocalEndpoint("out", LocalOptions(path=Path("out")), root=tmp_path).target(Dropoff("pohoda"))
    LocalEndpoint("share", LocalOptions(path=tmp_path / "share"), root=tmp_path).target(Dropoff("pohoda"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_source_folder_is_never_made(tmp_path: Path) -> None:
    source = endpoint(tmp_path, create=True).source(Pickup("export", ("*.xml",), KEEP))
    with pytest.raises(EndpointError) as caught:
        source.list()
    assert caught.value.code == "E003"


def test_probe_says_that_the_folder_can_be_written(tmp_path: Path) -> None:
    assert endpoint(tmp_path).probe() == f"{tmp_path} can be written"
    assert list(tmp_path.iterdir()) == []
