"""What paramiko leaves to be done on an SFTP connection: names in any encoding, downloads, closing, its words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import paramiko

BLOCK = 1 << 15
_REQUESTS_AHEAD = 64
_SOCKET_IS_CLOSED = "Socket is closed"
NO_ANSWER = {
    "No existing session": "no answer in time",
    "Authentication timeout.": "no answer in time",
    "Authentication failed: transport shut down or saw EOF": "the server closed the connection",
}
"""What paramiko says, also as a failed login, where the server only did not answer."""


def words(error: BaseException) -> str:
    """What went wrong, as a person would say it."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if str(error) in NO_ANSWER:
        return NO_ANSWER[str(error)]
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{text[:1].lower()}{text[1:200]}"


def is_unnamed_refusal(error: OSError) -> bool:
    """Whether the server answered that it does not do it, for no reason that the protocol has a number for."""
    return type(error) is OSError and error.errno is None and str(error) != _SOCKET_IS_CLOSED


def is_answer(error: OSError) -> bool:
    """Whether the server answered, so that the line is good."""
    return isinstance(error, PermissionError | FileNotFoundError) or is_unnamed_refusal(error)


def close_file(sftp: Any, file: Any) -> None:
    """Close a file of the server; what it says to that does not count, the sizes do.

    paramiko's own `close` also keeps to itself that no answer came.
    """
    from paramiko.sftp import CMD_CLOSE

    file._closed = True  # noqa: SLF001 - or it is closed once more when it is forgotten, and its number is another's
    try:
        sftp._request(CMD_CLOSE, file.handle)  # noqa: SLF001
    except OSError as error:
        if not is_answer(error):
            raise


class _ReadAhead:
    """The answers of one download as they come, which need not be the order in which they were asked for."""

    def __init__(self) -> None:
        self.answers: dict[int, tuple[int, paramiko.Message]] = {}

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """What paramiko calls with an answer to a request of this object."""
        self.answers[number] = (kind, message)


def read_ahead(sftp: Any, file: Any) -> Iterator[bytes]:
    """The content of a file to its end, with a bounded number of requests ahead.

    paramiko's own `prefetch` is not used: its thread spins for ever where a download stalls.
    """
    from paramiko.sftp import CMD_DATA, CMD_READ, CMD_STATUS, SFTPError, int64

    size = file.stat().st_size or 0
    reading = _ReadAhead()
    asked: deque[tuple[int, int, int]] = deque()
    ahead = 0

    def ask(offset: int, length: int) -> tuple[int, int, int]:
        return sftp._async_request(reading, CMD_READ, file.handle, int64(offset), length), offset, length  # noqa: SLF001

    while True:
        while not asked or (len(asked) < _REQUESTS_AHEAD and ahead < size):
            asked.append(ask(ahead, BLOCK))
            ahead += BLOCK
        number, offset, length = asked.popleft()
        while number not in reading.answers:
            sftp._read_response()  # noqa: SLF001
        kind, message = reading.answers.pop(number)
        if kind == CMD_STATUS:
            try:
                sftp._convert_status(message)  # noqa: SLF001
            except EOFError:
                return
        if kind != CMD_DATA:
            raise SFTPError("Expected data")
        block = message.get_string()
        if len(block) > length:
            raise SFTPError("More data than was asked for")
        if not block:
            return
        if len(block) < length:  # the server may give less than it was asked for, the rest is still to come
            asked.appendleft(ask(offset + len(block), length - len(block)))
        yield block


def client_for(encoding: str) -> type[paramiko.SFTPClient]:
    """A client that reads the names of a listing in the server's encoding; paramiko knows UTF-8 alone."""
    import paramiko
    from paramiko.sftp import CMD_NAME

    class NamesAsTold(paramiko.SFTPClient):
        def _request(self, kind: Any, *arguments: Any) -> Any:
            answer, message = super()._request(kind, *arguments)  # type: ignore[misc]  # not in the stubs
            if answer == CMD_NAME:
                message.get_text = lambda: message.get_string().decode(encoding)
            return answer, message

    return NamesAsTold
