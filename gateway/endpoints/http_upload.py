"""Uploads: one PUT or one POST for each file, and never a second one where the first may have arrived.

HTTP has no temporary names, so a staged file waits here and nothing of it is on the other side until `publish`.
What a lost answer means is seen by asking for the file (PUT); of a POST nothing can be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gateway.endpoints.base import Dropoff, Look, Staged, Written, done_name, temporary_name
from gateway.endpoints.http_answer import Answer, is_page
from gateway.endpoints.http_client import HttpConnection
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from gateway.endpoints.http import HttpOptions

_NOT_DONE = (301, 307, 308)
_NO_HEAD = (405, 501)


class HttpTarget:
    """The address of a folder that takes uploads."""

    def __init__(self, connection: HttpConnection, options: HttpOptions, dropoff: Dropoff) -> None:
        self._connection = connection
        self._options = options
        self._dropoff = dropoff
        self._waiting: dict[str, bytes] = {}
        self._lost: dict[str, str] = {}

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return self._connection.shown(self._connection.address(self._dropoff.folder), query=False)

    def named(self, name: str, size: int, *, attempt: str) -> Staged:
        """The names that `stage` would use; nothing is done."""
        return Staged(name, temporary_name(self._dropoff.temporary, name, attempt), size, is_there=False)

    def stage(self, name: str, content: bytes, *, attempt: str) -> Staged:
        """Keep the content here until it is published; nothing is sent."""
        staged = self.named(name, len(content), attempt=attempt)
        self._waiting[staged.temporary] = content
        return staged

    def publish(self, staged: Staged, *, over: int | None = None) -> Written:
        """Send it in one request; never replaces a file that is there, but for one of the size `over` (PUT).

        Raises OutcomeUnknown where the server may have taken it, another EndpointError where it surely has not.
        """
        content = self._waiting.get(staged.temporary)
        if content is None and not self._wants_a_mark(staged):
            raise EndpointUnreachable(
                f"{self.place}: {staged.name} is not ready to be sent: it has to be staged again", code="E006"
            )
        if content is not None:
            self._send(staged, content, over)
            del self._waiting[staged.temporary]
        if self._dropoff.done_file is not None:
            self._mark(staged)
        return Written(staged.name, staged.size)

    def look(self, staged: Staged) -> Look:
        """Ask for the file. Raises EndpointRefused (E013) where nobody can tell whether it arrived."""
        if self._options.method == "POST":
            if staged.temporary in self._waiting:
                return Look.STAGED
            raise self._cannot_tell(staged, "what was sent by POST cannot be looked for")
        found = self._size_of(staged.name, at_most=staged.size)
        if found is None and staged.temporary in self._waiting:
            return Look.STAGED
        if found is None:
            raise self._cannot_tell(staged, "it is not there, so it was taken or never came")
        if found != staged.size:
            return Look.TAKEN
        return Look.PUBLISHED if self._is_marked(staged) else Look.UNMARKED

    def discard(self, staged: Staged) -> None:
        """Forget the content that waits here."""
        self._waiting.pop(staged.temporary, None)

    def take_away(self, written: Written) -> None:
        """What was sent is the server's: nothing lies there to be removed."""

    def refresh(self) -> None:
        """The client looks after its connections by itself."""

    def close(self) -> None:
        """Give the connection back."""
        self._waiting.clear()
        self._connection.close()

    # -- sending -------------------------------------------------------------------------------------

    def _send(self, staged: Staged, content: bytes, over: int | None) -> None:
        """One upload, whose outcome is known when this returns or raises anything but OutcomeUnknown."""
        there = self._size_of(staged.name, at_most=over or 0) if self._options.method == "PUT" else None
        if there is not None and there != over:
            raise self._name_taken(staged.name)
        try:
            self._upload(staged, content, replaces=there is not None)
        except OutcomeUnknown as error:
            # From here on it is not waiting any more: it may be on the other side.
            self._lost[staged.temporary] = error.message
            del self._waiting[staged.temporary]
            raise

    def _upload(self, staged: Staged, content: bytes, *, replaces: bool) -> None:
        headers = {"Content-Type": self._options.content_type, "Content-Length": str(len(content))}
        if self._options.method == "PUT":
            url = self._connection.address(self._dropoff.folder, staged.name)
            if not replaces:
                headers["If-None-Match"] = "*"
        else:
            url = self._connection.address(self._dropoff.folder)
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(staged.name, safe='')}"
        with self._connection.ask(
            self._options.method, url, headers=headers, content=content, follow=False
        ) as answer:
            self._judge(answer, staged.name)

    def _judge(self, answer: Answer, name: str) -> None:
        """What the answer to an upload means. Raises unless the server took it."""
        if 200 <= answer.status < 300:
            if is_page(answer.beginning()):
                raise OutcomeUnknown(
                    f"{answer.shown}: the server answered with a web page; it may be a login form", code="E014"
                )
            return
        if answer.status == 412 and self._options.method == "PUT":
            raise self._name_taken(name)
        error = answer.error()
        # A proxy's own 503 may come after the server behind it took the file; one that names a time is a refusal.
        overloaded = answer.status == 503 and answer.header("retry-after") is None
        if overloaded or _is_undecided(answer.status):
            raise OutcomeUnknown(error.message, code=error.code, help=error.help)
        raise error

    def _name_taken(self, name: str) -> EndpointRefused:
        return EndpointRefused(
            f"{self.place}: a file named {name} is there already and was not sent by this delivery",
            code="E007",
            help="move that file away, then `gateway retry` the delivery",
        )

    # -- looking -------------------------------------------------------------------------------------

    def _size_of(self, name: str, *, at_most: int) -> int | None:
        """The size of a file there, counted where the server does not tell it; None where there is none.

        A file that is larger than `at_most` is not counted to its end.
        """
        url = self._connection.address(self._dropoff.folder, name)
        with self._connection.ask("HEAD", url, follow=False) as answer:
            if answer.status not in _NO_HEAD:
                size = self._found(answer)
                if size is None or answer.size is not None:
                    return size
        with self._connection.ask("GET", url, follow=False) as answer:
            size = self._found(answer)
            return None if size is None else _counted(answer, at_most)

    def _found(self, answer: Answer) -> int | None:
        """None where the file is not there; else its size, 0 where it is not told. Raises where one cannot see."""
        if answer.status in (404, 410):
            return None
        if not 200 <= answer.status < 300:
            raise answer.error()
        return answer.size or 0

    def _cannot_tell(self, staged: Staged, why: str) -> EndpointRefused:
        lost = self._lost.get(staged.temporary)
        return EndpointRefused(
            f"{self.place}: {why}" + (f" ({lost})" if lost else ""),
            code="E013",
            help="look in the accounting program whether it arrived",
        )

    # -- done-files ----------------------------------------------------------------------------------

    def _wants_a_mark(self, staged: Staged) -> bool:
        """Whether an earlier publish came as far as the file, and only its done-file is missing."""
        return self._dropoff.done_file is not None and self.look(staged) is Look.UNMARKED

    def _is_marked(self, staged: Staged) -> bool:
        pattern = self._dropoff.done_file
        return pattern is None or self._size_of(done_name(pattern, staged.name), at_most=0) is not None

    def _mark(self, staged: Staged) -> None:
        """Say that the file is whole, by an empty one beside it; the file itself is there by now."""
        assert self._dropoff.done_file is not None
        url = self._connection.address(self._dropoff.folder, done_name(self._dropoff.done_file, staged.name))
        headers = {"Content-Type": self._options.content_type, "Content-Length": "0"}
        try:
            with self._connection.ask("PUT", url, headers=headers, content=b"", follow=False) as answer:
                if not 200 <= answer.status < 300:
                    raise answer.error()
        except EndpointError as error:
            raise OutcomeUnknown(error.message, code=error.code, help=error.help) from error


def _is_undecided(status: int) -> bool:
    """Whether a server that answers so may have taken the file: it broke down over it, or leads elsewhere."""
    if status >= 500:
        return status not in (501, 503, 505, 507)
    return 300 <= status < 400 and status not in _NOT_DONE


def _counted(answer: Answer, at_most: int) -> int:
    size = 0
    for block in answer.blocks():
        size += len(block)
        if size > at_most:
            break
    return size
