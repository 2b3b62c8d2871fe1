"""The seams to the outside: where files are taken from, where they are shipped to, and who answers at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Event
from typing import BinaryIO, ClassVar, Literal, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from gateway.clock import Clock, SystemClock

TEMPORARY_NAMES = ("*.tmp", "*.part", "*.filepart", "*.crdownload", "*.download", "*~", ".*", "~*")
"""Names that a file has while somebody writes it."""

_DEVICE_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


class EndpointOptions(BaseModel):
    """What every endpoint can be told; each endpoint adds its own.

    is_service: its target side is a `Service`. has_lists: its source side is lists of records, and no folder.
    answered_by: the mapping that reads what is answered there, where nothing else is said.
    """

    is_service: ClassVar[bool] = False
    has_lists: ClassVar[bool] = False
    answered_by: ClassVar[str] = "pohoda/response"

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class TransferOptions(EndpointOptions):
    """What every endpoint over a network can be told about its waits and connections."""

    connect_timeout: float = Field(default=20, gt=0, description="seconds until a connection attempt is given up")
    data_timeout: float = Field(
        default=60, gt=0, description="seconds without a byte until a transfer is given up"
    )
    transfer_timeout: float = Field(
        default=3600, gt=0, description="seconds until a whole transfer is given up, however it goes"
    )
    minimum_rate: int = Field(
        default=100, ge=0, description="bytes a second that a transfer of more than 30 seconds must reach; 0 = any"
    )
    max_connections: int = Field(default=2, ge=1, le=20, description="connections to this host at the same time")


class Traits(msgspec.Struct, frozen=True):
    """What the other side can do, so that nobody has to try and fail."""

    atomic_rename: bool = True
    can_watch: bool = False
    remote: bool = True
    stable_mtime: bool = True
    host: str | None = None  # the server, as the one thing that a limit of connections is about
    max_connections: int = 1


class Entry(msgspec.Struct, frozen=True):
    """One file as it was listed. `name` is data from outside, never a path."""

    name: str
    size: int | None = None
    modified: datetime | None = None
    whole: bool = False  # the protocol vouches for it: nobody needs to see whether it still grows
    family: str = ""  # where the name tells the content: how the names of all contents of this one begin


class Staged(msgspec.Struct, frozen=True):
    """A file that lies whole on the other side under a temporary name.

    is_there: false where the protocol has no temporary names; the file waits here, and is sent by `publish`.
    """

    name: str
    temporary: str
    size: int
    is_there: bool = True


class Written(msgspec.Struct, frozen=True):
    """A file that has its final name."""

    name: str
    size: int


class Look(StrEnum):
    """What is found of a staged file when one looks at both of its names."""

    ABSENT = "absent"
    """neither name is there"""
    STAGED = "staged"
    """the temporary name is there"""
    PUBLISHED = "published"
    """the final name is there and it is our file"""
    UNMARKED = "unmarked"
    """the final name is there and it is our file, but its done-file is missing: `publish` completes it"""
    TAKEN = "taken"
    """the final name is there, but it is somebody else's file"""


class Outcome(StrEnum):
    """How an input ended, for the after-work action."""

    DONE = "done"
    FAILED = "failed"


class AfterWork(BaseModel):
    """What happens to an input at its source once the gateway has it."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    action: Literal["delete", "move", "keep"] = Field(description="delete it, move it into `folder`, or leave it")
    folder: str | None = Field(
        default=None,
        description="the folder beside the inputs that `move` moves to; `%Y-%m` in it stands for the day's date",
    )
    keep_failed: bool = Field(
        default=True, description="false: an input that failed as a whole is deleted, since `failed/` has it"
    )


KEEP = AfterWork(action="keep")


class Pickup(msgspec.Struct, frozen=True):
    """What a route takes from an endpoint, and what happens to it there afterwards.

    done_file: a pattern such as `{name}.done`; a file counts as there only once its done-file is there too.
    skip: masks of files that somebody else takes. listing: which list of an API; since: only what was changed from
    that day on is asked for there.
    """

    folder: str = ""
    files: tuple[str, ...] = ("*.xml",)
    after: AfterWork = KEEP
    sort: Literal["oldest", "name"] = "oldest"
    done_file: str | None = None
    skip: tuple[str, ...] = ()
    listing: str | None = None
    since: date | None = None


class Dropoff(msgspec.Struct, frozen=True):
    """Where an endpoint is to put things, and under which names they wait until they are whole.

    done_file: a pattern such as `{name}.done`: an empty file of that name follows once the file has its own.
    """

    folder: str = ""
    temporary: str = ".{name}.{attempt}.tmp"
    done_file: str | None = None


class Runtime(msgspec.Struct, frozen=True):
    """What an endpoint is given by who runs it. stopping: ends its waits when the gateway is to stop."""

    clock: Clock = msgspec.field(default_factory=SystemClock)
    stopping: Event = msgspec.field(default_factory=Event)


class Memory(Protocol):
    """What a source remembers of one route from poll to poll; another configuration begins with an empty one."""

    def get(self, key: str) -> str | None:
        """The value that was put last; None where there is none."""
        ...

    def put(self, key: str, value: str) -> None:
        """Remember a value durably, in the place of an earlier one."""
        ...


class ShortMemory:
    """A memory for who was given none: it lasts as long as the source or service that has it."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """As the protocol says."""
        return self._held.get(key)

    def put(self, key: str, value: str) -> None:
        """As the protocol says, for that long."""
        self._held[key] = value


class Source(Protocol):
    """One folder on the other side that files are taken from."""

    def list(self) -> Iterable[Entry]:
        """All files that fit the mask, complete, in the order they are to be read.

        Raises EndpointError; a folder that is not there raises too, it is never "no files".
        """
        ...

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the whole file. Raises EndpointError where it is not whole or changed meanwhile."""
        ...

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Do the after-work action. Idempotent: a file that is gone already is done.

        A file that was replaced by another content since it was listed is left alone.
        """
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


@runtime_checkable
class PagedSource(Source, Protocol):
    """A source that lists page by page."""

    def next_page(self) -> bool:
        """Everything that was listed has been looked at: go on. Returns whether there is more to list.

        What was begun and not put away yet is listed again. Raises EndpointError.
        """
        ...


class Target(Protocol):
    """One folder on the other side that files are shipped to."""

    @property
    def place(self) -> str:
        """The folder as a person would name it, the same for the same folder of the same server."""
        ...

    def named(self, name: str, size: int, *, attempt: str) -> Staged:
        """The names that `stage` would use; nothing is done."""
        ...

    def stage(self, name: str, content: bytes, *, attempt: str) -> Staged:
        """Write the whole content under a temporary name and check its size. Raises EndpointError."""
        ...

    def publish(self, staged: Staged, *, over: int | None = None) -> Written:
        """Give it the final name in one atomic step; never replaces a file that is there.

        over: the size of an earlier file of ours under that name, which alone may be replaced (servers that cannot
        do that in one step are without the file for a moment). Raises OutcomeUnknown where the step may have been
        done, and another EndpointError only where it surely was not.
        """
        ...

    def look(self, staged: Staged) -> Look:
        """Look at both names. Raises EndpointError where one cannot look."""
        ...

    def discard(self, staged: Staged) -> None:
        """Remove the temporary file if it is there. Never raises."""
        ...

    def take_away(self, written: Written) -> None:
        """Remove a file that was shipped, with its done-file. Raises EndpointError where that is not possible.

        Idempotent: one that is gone is gone; one of another size is somebody else's and stays.
        """
        ...

    def refresh(self) -> None:
        """Make sure that a connection which lay idle is still good, or forget it. Never raises."""
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


class Service(Protocol):
    """The other side as one that is asked and answers at once, instead of a folder that files lie in.

    It recognises what it was handed before: the same bytes again are never carried out twice.
    """

    def ready(self) -> str:
        """Make sure that the one answers who is meant, and say who that is: the same text for the same receiver.

        Nothing is handed over. Raises EndpointError.
        """
        ...

    def call(self, name: str, content: bytes) -> bytes:
        """Hand content over, and return the whole answer; never before it is sure who answers.

        name: for messages alone. Raises OutcomeUnknown where it may have been carried out, so that the same bytes
        are to be handed over again, and another EndpointError only where it surely was not.
        """
        ...

    def refresh(self) -> None:
        """The connection lay idle: whoever answers now is to be looked at again. Never raises."""
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


class SourceEndpoint(Protocol):
    """An endpoint that things are taken from; folder, mask and after-work action belong to the route."""

    name: str
    traits: Traits

    def source(self, pickup: Pickup, memory: Memory | None = None) -> Source:
        """A folder or list as a source; without a memory, each one begins anew."""
        ...

    def probe(self) -> str:
        """Connect and say in one line what was found. Raises EndpointError."""
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


class Endpoint(SourceEndpoint, Protocol):
    """An endpoint with folders, which things are taken from and shipped to."""

    def target(self, dropoff: Dropoff) -> Target:
        """A folder as a target."""
        ...


class ServiceEndpoint(Protocol):
    """An endpoint whose target side is a service; it has no folders."""

    name: str
    traits: Traits

    def service(self, memory: Memory | None = None) -> Service:
        """The other side as a service; memory: what it may remember of its receiver from call to call."""
        ...

    def probe(self) -> str:
        """Connect and say in one line what was found. Raises EndpointError."""
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


def fits(name: str, masks: Sequence[str]) -> bool:
    """Whether a listed name fits one of the masks and is no temporary name."""
    lowered = name.lower()
    if any(fnmatchcase(lowered, mask) for mask in TEMPORARY_NAMES):
        return False
    return any(fnmatchcase(lowered, mask.lower()) for mask in masks)


def cannot_be_asked_for(name: str) -> bool:
    """Whether a listed name is none that a file of this folder can have: it leads elsewhere, or breaks lines."""
    return not name or any(c in "/\\" or unicodedata.category(c).startswith("C") for c in name)


def name_trouble(name: str) -> str | None:
    """Why a name from outside cannot be a file name of ours; None where it can."""
    if not name or name in (".", ".."):
        return "it is empty or a folder"
    if any(c in '/\\:*?"<>|' for c in name):
        return 'it has one of the characters / \\ : * ? " < > |'
    if any(unicodedata.category(c).startswith("C") for c in name):
        return "it has a control character"
    if name[0] == "." or name[-1] in ". ":
        return "it begins with a dot, or ends with a dot or a blank"
    if name.split(".", 1)[0].lower() in _DEVICE_NAMES:
        return "it is the name of a device on Windows"
    if len(name) > 200 or len(name.encode()) > 255:
        return "it is too long"
    return None


def in_order(entries: Iterable[Entry], pickup: Pickup) -> list[Entry]:
    """The order in which they are to be read: oldest first, then by name, or by name alone.

    By name, numbers count as numbers: `order-9` comes before `order-10`.
    """
    if pickup.sort == "name":
        return sorted(entries, key=lambda entry: _natural(entry.name))
    return sorted(entries, key=lambda e: (e.modified.timestamp() if e.modified else 0.0, _natural(e.name)))


def complete(entries: Iterable[Entry], pickup: Pickup) -> list[Entry]:
    """The files that fit the mask; with done-files only those whose done-file is there too."""
    found = {entry.name: entry for entry in entries}
    pattern = pickup.done_file
    return [
        entry
        for name, entry in found.items()
        if _is_ours(name, pickup) and (pattern is None or done_name(pattern, name) in found)
    ]


def _is_ours(name: str, pickup: Pickup) -> bool:
    return fits(name, pickup.files) and not (pickup.skip and fits(name, pickup.skip))


def may_matter(name: str, pickup: Pickup) -> bool:
    """Whether a listed name is to be looked at: it fits the mask, or it may be a done-file."""
    return _is_ours(name, pickup) or (pickup.done_file is not None and is_done_file(pickup.done_file, name))


def done_name(pattern: str, name: str) -> str:
    """The name of a file's done-file: `{name}.done` and `{stem}.ok` give `a.xml.done` and `a.ok`."""
    return pattern.replace("{name}", name).replace("{stem}", name.rpartition(".")[0] or name)


def is_done_file(pattern: str, name: str) -> bool:
    """Whether a name can be a done-file of this pattern."""
    before, after = re.split(r"\{(?:name|stem)\}", pattern, maxsplit=1)
    return len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)


def temporary_name(pattern: str, name: str, attempt: str) -> str:
    """The name that a file has until it is whole: unique per attempt, never taken for an import file."""
    return pattern.replace("{name}", name).replace("{attempt}", attempt)


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts digits as numbers and the rest as text."""
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)
