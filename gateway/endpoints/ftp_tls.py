"""FTP over TLS: explicit (AUTH TLS) and implicit, with the control connection's session reused for the data.

Servers such as vsftpd and proftpd refuse a data connection that does not resume the control connection's TLS
session; Python's ftplib does not do so by itself.
"""

from __future__ import annotations

import contextlib
import ftplib
import hashlib
import hmac
import socket
import ssl
from pathlib import Path
from typing import Any

from gateway.endpoints.trust import trusting
from gateway.errors import HostNotTrusted

_TLS_ENDS = 2.0
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def tls_context(ca_file: Path | None, fingerprint: str | None, newest: str | None) -> ssl.SSLContext:
    """The rules of a connection: a chain up to a known authority, or one certificate known by its fingerprint.

    Raises EndpointRefused where `ca_file` cannot be used.
    """
    context = trusting(ca_file)
    if newest is not None:
        context.maximum_version = VERSIONS[newest]
    if fingerprint is not None:
        # The certificate itself is compared after the handshake, before anything is sent.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def plain_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint without colons and blanks, lower case."""
    return "".join(c for c in text.lower() if c in "0123456789abcdef")


class TlsFtp(ftplib.FTP_TLS):
    """An FTP connection under TLS. No password is sent before the line is encrypted and the server is known."""

    def __init__(
        self, context: ssl.SSLContext, *, implicit: bool, fingerprint: str | None, encoding: str, timeout: float
    ) -> None:
        super().__init__(context=context, encoding=encoding, timeout=timeout)
        self._implicit = implicit
        self._fingerprint = fingerprint

    def connect(self, host: str = "", port: int = 0, timeout: float = -999, source_address: Any = None) -> str:
        """Connect; with implicit TLS the very first byte is encrypted. Raises HostNotTrusted, OSError."""
        if not self._implicit:
            answer = super().connect(host, port, timeout, source_address)
            self.auth()
        else:
            self.host, self.port = host, port
            plain = socket.create_connection((host, port), self.timeout)
            self.af = plain.family
            self.sock = self.context.wrap_socket(plain, server_hostname=host)
            self.file = self.sock.makefile("r", encoding=self.encoding)
            answer = self.welcome = self.getresp()
        self._check_fingerprint()
        return answer

    def login(self, user: str = "", passwd: str = "", acct: str = "", secure: bool = True) -> str:  # noqa: FBT001, FBT002 - as ftplib has it
        """Log in under TLS, then ask for encrypted data connections."""
        answer = ftplib.FTP.login(self, user, passwd, acct)  # noqa: S321 - encrypted since `connect`
        self.prot_p()
        return answer

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection that resumes the control connection's TLS session."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - encrypted in the next lines
        assert isinstance(self.sock, ssl.SSLSocket)
        wrapped = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        return _Forgiving(wrapped), size  # type: ignore[return-value]  # ftplib only sends, receives, unwraps, closes

    def _check_fingerprint(self) -> None:
        if self._fingerprint is None:
            return
        assert isinstance(self.sock, ssl.SSLSocket)
        certificate = self.sock.getpeercert(binary_form=True) or b""
        found = hashlib.sha256(certificate).hexdigest()
        if not hmac.compare_digest(found, plain_fingerprint(self._fingerprint)):
            raise HostNotTrusted(
                f"{self.host}: the certificate is another one than the pinned: its SHA-256 is {found}",
                code="E010",
                help="ask the server's owner whether it was renewed; only then change `fingerprint:`",
            )


class _Forgiving:
    """A data connection whose end may lack the farewell of TLS: the sizes decide whether it was whole.

    Some servers (IIS among them) close without close_notify after a good transfer.
    """

    def __init__(self, wrapped: ssl.SSLSocket) -> None:
        self._wrapped = wrapped

    def __enter__(self) -> _Forgiving:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._say_goodbye()
        self._wrapped.close()

    def _say_goodbye(self) -> None:
        """For a short while, and without an answer where none comes."""
        self._wrapped.settimeout(_TLS_ENDS)
        with contextlib.suppress(OSError, ValueError):
            self._wrapped.unwrap()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)
