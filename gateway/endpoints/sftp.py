"""SFTP servers, by paramiko: host keys are known beforehand, every wait has an end, sizes are checked.

The rules and the faults behind them were seen on OpenSSH (docs/endpoints.md): a transfer without a channel
time-out hangs for ever, an error without a number says nothing (one looks instead), and `rename` refuses a name
that is taken, which is just what a target wants.
"""

from __future__ import annotations

import contextlib
import errno
import stat
import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from posixpath import join
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field, SecretStr

from gateway.endpoints.base import Dropoff, Entry, Memory, Pickup, Traits, TransferOptions
from gateway.endpoints.guard import Guard, WatchedLine
from gateway.endpoints.pace import Pace
from gateway.endpoints.remote import RemoteSource, RemoteTarget
from gateway.endpoints.sftp_client import (
    BLOCK,
    NO_ANSWER,
    client_for,
    close_file,
    is_answer,
    is_unnamed_refusal,
    read_ahead,
    words,
)
from gateway.endpoints.sftp_keys import UnusableKeyError, fingerprint_of, loaded_key, never_accept, offered_key
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    HostUnreachable,
    LoginRefused,
    OutcomeUnknown,
)

if TYPE_CHECKING:
    import paramiko

__all__ = ["SftpEndpoint", "SftpFolder", "SftpOptions", "offered_key"]

T = TypeVar("T")
_KEEPALIVE = 30
_FAREWELL = 5.0


class SftpOptions(TransferOptions):
    """An SFTP server. Its host key must be known before the first connection: `gateway trust-host NAME`."""

    type: Literal["sftp"] = "sftp"
    host: str = Field(description="name or address of the server")
    port: int = Field(default=22, ge=1, le=65535, description="port of the server")
    user: str = Field(description="login name")
    password: SecretStr | None = Field(
        default=None,
        description="password; write `${env:NAME}` or `${file:PATH}`",
        json_schema_extra={"secret": True},
    )
    key_file: Path | None = Field(default=None, description="private key; relative paths count from config.yaml")
    key_passphrase: SecretStr | None = Field(
        default=None, description="passphrase of the private key", json_schema_extra={"secret": True}
    )
    agent: bool = Field(default=False, description="use the keys of the running ssh-agent")
    known_hosts: Path = Field(default=Path("known_hosts"), description="file with the host keys that are trusted")
    encoding: str = Field(default="utf-8", description="encoding of file names on the server")


class SftpEndpoint:
    """One SFTP account."""

    def __init__(self, name: str, options: SftpOptions, *, root: Path) -> None:
        self.name = name
        host = f"{options.host.lower()}:{options.port}"
        self.traits = Traits(host=host, max_connections=options.max_connections)
        self._options = options
        self._root = root

    def source(self, pickup: Pickup, memory: Memory | None = None) -> RemoteSource:
        """A folder as a source."""
        return RemoteSource(SftpFolder(self.name, self._options, self._root, pickup.folder), pickup)

    def target(self, dropoff: Dropoff) -> RemoteTarget:
        """A folder as a target."""
        return RemoteTarget(SftpFolder(self.name, self._options, self._root, dropoff.folder), dropoff)

    def probe(self) -> str:
        """Log in and list the start folder. Raises EndpointError."""
        session = SftpFolder(self.name, self._options, self._root, "")
        try:
            return session.run("list the start folder", lambda sftp: f"login ok, {len(sftp.listdir('.'))} names")
        finally:
            session.close()

    def close(self) -> None:
        """Sessions are closed by who opened them."""


class SftpFolder:
    """A folder behind one connection, opened when it is needed, for one thread."""

    def __init__(self, endpoint: str, options: SftpOptions, root: Path, folder: str) -> None:
        self._endpoint = endpoint
        self._options = options
        self._root = root
        self.folder = folder
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._line: WatchedLine | None = None

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return f"sftp://{self._options.host}:{self._options.port}/{self.folder.lstrip('/')}"

    def path(self, name: str) -> bytes:
        """The name in this folder, as the server takes it."""
        return (join(self.folder, name) if self.folder else name).encode(self._options.encoding)

    def run(self, what: str, action: Callable[[paramiko.SFTPClient], T], *, unknown: bool = False) -> T:
        """Do something on the connection. With `unknown`, a cut line is an OutcomeUnknown."""
        sftp = self._sftp or self._connect()
        return self._do(what, lambda: action(sftp), self._guard(), unknown=unknown)

    def _guard(self) -> Guard:
        """Cuts the connection of now where nothing moves on it any more, or a step takes too long as a whole."""
        client, line = self._client, self._line
        assert client is not None
        assert line is not None
        options = self._options
        whole = max(
            options.transfer_timeout, options.data_timeout
        )  # Pace, which knows how far it came, goes first
        return Guard(client.close, whole=whole, silence=options.data_timeout, moved=line.moved)

    def _do(
        self,
        what: str,
        step: Callable[[], T],
        guard: Guard,
        *,
        unknown: bool = False,
        connecting: bool = False,
    ) -> T:
        """A step whose errors become words and a verdict on whether waiting helps."""
        try:
            with guard:
                done = step()
        except EndpointError:
            if guard.tripped:
                self.drop()
            raise
        except Exception as error:
            told = self._told(what, error, guard, unknown=unknown, connecting=connecting)
            if told is None:
                raise
            raise told from error
        if guard.tripped:  # too late to matter for this step; the next one needs a new connection
            self.drop()
        return done

    def _told(
        self, what: str, error: Exception, guard: Guard, *, unknown: bool, connecting: bool
    ) -> EndpointError | None:
        """The error in the gateway's words; None where it is a bug."""
        import paramiko
        from paramiko.sftp import SFTPError

        if guard.tripped:  # whatever paramiko makes of a connection that was closed under its hands
            return self._out_of_time(what, guard, unknown=unknown, connecting=connecting)
        if isinstance(error, paramiko.BadHostKeyException):
            self.drop()
            return HostNotTrusted(
                f"{self.place}: the host key has changed: it is {fingerprint_of(error.key)} now",
                code="E011",
                help="ask the server's owner whether it was renewed; only then remove the old line from "
                f"{self._options.known_hosts} and run `gateway trust-host {self._endpoint}`",
            )
        if isinstance(error, paramiko.AuthenticationException) and str(error) not in NO_ANSWER:
            self.drop()
            return LoginRefused(
                f"{self._options.host}: the login of `{self._options.user}` is refused",
                code="E002",
                help="check `user:` and `password:` or `key_file:` of the endpoint",
            )
        if isinstance(error, UnicodeError):
            self.drop()
            return EndpointRefused(
                f"{self.place}: cannot {what}: a file name there is not {self._options.encoding}",
                code="E009",
                help="set `encoding:` of the endpoint to the server's, such as windows-1250",
            )
        if isinstance(error, paramiko.SSHException | SFTPError | struct.error | EOFError | OSError):
            return self._trouble(what, error, unknown=unknown, connecting=connecting)
        return None

    def _out_of_time(self, what: str, guard: Guard, *, unknown: bool, connecting: bool) -> EndpointError:
        self.drop()
        kind = _kind(unknown=unknown, connecting=connecting)
        if connecting or guard.tripped == "silence":
            return kind(f"{self.place}: cannot {what}: no answer in time", code="E001")
        return kind(
            f"{self.place}: cannot {what}: not done after {guard.whole:g} seconds, "
            f"`transfer_timeout` is {self._options.transfer_timeout:g}",
            code="E012",
            help="set `transfer_timeout:` of the endpoint higher where files are that large",
        )

    def _trouble(self, what: str, error: Exception, *, unknown: bool, connecting: bool) -> EndpointError:
        number = None if connecting else getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            return EndpointRefused(
                f"{self.place}: cannot {what}: permission denied",
                code="E004",
                help="ask for the right to do that there",
            )
        if number == errno.ENOENT:
            # an earlier rename that was not answered may have been done since
            gone = OutcomeUnknown if unknown else EndpointUnreachable
            return gone(f"{self.place}: cannot {what}: it is not there", code="E006")
        said = words(error)
        self.drop()
        kind = _kind(unknown=unknown, connecting=connecting)
        return kind(f"{self.place}: cannot {what}: {said}", code="E001")

    def entries(self, wanted: Callable[[str], bool]) -> Iterable[Entry]:
        """The regular files whose names are wanted."""
        found = self.run(
            "list the folder",
            lambda sftp: sftp.listdir_attr(self._place_there()),  # type: ignore[arg-type]  # bytes are welcome
        )
        return [
            _entry(attributes.filename, attributes)
            for attributes in found
            if stat.S_ISREG(attributes.st_mode or 0) and wanted(attributes.filename)
        ]

    def find(self, name: str) -> Entry | None:
        """One file as it is now; None where there is none of that name."""

        def look(sftp: paramiko.SFTPClient) -> Entry | None:
            try:
                return _entry(name, sftp.stat(self.path(name)))
            except FileNotFoundError:
                return None

        return self.run(f"look for {name}", look)

    def size_of(self, name: str) -> int | None:
        """The size of a file; None where there is none of that name."""
        found = self.find(name)
        return None if found is None else found.size

    def fetch(self, name: str, take: Callable[[bytes], object]) -> None:
        """Hand the content over block by block, with a bounded number of requests ahead."""

        pace = Pace(self._options, f"{self.place}: fetching {name}")

        def copy(sftp: paramiko.SFTPClient) -> None:
            file = sftp.open(self.path(name), "rb")
            for block in read_ahead(sftp, file):
                take(block)
                pace.went(len(block))
            close_file(sftp, file)

        self._transfer(f"fetch {name}", copy)

    def store(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name."""

        pace = Pace(self._options, f"{self.place}: uploading {name}")

        def upload(sftp: paramiko.SFTPClient) -> None:
            file = sftp.open(self.path(name), "wb")
            file.set_pipelined(pipelined=True)
            for start in range(0, len(content), BLOCK):
                file.write(content[start : start + BLOCK])
                pace.went(min(BLOCK, len(content) - start))
            close_file(sftp, file)

        self._transfer(f"upload {name}", upload)

    def _transfer(self, what: str, action: Callable[[paramiko.SFTPClient], None]) -> None:
        """A transfer that was broken off leaves answers on the line that nobody waits for: it is dropped."""
        try:
            self.run(what, action)
        except EndpointError:
            self.drop()
            raise

    def rename(self, old: str, new: str) -> None:
        """Give a file another name. Raises OutcomeUnknown on a cut line, and where the old name is not there."""
        self.run(f"rename {old} to {new}", lambda sftp: sftp.rename(self.path(old), self.path(new)), unknown=True)

    def replace(self, old: str, new: str) -> None:
        """Give a file a name that another one has: by OpenSSH's extension, else in two steps.

        The one that has the name is removed only where the server may have refused because of it.
        """

        def over(sftp: paramiko.SFTPClient) -> None:
            try:
                sftp.posix_rename(self.path(old), self.path(new))
            except OSError as error:
                if not is_unnamed_refusal(error):
                    raise
                sftp.stat(self.path(old))
                with contextlib.suppress(FileNotFoundError):
                    sftp.remove(self.path(new))
                sftp.rename(self.path(old), self.path(new))

        self.run(f"rename {old} to {new}", over, unknown=True)

    def remove(self, name: str) -> None:
        """Delete a file."""
        self.run(f"remove {name}", lambda sftp: sftp.remove(self.path(name)))

    def make_folder(self, name: str) -> None:
        """Create a folder in this one; it may be there already."""
        if self.find(name) is None:
            self.run(f"make the folder {name}", lambda sftp: sftp.mkdir(self.path(name)))

    def close(self) -> None:
        """Give the connection back; never fails."""
        client, self._client, self._sftp, self._line = self._client, None, None, None
        if client is not None:
            with contextlib.suppress(OSError, EOFError):
                client.close()

    drop = close

    def refresh(self) -> None:
        """Ask the server for a sign of life; a connection without one is forgotten."""
        sftp, client = self._sftp, self._client
        if sftp is None or client is None:
            return
        import paramiko
        from paramiko.sftp import SFTPError

        channel = sftp.get_channel()
        assert channel is not None
        guard = Guard(client.close, whole=_FAREWELL)
        try:
            with guard:
                channel.settimeout(_FAREWELL)
                sftp.stat(".")
                channel.settimeout(self._options.data_timeout)
        except (paramiko.SSHException, SFTPError, struct.error, EOFError, OSError):
            self.drop()
        if guard.tripped:
            self.drop()

    def _connect(self) -> paramiko.SFTPClient:
        import paramiko

        client, lines = paramiko.SSHClient(), list[WatchedLine]()

        def cut() -> None:
            client.close()
            for line in lines:  # the client may not know of it yet
                line.close()

        guard = Guard(cut, whole=self._options.connect_timeout)
        try:
            sftp = self._do("connect", lambda: self._connected(client, guard, lines), guard, connecting=True)
            if guard.tripped:
                raise self._out_of_time("connect", guard, unknown=False, connecting=True)
        except BaseException:  # whatever ended it, no connection is left open; it is raised on
            with contextlib.suppress(OSError, EOFError):
                cut()
            raise
        self._client, self._sftp, self._line = client, sftp, lines[0]
        return sftp

    def _connected(
        self, client: paramiko.SSHClient, guard: Guard, lines: list[WatchedLine]
    ) -> paramiko.SFTPClient:
        """Log in and enter the folder; `guard` may close the client and the `lines` at any time."""
        import paramiko

        options = self._options
        client.set_missing_host_key_policy(never_accept(self._endpoint))
        self._load_known_hosts(client)
        key = self._key()

        def transport_on(plain: Any, **further: Any) -> paramiko.Transport:
            lines.append(WatchedLine(plain))
            if guard.tripped:  # there was nothing yet that it could have closed
                raise TimeoutError
            return paramiko.Transport(lines[0], **further)  # type: ignore[arg-type]  # a socket in all that matters

        client.connect(
            options.host,
            options.port,
            options.user,
            password=options.password.get_secret_value() if options.password else None,
            pkey=key,
            allow_agent=options.agent,
            look_for_keys=False,
            timeout=options.connect_timeout,
            banner_timeout=options.connect_timeout,
            auth_timeout=options.connect_timeout,
            channel_timeout=options.connect_timeout,
            transport_factory=transport_on,
        )
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(_KEEPALIVE)
        channel = transport.open_session(timeout=options.connect_timeout)
        channel.settimeout(options.connect_timeout)
        channel.invoke_subsystem("sftp")
        sftp = client_for(options.encoding)(channel)
        channel.settimeout(options.data_timeout)
        self._enter(sftp)
        return sftp

    def _load_known_hosts(self, client: paramiko.SSHClient) -> None:
        from paramiko.hostkeys import InvalidHostKey

        path = self._root / self._options.known_hosts
        try:
            if path.is_file():
                client.load_host_keys(str(path))
        except (OSError, UnicodeError, InvalidHostKey) as error:
            raise HostNotTrusted(
                f"{self.place}: the host keys in {path} cannot be read: {words(error)}",
                code="E011",
                help="check `known_hosts:` of the endpoint, and that the gateway's account may read the file",
            ) from error

    def _key(self) -> paramiko.PKey | None:
        """The private key, read before anything is sent: what is wrong with it has nothing to do with the host."""
        options = self._options
        if options.key_file is None:
            return None
        path = self._root / options.key_file
        secret = options.key_passphrase or options.password
        try:
            return loaded_key(path, secret.get_secret_value() if secret else None)
        except UnusableKeyError as error:
            raise LoginRefused(
                f"{options.host}: `key_file` {path} cannot be used: {error}", code="E002", help=error.help
            ) from error

    def _place_there(self) -> bytes:
        return (self.folder or ".").encode(self._options.encoding)

    def _enter(self, sftp: paramiko.SFTPClient) -> None:
        """A folder that is not there is an error of its own, never an empty folder."""
        if not self.folder:
            return
        try:
            mode = sftp.stat(self._place_there()).st_mode or 0
        except FileNotFoundError:
            mode = 0
        except OSError as error:
            if not is_answer(error):
                raise
            raise EndpointUnreachable(
                f"the folder {self.place} cannot be entered: the server says `{error.strerror or error}`",
                code="E003",
                help="check `folder:` in the route or target, and that the account may enter it",
            ) from error
        if not stat.S_ISDIR(mode):
            raise EndpointUnreachable(
                f"the folder {self.place} is not there",
                code="E003",
                help="check `folder:` in the route or target; without a leading / it counts from the start folder",
            )


def _kind(*, unknown: bool, connecting: bool) -> type[EndpointError]:
    """A trouble in the step of connecting is one of the whole host."""
    if connecting:
        return HostUnreachable
    return OutcomeUnknown if unknown else EndpointUnreachable


def _entry(name: str, attributes: paramiko.SFTPAttributes) -> Entry:
    modified = None if attributes.st_mtime is None else datetime.fromtimestamp(attributes.st_mtime, UTC)
    return Entry(name, attributes.st_size, modified)
