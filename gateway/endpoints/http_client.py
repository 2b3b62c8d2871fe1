"""One HTTP server: requests with the endpoint's secrets, redirects and deadlines, and errors without a secret.

No text of httpx is ever shown: what went wrong is told in words of our own, every address with its query hidden.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from gateway.endpoints.http_answer import REDIRECTS, Answer
from gateway.endpoints.pace import Pace
from gateway.endpoints.trust import trusting
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    HostUnreachable,
    OutcomeUnknown,
)

if TYPE_CHECKING:
    import httpx

    from gateway.endpoints.http import HttpOptions

_IN_A_PATH = "/:@!$&'()*+,;=~"
_SECRET_FROM = 4


class HttpConnection:
    """The connections to one server, opened when they are needed and kept for the next request."""

    def __init__(self, options: HttpOptions, secrets: Sequence[str]) -> None:
        self._options = options
        known = [value for value in secrets if len(value) >= _SECRET_FROM]
        self._secrets = [form for value in known for form in dict.fromkeys((value, quote(value, safe="")))]
        self._client: httpx.Client | None = None
        self._lines: list[socket.socket] = []

    def address(self, folder: str, name: str = "") -> httpx.URL:
        """The address of a folder, or of a file in it, with the secret query."""
        import httpx

        base = httpx.URL(self._options.url)
        path = base.raw_path.decode("ascii")
        if folder.strip("/") or name:
            path = path.rstrip("/")
        for part in (folder, name):
            if part.strip("/"):
                path += "/" + quote(part.strip("/"), safe=_IN_A_PATH)
        if folder.endswith("/") and folder.strip("/") and not name:
            path += "/"
        query = {key: value.get_secret_value() for key, value in self._options.query.items()}
        address = base.copy_with(raw_path=path.encode("ascii"))
        return address.copy_merge_params(query) if query else address

    def shown(self, url: httpx.URL, *, query: bool = True) -> str:
        """An address as a person may see it: no user, no password, and the names of the query alone."""
        names = "&".join(f"{quote(name)}=***" if value else "***" for name, value in url.params.multi_items())
        path = url.raw_path.partition(b"?")[0].decode("ascii", "replace")[:300]
        text = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{path}"
        return self.without_secrets(text + (f"?{names}" if names and query else ""))

    def without_secrets(self, text: str) -> str:
        """A text from outside without the values of the endpoint's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def hide(self, secret: str) -> None:
        """A secret that was learnt since: it stands in no text from now on."""
        if len(secret) >= _SECRET_FROM and secret not in self._secrets:
            self._secrets.append(secret)

    @contextmanager
    def ask(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        follow: bool = True,
    ) -> Iterator[Answer]:
        """Send a request, and hand over the answer for as long as the block lasts.

        Raises EndpointError; with `content`, OutcomeUnknown where the server may have taken it.
        """
        import httpx

        watch = Watch(self._options.transfer_timeout, self._lines)
        uploading = content is not None
        asked = [url]
        try:
            response = self._sent(method, asked, headers or {}, content, watch, follow=follow)
            answer = Answer(self, self._options, response, asked[-1], watch, is_origin=self._is_origin(asked[-1]))
            try:
                yield answer
                answer.finish()
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self.trouble(error, asked[-1], watch, uploading=uploading) from None
        except EndpointError as error:
            if uploading and isinstance(error, EndpointUnreachable) and error.code == "E012":
                raise OutcomeUnknown(error.message, code=error.code, help=error.help) from None
            raise
        finally:
            watch.end()

    def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        self._lines.clear()
        if client is not None:
            client.close()

    def _sent(
        self,
        method: str,
        asked: list[httpx.URL],
        headers: Mapping[str, str],
        content: bytes | None,
        watch: Watch,
        *,
        follow: bool,
    ) -> httpx.Response:
        """The answer after all redirects; `asked` gets each address that was asked."""
        client = self._connected()
        while True:
            url = asked[-1]
            request = client.build_request(
                method,
                url,
                headers={**(self._secret_headers() if self._is_origin(url) else {}), **headers},
                content=None if content is None else self._paced(content, url),
                extensions={"trace": watch.trace, "timeout": self._timeouts()},
            )
            response = client.send(request, stream=True, follow_redirects=False)
            if not follow or response.status_code not in REDIRECTS or "location" not in response.headers:
                return response
            response.close()
            asked.append(self._next(asked, response.headers["location"]))

    def _next(self, asked: Sequence[httpx.URL], location: str) -> httpx.URL:
        """Where a redirect leads. Raises EndpointRefused where nobody may follow."""
        here, limit = asked[-1], self._options.max_redirects
        where = here.join(location).copy_with(userinfo=b"", fragment=None)
        told = f"{self.shown(here)}: the server redirects to {self.shown(where)}"
        finally_ = "if that is right, write the final address as `url:` of the endpoint"
        if len(asked) > limit:
            raise EndpointRefused(
                f"{told}, which is more than {limit} redirects", code="E004", help="check `url:` of the endpoint"
            )
        if where.scheme not in ("http", "https") or (here.scheme, where.scheme) == ("https", "http"):
            raise EndpointRefused(f"{told}, which is not encrypted", code="E004", help=finally_)
        carried = unquote(str(where))
        if not self._is_origin(where) and any(secret in carried for secret in self._secrets):
            raise EndpointRefused(
                f"{told}, another server, and would carry a secret of the endpoint there",
                code="E004",
                help=finally_,
            )
        return where

    def _is_origin(self, url: httpx.URL) -> bool:
        """Whether an address belongs to the server that the secrets are for."""
        import httpx

        return _origin(url) == _origin(httpx.URL(self._options.url))

    def _secret_headers(self) -> dict[str, str]:
        options = self._options
        found = {name: value.get_secret_value() for name, value in options.headers.items()}
        if options.token is not None:
            found["Authorization"] = f"Bearer {options.token.get_secret_value()}"
        elif options.user is not None and options.password is not None:
            found["Authorization"] = basic_login(f"{options.user}:{options.password.get_secret_value()}")
        return found

    def _paced(self, content: bytes, url: httpx.URL) -> Iterator[bytes]:
        """The content in blocks, so that a server that hardly takes them is noticed."""
        pace, size = Pace(self._options, f"{self.shown(url)}: uploading"), 1 << 16
        for start in range(0, len(content), size):
            yield content[start : start + size]
            pace.went(min(size, len(content) - start))

    def _timeouts(self) -> dict[str, float]:
        wait = self._options.data_timeout
        return {"connect": self._options.connect_timeout, "read": wait, "write": wait, "pool": wait}

    def _connected(self) -> httpx.Client:
        import httpx

        if self._client is None:
            # httpx and httpcore tell every address with its query, which is where shops put their secrets.
            for name in ("httpx", "httpcore"):
                logging.getLogger(name).setLevel(logging.WARNING)
            trusted = trusting(self._options.ca_file)
            try:
                self._client = httpx.Client(
                    verify=trusted,
                    headers={"User-Agent": "exchange-gateway", "Accept-Encoding": "gzip"},
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                    limits=httpx.Limits(max_connections=self._options.max_connections),
                )
            except ValueError as error:
                raise EndpointRefused(
                    "the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) is no address",
                    code="E009",
                    help="correct the variable where the gateway is started, such as http://proxy.example.com:3128",
                ) from error
        return self._client

    def trouble(self, error: Exception, url: httpx.URL, watch: Watch, *, uploading: bool = False) -> EndpointError:
        """What went wrong on the line, in words, and as what kind of error."""
        import httpx

        shown = self.shown(url)
        untrusted = _cause(error, ssl.SSLCertVerificationError)
        if isinstance(untrusted, ssl.SSLCertVerificationError):
            return HostNotTrusted(
                f"{shown}: the server's certificate is not trusted: {untrusted.verify_message}",
                code="E010",
                help="name the authority's certificate with `ca_file:`",
            )
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return EndpointRefused(
                f"{shown}: the request cannot be made: an address or a header has characters it cannot have",
                code="E009",
            )
        kind: type[EndpointError] = EndpointUnreachable if watch.sent else HostUnreachable
        if uploading and watch.sent:
            kind = OutcomeUnknown
        if watch.expired:
            limit = self._options.transfer_timeout
            return kind(
                f"{shown}: not done within `transfer_timeout`, which is {limit:g} seconds",
                code="E012",
                help="set `transfer_timeout:` of the endpoint higher where files are that large",
            )
        return kind(f"{shown}: {_words(error, self._options)}", code="E001")


class Watch:
    """Breaks a request off at its deadline, whatever it waits for, and knows whether anything of it was sent."""

    def __init__(self, seconds: float, lines: list[socket.socket]) -> None:
        self.sent = False
        self.expired = False
        self._lines = lines
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._expire)
        self._timer.daemon = True
        self._timer.start()

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """What httpcore tells of its steps."""
        if event == "http11.send_request_headers.started":
            self.sent = self.sent or facts["request"].method != b"CONNECT"
        elif event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            line = facts["return_value"].get_extra_info("socket")
            self._lines[:] = [*(known for known in self._lines if known.fileno() >= 0), line]

    def end(self) -> None:
        """The request is over."""
        self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def basic_login(pair: str, encoding: str = "utf-8") -> str:
    """The header of HTTP Basic for `user:password`."""
    return f"Basic {b64encode(pair.encode(encoding)).decode('ascii')}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or {"http": 80, "https": 443}.get(url.scheme)


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first error of a kind among those that led to this one."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__ or found.__context__
    return found


def _words(error: Exception, options: HttpOptions) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {options.connect_timeout:g} seconds"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {options.data_timeout:g} seconds"
    if isinstance(error, httpx.ProxyError):
        return "the proxy of the environment refuses the connection"
    system = _cause(error, OSError)
    if isinstance(system, socket.gaierror):
        return f"the host name is not known ({system.strerror})"
    if isinstance(system, ssl.SSLError):
        return f"no encrypted connection: {system.reason or 'the handshake failed'}".lower().replace("_", " ")
    if isinstance(system, OSError) and system.strerror:
        return system.strerror.lower()
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return "what answers there does not speak HTTP"
    return "the server closed the connection"
