"""Calls to one API: with its login, no faster than it allows, waiting where it asks for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from gateway.clock import Clock, monotonic
from gateway.endpoints.api_description import PLACEHOLDER, ApiModel
from gateway.endpoints.api_tree import as_elements, as_json_text, found, text_of
from gateway.endpoints.http_answer import Answer, is_page
from gateway.endpoints.http_client import HttpConnection, basic_login
from gateway.errors import EndpointError, EndpointUnreachable, LoginRefused

if TYPE_CHECKING:
    import httpx

_PATIENCE = 30.0
"""Seconds for which a call waits where the API asks for it; longer pauses are the lane's."""
_TURNS = 4
_LITERAL = "/:@!$&'()*+,;=~%-._"
_BEFORE_ITS_END = 30.0
_TYPES = {"xml": "application/xml", "json": "application/json"}


class Said(msgspec.Struct, frozen=True):
    """A whole answer. shown: its address for people, without secrets."""

    status: int
    content: bytes
    shown: str

    @property
    def is_good(self) -> bool:
        """Whether it did what it was asked for."""
        return 200 <= self.status < 300


class ApiConnection:
    """The calls of one source or service. filled: what `${user}`, `${settings.language}` … stand for."""

    def __init__(
        self,
        connection: HttpConnection,
        description: ApiModel,
        filled: Mapping[str, str],
        rate: float | None,
        clock: Clock,
        stopping: threading.Event | None = None,
    ) -> None:
        self.description = description
        self.filled = filled
        self._connection = connection
        self._pause = 1 / rate if rate else 0.0
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._last = 0.0
        self._token: str | None = None
        self._good_until: float | None = None

    def probe(self) -> str:
        """Ask what changes nothing; returns the address that answers, for people. Raises EndpointError."""
        description = self.description
        query = {name: filled_in(text, self.filled.__getitem__) for name, text in description.probe_query.items()}
        said = self.call("GET", description.probe, query)
        if said.is_good:
            return said.shown
        raise EndpointUnreachable(
            f"{said.shown} is not there: the server says {said.status}",
            code="E003",
            help="check `url:` of the endpoint, and whether the interface is switched on there",
        )

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        kind: str | None = None,
        judged: bool = True,
    ) -> Said:
        """One call, again where the API asks to wait or the token ran out.

        judged: raise EndpointError for what is no success, but for 404 and 410; else every answer is handed over
        that may be about this one call (not 401, 408, 425, 429, 507). Raises OutcomeUnknown with `content` where
        it may have been carried out.
        """
        waited = 0.0
        for turn in range(_TURNS):
            self._keep_to_the_rate()
            headers = self._headers(kind)
            with self._ask(method, path, query, headers, content) as answer:
                if answer.status == 401 and self.description.login is not None and self._token and turn == 0:
                    self._token = None
                    continue
                # A POST that got a 503 may have been carried out; what looks first is asked again by the lane.
                asks = answer.status == 429 or (answer.status == 503 and method != "POST")
                pause = asked_pause(answer, self._clock) if asks else None
                if pause is None or waited + pause > _PATIENCE or turn == _TURNS - 1:
                    return self._heard(answer, judged=judged)
            waited += pause
            if self._clock.wait(self._stopping, pause):
                break
        raise EndpointUnreachable(f"{self.shown(path)}: the server asks to wait for longer", code="E001")

    def must_go_on(self) -> None:
        """Raises EndpointUnreachable where the gateway is to stop: the rest follows when it runs again."""
        if self._stopping.is_set():
            raise EndpointUnreachable("the gateway stops; the rest follows when it runs again", code="E001")

    def shown(self, path: str) -> str:
        """An address for people."""
        return self._connection.shown(self._address(path, None))

    def own_words(self, said: Said) -> str:
        """What a refusal says of itself where the API puts its words; nothing where there are none."""
        way = self.description.errors
        if way is None or not said.content.strip():
            return ""
        try:
            words = [text_of(each) for each in found(self.elements(said), way)]
        except EndpointError:
            return ""
        return "; ".join(word for word in words if word)

    def elements(self, said: Said) -> Any:
        """An answer as elements, for XPath. Raises EndpointError."""
        return as_elements(said.content, self.description.format, said.shown)

    def said_words(self, said: Said) -> str:
        """The status of a refusal with its own words, or the beginning of its text where it is no page."""
        is_text = not is_page(said.content[:200])
        text = (self.own_words(said) or said.content[:2000].decode("utf-8", "replace")) if is_text else ""
        text = " ".join(self._connection.without_secrets(text).split())[:500]
        return f"{said.status}: {text}" if text else str(said.status)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _heard(self, answer: Answer, *, judged: bool) -> Said:
        """The answer as a whole. Raises EndpointError for what no other call would get a better answer to."""
        status = answer.status
        about_all = status in (401, 408, 425, 429, 507)
        if about_all or (judged and not 200 <= status < 300 and status not in (404, 410)):
            raise answer.error()
        content = b"".join(answer.blocks())
        if 200 <= status < 300 and is_page(content[:200]):
            raise EndpointUnreachable(  # mostly a notice of maintenance, so it may pass
                f"{answer.shown}: the server answered with a web page instead of data",
                code="E014",
                help="open the address in a browser: mostly the interface is switched off, or `url:` is wrong",
            )
        return Said(status, content, answer.shown)

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Any:
        url = self._address(path, query)
        # No redirect is followed: the headers hold secrets, and an API has one address.
        return self._connection.ask(method, url, headers=headers, content=content, follow=False)

    def _address(self, path: str, query: Mapping[str, str] | None) -> httpx.URL:
        base = self._connection.address("")
        raw = base.raw_path.partition(b"?")[0].decode("ascii").rstrip("/") + quote(path, safe=_LITERAL)
        address = base.copy_with(raw_path=raw.encode("ascii"))
        return (
            address.copy_merge_params({**dict(base.params), **(query or {})}) if query or base.params else address
        )

    def _headers(self, kind: str | None) -> dict[str, str]:
        description = self.description
        headers = {"Accept": _TYPES[description.format]}
        for name, text in description.headers.items():
            headers[name] = filled_in(text, self.filled.__getitem__)
        if kind is not None:
            headers["Content-Type"] = kind
        if description.login is not None:
            headers["Authorization"] = f"Bearer {self._current_token()}"
        elif description.key_is_user and self.filled.get("key"):
            headers["Authorization"] = basic_login(f"{self.filled['key']}:")
        return headers

    def _current_token(self) -> str:
        """The token of the last login, or of a new one where it is over or soon will be."""
        if self._token is None or (self._good_until is not None and monotonic() > self._good_until):
            self._token = self._log_in()
        return self._token

    def _log_in(self) -> str:
        login = self.description.login
        assert login is not None
        fields = {name: filled_in(text, self.filled.__getitem__) for name, text in login.fields.items()}
        body, kind = b"", "application/x-www-form-urlencoded"
        headers = {"Accept": "application/json"}
        if login.send == "json":
            body, kind = as_json_text(fields), "application/json"
        elif fields:
            body = urlencode(fields).encode("ascii")
        if login.send == "basic":
            headers["Authorization"] = basic_login(f"{self.filled['user']}:{self.filled['password']}")
        self._keep_to_the_rate()
        with self._ask("POST", login.path, None, {**headers, "Content-Type": kind}, body) as answer:
            if not 200 <= answer.status < 300:
                raise answer.error()
            content, shown = b"".join(answer.blocks()), answer.shown
        tree = as_elements(content, "json", shown)
        token = next((text_of(each) for each in found(tree, login.token)), "")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise LoginRefused(
                f"{shown}: the login gave no token",
                code="E002",
                help="check `user:`, `password:` and `key:` of the endpoint",
            )
        self._connection.hide(token)
        seconds = next((text_of(each) for each in found(tree, login.expires_in)), "") if login.expires_in else ""
        self._good_until = None
        if seconds.isdecimal() and len(seconds) < 10:
            self._good_until = monotonic() + max(1.0, int(seconds) - _BEFORE_ITS_END)
        return token

    def _keep_to_the_rate(self) -> None:
        rest = self._last + self._pause - monotonic()
        if rest > 0:
            self._clock.wait(self._stopping, rest)
        self._last = monotonic()


def filled_in(text: str, value: Callable[[str], str]) -> str:
    """A text with its placeholders filled in."""
    return PLACEHOLDER.sub(lambda match: value(match.group(1)), text)


def asked_pause(answer: Answer, clock: Clock) -> float | None:
    """The seconds for which the server asks to be left alone; a second where it does not say how long."""
    asked = answer.left_alone
    if isinstance(asked, int):
        return float(asked)
    if asked is not None:
        return max(0.0, (asked - clock.now()).total_seconds())
    return 1.0 if answer.status == 429 else None
