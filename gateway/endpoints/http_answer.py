"""The answer to one HTTP request: what it says, its content block by block, and which error it is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from gateway.endpoints.http_body import unpacked
from gateway.endpoints.pace import Pace
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, LoginRefused

if TYPE_CHECKING:
    import httpx

    from gateway.endpoints.http import HttpOptions
    from gateway.endpoints.http_client import HttpConnection, Watch

REDIRECTS = (301, 302, 303, 307, 308)
_SAID = 2048
_LOGIN_HELP = "check `user:` and `password:`, `token:`, `query:` or `headers:` of the endpoint"


class Answer:
    """The answer to a request; its body is read once, block by block."""

    def __init__(
        self,
        connection: HttpConnection,
        options: HttpOptions,
        response: httpx.Response,
        url: httpx.URL,
        watch: Watch,
        *,
        is_origin: bool,
    ) -> None:
        self._connection = connection
        self._options = options
        self._response = response
        self._url = url
        self._watch = watch
        self._is_origin = is_origin
        self.status = response.status_code
        self.shown = connection.shown(url)

    @property
    def said(self) -> str:
        """The status with its name, such as `404 Not Found`."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def kind(self) -> str:
        """The type of the content, without its parameters."""
        given = self.header("content-type") or ""
        return given.partition(";")[0].strip().lower()[:100]

    @property
    def size(self) -> int | None:
        """The size that the server tells; None where it does not, or tells that of packed content."""
        given = self.header("content-length") or ""
        packed = (self.header("content-encoding") or "identity").strip().lower() != "identity"
        return int(given) if given.isdecimal() and len(given) < 20 and not packed else None

    @property
    def size_said(self) -> str:
        """The size for a person."""
        return "size unknown" if self.size is None else f"{self.size} bytes"

    def header(self, name: str) -> str | None:
        """A header, where it can be sent back as it is: printable and not overlong."""
        value = self._response.headers.get(name)
        return value if value is not None and re.fullmatch(r"[\x20-\x7e]{0,1000}", value) else None

    def blocks(self) -> Iterator[bytes]:
        """The content, unpacked. Raises EndpointError where it is cut, too slow or larger than `max_size`."""
        limit = self._options.max_size
        if self.size is not None and self.size > limit:
            raise _too_large(self.shown, limit)
        counted = 0
        for block in unpacked(self._raw(), self.header("content-encoding"), self.shown):
            counted += len(block)
            if counted > limit:
                raise _too_large(self.shown, limit)
            yield block

    def beginning(self) -> bytes:
        """The first bytes of the content, as far as they come; for messages."""
        found = b""
        with contextlib.suppress(EndpointError):
            for block in self.blocks():
                found += block
                if len(found) >= _SAID:
                    break
        return found[:_SAID]

    def finish(self) -> None:
        """Read what little is left, so that the connection can be used again; a long rest is hung up on."""
        has_none = self._response.request.method == "HEAD" or self.status in (204, 304)
        is_little = has_none or (self.size is not None and self.size <= _SAID)
        if self._response.is_stream_consumed or not is_little:
            return
        with contextlib.suppress(EndpointError):
            for _ in self._raw():
                pass

    def error(self) -> EndpointError:
        """What a status other than success says."""
        status = self.status
        told = f"{self.shown}: the server says {self.said}"
        if status in (401, 403):
            where = "" if self._is_origin else "; no secret was sent there, since it is another server than `url:`"
            return LoginRefused(
                f"{self.shown}: the login is refused: {self.said}{where}", code="E002", help=_LOGIN_HELP
            )
        if status in (404, 410):
            return EndpointUnreachable(
                f"{self.shown} is not there: the server says {self.said}",
                code="E003",
                help="check `url:` of the endpoint, and `folder:` of the route or target",
            )
        if status in (429, 503):
            return EndpointUnreachable(f"{told}{self._asks_to_wait()}", code="E001")
        if status == 507:
            return EndpointUnreachable(told, code="E008")
        if status in (408, 425) or (status >= 500 and status not in (501, 505)):
            return EndpointUnreachable(told, code="E001")
        if status in REDIRECTS:
            location = self._location()
            return EndpointRefused(
                f"{told}{f': it is at {location}' if location else ''}",
                code="E004",
                help="write the final address as `url:` of the endpoint",
            )
        return EndpointRefused(f"{told}{self._reason()}", code="E004")

    def _location(self) -> str | None:
        import httpx

        with contextlib.suppress(httpx.InvalidURL):
            return self._connection.shown(self._url.join(self._response.headers.get("location", "")))
        return None

    @property
    def left_alone(self) -> int | datetime | None:
        """For how many seconds, or until when, the server asks to be left alone; None where it does not say."""
        given = (self.header("retry-after") or "").strip()
        if given.isdecimal() and len(given) < 8:
            return int(given)
        try:
            return parsedate_to_datetime(given)
        except (ValueError, TypeError):
            return None

    def _asks_to_wait(self) -> str:
        asked = self.left_alone
        if asked is None:
            return ""
        told = f"for {asked} seconds" if isinstance(asked, int) else f"until {asked:%Y-%m-%d %H:%M}"
        return f", and asks to be left alone {told}"

    def _reason(self) -> str:
        """What the server says of a refusal, where it is a text and not a page."""
        if not (self.kind.endswith(("json", "xml")) or self.kind == "text/plain"):
            return ""
        text = " ".join(self._connection.without_secrets(self.beginning().decode("utf-8", "replace")).split())
        return f": `{text[:200]}`" if text else ""

    def _raw(self) -> Iterator[bytes]:
        import httpx

        pace, counted = Pace(self._options, f"{self.shown}: fetching"), 0
        try:
            for block in self._response.iter_raw():
                counted += len(block)
                yield block
                pace.went(len(block))
        except httpx.HTTPError as error:
            if self._watch.expired or isinstance(error, httpx.TimeoutException):
                raise self._connection.trouble(error, self._url, self._watch) from None
            expected = self._response.headers.get("content-length", "")
            whole = f" of {expected}" if expected.isdecimal() and len(expected) < 20 else ""
            raise EndpointUnreachable(
                f"{self.shown}: the content was cut: {counted}{whole} bytes came", code="E006"
            ) from None


def is_page(beginning: bytes) -> bool:
    """Whether a content begins like a web page: a login form, an error or a notice instead of a file."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    text = re.sub(rb"\A(?:<\?.*?\?>|<!--.*?-->|\s+)+", b"", text, flags=re.DOTALL)
    return text.startswith((b"<!doctype html", b"<html"))


def _too_large(shown: str, limit: int) -> EndpointRefused:
    return EndpointRefused(
        f"{shown}: the content is larger than {limit} bytes",
        code="E015",
        help="set `max_size:` of the endpoint higher if that is right",
    )
