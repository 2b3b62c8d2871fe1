"""A feed: one file under one address, downloaded only when it is another one than before.

What was taken in is remembered (its ETag, time and sha256), but only once its exchange is settled: an
interrupted exchange loses nothing. Before that it is remembered as seen, so that the same content has the same
time from poll to poll where the server tells none.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote

import msgspec

from gateway.clock import SystemClock
from gateway.endpoints.base import Entry, Memory, Outcome, Pickup, ShortMemory, name_trouble
from gateway.endpoints.http_answer import REDIRECTS, Answer, is_page
from gateway.endpoints.http_client import HttpConnection
from gateway.errors import EndpointRefused, EndpointUnreachable

if TYPE_CHECKING:
    from gateway.endpoints.http import HttpOptions

_TAKEN, _SEEN = "taken", "seen"
_NAMELESS = "feed.xml"
_BEGINNING = 2048
_TWO_IN_A_SECOND = timedelta(seconds=2)


class _Content(msgspec.Struct, frozen=True):
    """One content of a feed: of which address, by which signs the server knows it, and what it was listed as."""

    address: str
    etag: str | None
    last_modified: str | None
    sha256: str
    size: int
    modified: datetime


class HttpSource:
    """The feed under one address, as a folder with one file in it."""

    def __init__(
        self, connection: HttpConnection, options: HttpOptions, pickup: Pickup, memory: Memory | None
    ) -> None:
        self._connection = connection
        self._address = connection.address(pickup.folder)
        self._name = _file_name(self._address.path)
        self._mark = _mark_of(options, str(self._address))
        self._memory = ShortMemory() if memory is None else memory
        self._listed: _Content | None = None
        self._copy: BinaryIO | None = None

    def list(self) -> Iterable[Entry]:
        """The feed as one file, downloaded where it is not the remembered one; asked for once in a source's life.

        Raises EndpointError; a feed that is not there raises too, it is never "no orders".
        """
        if self._listed is None:
            self._listed = self._asked()
        return [self._entry(self._listed)]

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the whole feed. Raises EndpointError where it is not whole or changed meanwhile."""
        if self._listed is None or entry != self._entry(self._listed):
            raise EndpointUnreachable(
                f"{self._connection.shown(self._address)}: {entry.name} is not what is there now", code="E006"
            )
        if self._copy is None:
            self._fetch_again(self._listed)
        assert self._copy is not None
        self._copy.seek(0)
        shutil.copyfileobj(self._copy, into, 1 << 20)

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Remember the feed as taken. Idempotent; nothing can be deleted or moved there."""
        seen = self._recalled(_SEEN)
        listed = (entry.name, entry.size, entry.modified)
        if seen is None or (self._name, seen.size, seen.modified) != listed:
            return
        if outcome is Outcome.FAILED:  # what could not be read is asked for again: a cache may have cut it
            seen = msgspec.structs.replace(seen, etag=None, last_modified=None)
        self._remember(_TAKEN, seen)

    def close(self) -> None:
        """Remove the downloaded copy and give the connection back."""
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.close()
        self._connection.close()

    def _asked(self) -> _Content:
        """What is there now: the remembered content, or one that was just downloaded."""
        taken = self._recalled(_TAKEN)
        signs = _conditions(taken) if taken is not None and taken.address == self._mark else {}
        with self._connection.ask("GET", self._address, headers=signs) as answer:
            if answer.status == 304 and taken is not None and signs:
                return taken
            digest, size = self._download(answer)
            return self._recognised(answer, digest, size, taken)

    def _recognised(self, answer: Answer, digest: str, size: int, taken: _Content | None) -> _Content:
        """The content with the time that it is known by: the same content is the same entry at every poll."""
        told = answer.header("last-modified")
        modified = _moment(told)
        now = SystemClock().now().replace(microsecond=0)
        fresh = _Content(
            address=self._mark,
            etag=answer.header("etag"),
            last_modified=told if _is_of_use(modified, answer.header("date")) else None,
            sha256=digest,
            size=size,
            modified=modified or now,
        )
        if taken is not None and taken.sha256 == digest:
            found = msgspec.structs.replace(fresh, modified=taken.modified)
            if found != taken:
                self._remember(_TAKEN, found)
            self._remember(_SEEN, found)
            return found
        seen = self._recalled(_SEEN)
        if seen is not None and seen.sha256 == digest:
            fresh = msgspec.structs.replace(fresh, modified=seen.modified)
        elif taken is not None and (taken.size, taken.modified) == (fresh.size, fresh.modified):
            # The server tells one time for two contents: by that time the new one would pass for the old one.
            fresh = msgspec.structs.replace(fresh, modified=now)
        self._remember(_SEEN, fresh)
        return fresh

    def _download(self, answer: Answer) -> tuple[str, int]:
        """Copy the content into a temporary file. Returns its sha256 and size."""
        if answer.status not in (200, 203):
            if answer.status < 400 and answer.status not in REDIRECTS:
                raise EndpointUnreachable(
                    f"{answer.shown}: the server says {answer.said} instead of sending a file", code="E006"
                )
            raise answer.error()
        digest, size, beginning = sha256(), 0, b""
        copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - it lives as long as the source
        try:
            for block in answer.blocks():
                if len(beginning) < _BEGINNING:
                    beginning += block[:_BEGINNING]
                    self._must_be_a_file(answer, beginning)
                digest.update(block)
                size += len(block)
                _write(copy, block)
        except BaseException:  # whatever ended it, no copy is left open; it is raised on
            copy.close()
            raise
        if self._copy is not None:
            self._copy.close()
        self._copy = copy
        return digest.hexdigest(), size

    def _must_be_a_file(self, answer: Answer, beginning: bytes) -> None:
        if is_page(beginning):
            raise EndpointRefused(
                f"{answer.shown}: the server answered with a web page instead of a file",
                code="E014",
                help="open the address in a browser: mostly it is a login form, and the hash or login is wrong",
            )

    def _fetch_again(self, known: _Content) -> None:
        """The content that the server called unchanged, since it is wanted after all."""
        with self._connection.ask("GET", self._address) as answer:
            digest, _ = self._download(answer)
        if digest != known.sha256:
            self._memory.put(_TAKEN, "")
            raise EndpointUnreachable(
                f"{self._connection.shown(self._address)}: the feed changed while it was read", code="E006"
            )

    def _entry(self, content: _Content) -> Entry:
        return Entry(self._name, content.size, content.modified, whole=True)

    def _recalled(self, key: str) -> _Content | None:
        stored = self._memory.get(key)
        try:
            return msgspec.json.decode(stored, type=_Content) if stored else None
        except msgspec.DecodeError:
            return None

    def _remember(self, key: str, content: _Content) -> None:
        self._memory.put(key, msgspec.json.encode(content).decode())


def _file_name(path: str) -> str:
    name = unquote(path.rstrip("/").rpartition("/")[2])
    return _NAMELESS if name_trouble(name) else name


def _mark_of(options: HttpOptions, address: str) -> str:
    """A short sign of the address and the account: what another one told is no sign of this feed.

    It is short so that nobody finds a secret from it.
    """
    headers = {name: value.get_secret_value() for name, value in options.headers.items()}
    token = options.token.get_secret_value() if options.token else ""
    return sha256(repr((address, options.user, token, sorted(headers.items()))).encode()).hexdigest()[:8]


def _conditions(known: _Content) -> dict[str, str]:
    """The headers that ask for the content only if it is another one."""
    found = {}
    if known.etag:
        found["If-None-Match"] = known.etag
    if known.last_modified:
        found["If-Modified-Since"] = known.last_modified
    return found


def _moment(text: str | None) -> datetime | None:
    """A time of HTTP, where it is one and not in the future."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if moment <= SystemClock().now() + timedelta(days=1) else None


def _is_of_use(modified: datetime | None, date: str | None) -> bool:
    """Whether a content that is written later would have another time: times of HTTP count whole seconds."""
    served = _moment(date)
    return modified is not None and served is not None and served - modified >= _TWO_IN_A_SECOND


def _write(copy: BinaryIO, block: bytes) -> None:
    try:
        copy.write(block)
    except OSError as error:
        raise EndpointUnreachable(
            f"the folder for temporary files ({tempfile.gettempdir()}) cannot take the feed: {error.strerror}",
            code="E008",
            help="make room there, or set TMPDIR for the gateway's service",
        ) from error
