"""FTP servers: passive mode, binary, names as bytes, sizes checked before and after.

The rules and the faults behind them are those seen on vsftpd, proftpd and pure-ftpd (docs/endpoints.md).
A transfer that ended without an error proves nothing: a cut data connection looks like the end of the file, so
the sizes decide.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from posixpath import basename, join
from typing import Literal, TypeVar

from pydantic import Field, SecretStr

from gateway.endpoints.base import Dropoff, Entry, Memory, Pickup, Traits, TransferOptions
from gateway.endpoints.pace import Pace
from gateway.endpoints.remote import RemoteSource, RemoteTarget
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    HostUnreachable,
    LoginRefused,
    OutcomeUnknown,
)

T = TypeVar("T")
_BLOCK = 1 << 16
_FAREWELL = 5.0
_LACKS_A_RIGHT = re.compile(r"permission|denied|permitted|allowed|privilege|read.only|forbidden", re.IGNORECASE)


class FtpOptions(TransferOptions):
    """An FTP server. Without `tls:` the password and the data travel unencrypted, and `gateway check` says so."""

    type: Literal["ftp"] = "ftp"
    host: str = Field(description="name or address of the server")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="port of the control connection; default 21, 990 with implicit TLS",
    )
    user: str = Field(description="login name")
    password: SecretStr = Field(
        description="password; write `${env:NAME}` or `${file:PATH}`", json_schema_extra={"secret": True}
    )
    encoding: str = Field(
        default="utf-8", description="encoding of file names on the server, such as windows-1250"
    )
    passive: bool = Field(default=True, description="passive mode; active only for servers that cannot otherwise")
    tls: Literal["none", "explicit", "implicit"] = Field(
        default="none", description="encryption: `explicit` (AUTH TLS, the usual), `implicit` (port 990), or none"
    )
    ca_file: Path | None = Field(
        default=None,
        description="certificate of the authority that signed the server's; default the system's list",
    )
    fingerprint: str | None = Field(
        default=None, description="SHA-256 of the server's own certificate, instead of an authority"
    )
    newest_tls: Literal["1.2", "1.3"] | None = Field(
        default=None, description="1.2 for servers that cannot resume a session under 1.3"
    )


class FtpEndpoint:
    """One FTP account."""

    def __init__(self, name: str, options: FtpOptions, *, root: Path) -> None:
        self.name = name
        host = f"{options.host.lower()}:{port_of(options)}"
        self.traits = Traits(host=host, max_connections=options.max_connections)
        ca_file = root / options.ca_file if options.ca_file else None
        self._options = options.model_copy(update={"ca_file": ca_file})

    def source(self, pickup: Pickup, memory: Memory | None = None) -> RemoteSource:
        """A folder as a source."""
        return RemoteSource(FtpFolder(self._options, pickup.folder), pickup)

    def target(self, dropoff: Dropoff) -> RemoteTarget:
        """A folder as a target."""
        return RemoteTarget(FtpFolder(self._options, dropoff.folder), dropoff)

    def probe(self) -> str:
        """Log in and list the start folder. Raises EndpointError."""
        session = FtpFolder(self._options, "")
        try:
            return session.run(
                "list the start folder",
                lambda ftp: f"login ok, {len(ftp.nlst())} names in {ftp.pwd()}",
            )
        finally:
            session.close()

    def close(self) -> None:
        """Sessions are closed by who opened them."""


class FtpFolder:
    """A folder behind one control connection, opened when it is needed.

    `run` turns whatever goes wrong into an EndpointError and drops the connection where its state is unknown.
    """

    def __init__(self, options: FtpOptions, folder: str) -> None:
        self._options = options
        self.folder = folder
        self._ftp: ftplib.FTP | None = None
        self._features: frozenset[str] | None = None

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        scheme = "ftp" if self._options.tls == "none" else "ftps"
        return f"{scheme}://{self._options.host}:{port_of(self._options)}{join('/', self.folder)}"

    def run(self, what: str, action: Callable[[ftplib.FTP], T], *, unknown: bool = False) -> T:
        """Do something on the connection. With `unknown`, a cut line is an OutcomeUnknown."""
        ftp = self._ftp or self._do("connect", self._connected)
        return self._do(what, lambda: action(ftp), unknown=unknown)

    def _do(self, what: str, step: Callable[[], T], *, unknown: bool = False) -> T:
        """A step whose errors become words and a verdict on whether waiting helps."""
        try:
            return step()
        except EndpointError:
            raise
        except ftplib.error_perm as error:
            raise self._refusal(what, error) from error
        except ssl.SSLCertVerificationError as error:
            self.drop()
            raise HostNotTrusted(
                f"{self.place}: the server's certificate is not trusted: {error.verify_message}",
                code="E010",
                help="name the authority's certificate with `ca_file:`, or pin the server's with `fingerprint:`",
            ) from error
        except ftplib.error_temp as error:
            self.drop()
            raise self._unreached(step, unknown=unknown)(
                f"{self.place}: cannot {what}: the server says `{_said(error)}`", code="E001"
            ) from error
        except UnicodeError as error:
            self.drop()
            raise EndpointRefused(
                f"{self.place}: cannot {what}: a file name there is not {self._options.encoding}",
                code="E009",
                help="set `encoding:` of the endpoint to the server's, such as windows-1250",
            ) from error
        except ValueError as error:
            raise EndpointRefused(f"{self.place}: cannot {what}: {error}", code="E009") from error
        except (OSError, EOFError, ftplib.Error) as error:
            self.drop()
            raise self._unreached(step, unknown=unknown)(
                f"{self.place}: cannot {what}: {_words(error)}", code="E001"
            ) from error

    def _unreached(self, step: Callable[[], object], *, unknown: bool = False) -> type[EndpointError]:
        if unknown:
            return OutcomeUnknown
        return HostUnreachable if step == self._connected else EndpointUnreachable

    def close(self) -> None:
        """Say goodbye politely, and never fail on it."""
        ftp, self._ftp = self._ftp, None
        if ftp is not None:
            with contextlib.suppress(OSError, EOFError, ftplib.Error):
                if ftp.sock is not None:
                    ftp.sock.settimeout(_FAREWELL)
                ftp.quit()
            with contextlib.suppress(OSError):
                ftp.close()

    def refresh(self) -> None:
        """Ask the server for a sign of life; a connection without one is forgotten."""
        if self._ftp is None or self._ftp.sock is None:
            return
        try:
            self._ftp.sock.settimeout(_FAREWELL)
            with contextlib.suppress(ftplib.error_perm):  # an answer all the same
                self._ftp.voidcmd("NOOP")
            self._ftp.sock.settimeout(self._options.data_timeout)
        except (OSError, EOFError, ftplib.Error):
            self.drop()

    def drop(self) -> None:
        """Forget the connection: its state is not known any more."""
        ftp, self._ftp = self._ftp, None
        if ftp is not None:
            with contextlib.suppress(OSError):
                ftp.close()

    def has(self, feature: str) -> bool:
        """Whether the server announces a feature such as MLST (asked once a connection)."""
        if self._features is None:
            answer = ""
            with contextlib.suppress(ftplib.error_perm):
                answer = self._connected().sendcmd("FEAT")
            self._features = frozenset(line.strip().split(" ")[0].upper() for line in answer.splitlines()[1:-1])
        return feature in self._features

    def entries(self, wanted: Callable[[str], bool]) -> Iterable[Entry]:
        """The regular files whose names are wanted, by MLSD where the server has it, else by NLST."""
        machine = self.run("ask for features", lambda _: self.has("MLST"))
        listing = self._by_mlsd if machine else self._by_nlst
        return self.run("list the folder", lambda ftp: list(listing(ftp, wanted)))

    def find(self, name: str) -> Entry | None:
        """One file as it is now; None where there is none of that name."""
        size = self.size_of(name)
        if size is None:
            return None
        return Entry(name, size, self.run(f"ask for the time of {name}", lambda ftp: self._modified(ftp, name)))

    def size_of(self, name: str) -> int | None:
        """The size of a file; None where there is none. Asked in binary mode: in ASCII mode some refuse."""
        return self.run(f"ask for the size of {name}", lambda ftp: self._size(ftp, name))

    def fetch(self, name: str, take: Callable[[bytes], object]) -> None:
        """Hand the content over block by block."""
        pace = Pace(self._options, f"{self.place}: fetching {name}")

        def took(block: bytes) -> None:
            take(block)
            pace.went(len(block))

        self._transfer(f"fetch {name}", lambda ftp: ftp.retrbinary(f"RETR {name}", took, blocksize=_BLOCK))

    def store(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name."""
        pace = Pace(self._options, f"{self.place}: uploading {name}")
        self._transfer(
            f"upload {name}",
            lambda ftp: ftp.storbinary(
                f"STOR {name}", io.BytesIO(content), _BLOCK, callback=lambda block: pace.went(len(block))
            ),
        )

    def _transfer(self, what: str, action: Callable[[ftplib.FTP], object]) -> None:
        """A transfer that was broken off leaves the control connection waiting for its end: it is dropped."""
        try:
            self.run(what, action)
        except EndpointError:
            self.drop()
            raise

    def rename(self, old: str, new: str) -> None:
        """Give a file another name. Raises OutcomeUnknown on a cut line, and where the old name is not there."""
        self._announce_rename(old, new)
        self._rename_announced(old, new)

    def _announce_rename(self, old: str, new: str) -> None:
        """The first half of a rename, which changes nothing, whatever becomes of it."""

        def announce(ftp: ftplib.FTP) -> None:
            answer = ftp.sendcmd(f"RNFR {old}")
            if not answer.startswith("3"):
                raise ftplib.error_reply(answer)  # noqa: S321 - an exception, no connection

        try:
            self.run(f"rename {old} to {new}", announce)
        except EndpointRefused as error:
            # an earlier rename that was not answered may have been done since
            if _refused_with(error, "550") and not self._is_surely_there(old):
                raise OutcomeUnknown(error.message, code=error.code, help=error.help) from error
            raise

    def _rename_announced(self, old: str, new: str) -> None:
        self.run(f"rename {old} to {new}", lambda ftp: ftp.voidcmd(f"RNTO {new}"), unknown=True)

    def _is_surely_there(self, name: str) -> bool:
        try:
            return self.size_of(name) is not None
        except EndpointError:
            return False

    def replace(self, old: str, new: str) -> None:
        """Give a file a name that another one has. Most servers do it in one step; some refuse that (IIS).

        The one that has the name is removed only where the server may have refused because of it.
        """
        self._announce_rename(old, new)
        try:
            self._rename_announced(old, new)
        except EndpointRefused as error:
            if not _may_mean_taken(error):
                raise
            if self.size_of(old) is None:
                raise OutcomeUnknown(error.message, code=error.code, help=error.help) from error
            self._clear(new)
            self.rename(old, new)

    def _clear(self, name: str) -> None:
        """Remove a file; somebody may have taken it away meanwhile."""
        try:
            self.remove(name)
        except EndpointRefused:
            if self.size_of(name) is not None:
                raise

    def remove(self, name: str) -> None:
        """Delete a file."""
        self.run(f"remove {name}", lambda ftp: ftp.delete(name))

    def make_folder(self, name: str) -> None:
        """Create a folder in this one; it may be there already."""
        with contextlib.suppress(EndpointRefused):
            self.run(f"make the folder {name}", lambda ftp: ftp.mkd(name))

    def _by_mlsd(self, ftp: ftplib.FTP, wanted: Callable[[str], bool]) -> Iterator[Entry]:
        for line in self._listing(ftp, "MLSD"):
            told, _, name = line.partition(" ")
            facts = {key.lower(): value for key, _, value in (fact.partition("=") for fact in told.split(";"))}
            if facts.get("type", "file").lower() == "file" and wanted(name):
                size = facts.get("size", "")
                yield Entry(name, int(size) if size.isdecimal() else None, _time(facts.get("modify")))

    def _by_nlst(self, ftp: ftplib.FTP, wanted: Callable[[str], bool]) -> Iterator[Entry]:
        try:
            names = self._listing(ftp, "NLST")
        except ftplib.Error as error:
            if _code(error) in ("550", "450"):  # an empty folder, on pure-ftpd's and IIS's kind of server
                return
            raise
        for name in sorted({basename(name) for name in names}):
            size = self._size(ftp, name) if wanted(name) else None
            if size is not None:
                yield Entry(name, size, self._modified(ftp, name))

    def _listing(self, ftp: ftplib.FTP, command: str) -> list[str]:
        """The lines of a listing, which may take no longer than a transfer."""
        pace, lines = Pace(self._options, f"{self.place}: listing the folder"), list[str]()

        def take(line: str) -> None:
            lines.append(line)
            pace.went(len(line) + 2)

        ftp.retrlines(command, take)
        return lines

    def _modified(self, ftp: ftplib.FTP, name: str) -> datetime | None:
        try:
            return _time(ftp.voidcmd(f"MDTM {name}").split(None, 1)[1])
        except (ftplib.error_perm, IndexError):
            return None

    def _size(self, ftp: ftplib.FTP, name: str) -> int | None:
        ftp.voidcmd("TYPE I")
        try:
            return ftp.size(name)
        except ftplib.error_perm as error:
            if _code(error) == "550":
                return None
            if _code(error) in ("500", "502"):
                return self._size_by_list(ftp, name)
            raise

    def _size_by_list(self, ftp: ftplib.FTP, name: str) -> int | None:
        folder, _, last = name.rpartition("/")
        lines = self._listing(ftp, f"LIST {folder}" if folder else "LIST")
        sizes = (_listed_size(line, last) for line in lines)
        return next((size for size in sizes if size is not None), None)

    def _connected(self) -> ftplib.FTP:
        if self._ftp is not None:
            return self._ftp
        options = self._options
        ftp = _client(options)
        try:
            ftp.connect(options.host, port_of(options))
            assert ftp.sock is not None
            keep_alive(ftp.sock)
            ftp.login(options.user, options.password.get_secret_value())
            ftp.set_pasv(options.passive)
            ftp.timeout = options.data_timeout
            ftp.sock.settimeout(options.data_timeout)
            self._enter(ftp)
        except BaseException:  # whatever ended it, no connection is left open; it is raised on
            with contextlib.suppress(OSError):
                ftp.close()
            raise
        self._ftp, self._features = ftp, None
        return ftp

    def _enter(self, ftp: ftplib.FTP) -> None:
        """CWD first: some servers answer an empty list for a folder that is not there."""
        if not self.folder:
            return
        try:
            ftp.cwd(self.folder)
        except ftplib.error_perm as error:
            raise EndpointUnreachable(
                f"the folder {self.place} cannot be entered: the server says `{_said(error)}`",
                code="E003",
                help="check `folder:` in the route or target; it counts from the account's start folder",
            ) from error

    def _refusal(self, what: str, error: ftplib.error_perm) -> EndpointRefused:
        code = _code(error)
        if code == "530":
            return LoginRefused(
                f"{self._options.host}: the login of `{self._options.user}` is refused: `{_said(error)}`",
                code="E002",
                help="check `user:` and `password:` of the endpoint",
            )
        if code == "552":
            return EndpointRefused(f"{self.place}: the account is full: `{_said(error)}`", code="E008")
        return EndpointRefused(f"{self.place}: cannot {what}: the server says `{_said(error)}`", code="E004")


def _client(options: FtpOptions) -> ftplib.FTP:
    """A client that is not connected yet."""
    if options.tls == "none":
        return ftplib.FTP(encoding=options.encoding, timeout=options.connect_timeout)  # noqa: S321 - the user's choice
    from gateway.endpoints.ftp_tls import TlsFtp, tls_context

    return TlsFtp(
        tls_context(options.ca_file, options.fingerprint, options.newest_tls),
        implicit=options.tls == "implicit",
        fingerprint=options.fingerprint,
        encoding=options.encoding,
        timeout=options.connect_timeout,
    )


def keep_alive(line: socket.socket) -> None:
    """Let the system ask whether the other side is still there: routers forget a line that is idle for long."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 30)):
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)


def port_of(options: FtpOptions) -> int:
    """The port of the control connection: the given one, else the usual one of the kind of encryption."""
    return options.port or (990 if options.tls == "implicit" else 21)


def _listed_size(line: str, name: str) -> int | None:
    """The size of a file in a line of LIST, as Unix or as Windows writes it; None where the line is another's."""
    unix = line.split(None, 8)
    if len(unix) == 9 and line.startswith("-") and unix[8] == name and unix[4].isdecimal():
        return int(unix[4])
    windows = line.split(None, 3)
    if len(windows) == 4 and line[0].isdecimal() and windows[3] == name and windows[2].isdecimal():
        return int(windows[2])
    return None


def _refused_with(refusal: EndpointRefused, *codes: str) -> bool:
    return isinstance(refusal.__cause__, ftplib.error_perm) and _code(refusal.__cause__) in codes


def _may_mean_taken(refusal: EndpointRefused) -> bool:
    """Whether a name may have been refused because a file has it, and surely not for want of a right."""
    return _refused_with(refusal, "550", "553") and not _LACKS_A_RIGHT.search(refusal.message)


def _code(error: Exception) -> str:
    return str(error)[:3]


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if isinstance(error, socket.gaierror):
        return f"the host name is not known ({error.strerror})"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return _said(error) if isinstance(error, Exception) else type(error).__name__


def _time(text: str | None) -> datetime | None:
    """The time of MDTM and MLSD, which is UTC by RFC 3659."""
    digits = (text or "").strip()[:14]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
