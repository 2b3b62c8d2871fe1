"""Handing dataPacks to POHODA's mServer, whose answers come in the same breath."""

from __future__ import annotations

import gzip
import re

from pydantic import SecretStr

from gateway.endpoints.http import HttpOptions
from gateway.endpoints.http_answer import Answer
from gateway.endpoints.http_client import HttpConnection
from gateway.endpoints.mserver import MServerOptions
from gateway.endpoints.mserver_answer import checked_pack, judge
from gateway.endpoints.mserver_unit import Expected, Unit, check, read_unit
from gateway.errors import EndpointError, EndpointUnreachable, OutcomeUnknown
from gateway.telemetry import emit

_DECLARED = re.compile(rb"\A(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding=[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_HEADS_AND_LINES = 5.0
"""Seconds by which the deadline of a call comes before that of its single waits, so that one wording is enough."""


class MServer:
    """A connection to an accounting unit."""

    def __init__(self, name: str, options: MServerOptions) -> None:
        self._name = name
        self._options = options
        self._connection = HttpConnection(
            _over_http(options), (options.password.get_secret_value(), options.login()[6:])
        )
        self._shown = f"{options.base}/xml"
        self._place: str | None = None

    def ready(self) -> str:
        """Make sure that it is the unit that is meant; raises PartnerRefused (E017) where it is another one."""
        if self._place is None:
            unit = self._asked()
            unchecked = check(unit, self._expected(), self._shown)
            if unchecked is not None:
                emit("unit_not_checked", level="warning", endpoint=self._name, reason=unchecked)
            self._place = f"{self._shown} ({unit.database})" if unit.database else self._shown
        return self._place

    def described(self) -> str:
        """Who answers, for a person. Raises EndpointError where it is not who is meant."""
        unit = self._asked()
        unchecked = check(unit, self._expected(), self._shown)
        return unit.described() + (f"; {unchecked}" if unchecked else "")

    def call(self, name: str, content: bytes) -> bytes:
        """Hand a dataPack over, and return the responsePack."""
        self.ready()
        url = self._connection.address("xml")
        body = gzip.compress(content, mtime=0) if self._options.compress else content
        try:
            with self._connection.ask(
                "POST", url, headers=self._headers(content, body), content=body, follow=False
            ) as answer:
                judge(answer, name)
                return checked_pack(_whole(answer), name, answer.shown)
        except EndpointError as error:
            raise self._in_own_words(error, name) from None

    def refresh(self) -> None:
        """Whoever answers after a pause is asked who it is: mServer may have been started on another unit."""
        self._place = None

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _asked(self) -> Unit:
        url = self._connection.address("status").copy_with(query=b"companyDetail")
        try:
            with self._connection.ask(
                "GET", url, headers={"Accept-Encoding": "gzip, deflate"}, follow=False
            ) as answer:
                if answer.status in (404, 405):  # a release that cannot be asked
                    return Unit()
                judge(answer, None)
                return read_unit(b"".join(answer.blocks()), answer.shown)
        except EndpointError as error:
            raise self._in_own_words(error, None) from None

    def _expected(self) -> Expected:
        return Expected(self._options.company_id, self._options.year)

    def _headers(self, content: bytes, body: bytes) -> dict[str, str]:
        declared = _DECLARED.match(content)
        charset = declared.group(1).decode("ascii") if declared else "utf-8"
        packed = {"Content-Encoding": "gzip"} if self._options.compress else {}
        return {
            "Content-Type": f"text/xml; charset={charset}",
            "Content-Length": str(len(body)),
            "Accept-Encoding": "gzip, deflate",
            "STW-Check-Duplicity": "true",
            "STW-Application": self._options.application,
            "STW-Instance": self._options.instance or self._name,
            **packed,
        }

    def _in_own_words(self, error: EndpointError, name: str | None) -> EndpointError:
        """The limits by the names that they have here; as what kind of error it came stays."""
        about = f" to `{name}`" if name else ""
        kind = EndpointUnreachable if name is None else OutcomeUnknown
        if error.code == "E012":
            return kind(
                f"{self._shown}: no answer{about} within `timeout`, which is {self._options.timeout:g} seconds",
                code="E012",
                help="look whether POHODA waits for somebody on its own machine; `timeout:` of the endpoint "
                "sets the patience",
            )
        if error.code == "E015":
            return kind(
                f"{self._shown}: the answer{about} is larger than {self._options.max_answer} bytes",
                code="E015",
                help="set `max_answer:` of the endpoint higher, or `pack:` of the target lower",
            )
        shown = error.message.replace(
            "?***", "?companyDetail"
        )  # the client hides every query; this one is no secret
        return type(error)(shown, code=error.code, help=error.help)


def _whole(answer: Answer) -> bytes:
    """The whole content of an answer. What cannot be read of it leaves open what was booked."""
    try:
        return b"".join(answer.blocks())
    except EndpointError as error:
        raise OutcomeUnknown(error.message, code=error.code, help=error.help) from None


def _over_http(options: MServerOptions) -> HttpOptions:
    """The same for the client of HTTP; what travels slowly there is watched by the one deadline."""
    return HttpOptions(
        url=options.base,
        headers={"STW-Authorization": SecretStr(options.login())},
        connect_timeout=options.connect_timeout,
        data_timeout=options.timeout + _HEADS_AND_LINES,
        transfer_timeout=options.timeout,
        minimum_rate=0,
        max_connections=1,
        max_size=options.max_answer,
        ca_file=options.ca_file,
    )
