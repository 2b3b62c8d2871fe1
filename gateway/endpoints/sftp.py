"""SFTP servers, by paramiko: host keys are known beforehand, every wait has an end, sizes are checked.

The rules and the faults behind them were seen on OpenSSH (docs/endpoints.md): a transfer without a channel
time-out hangs for ever, an error without a number says nothing (one looks instead), and `rename` refuses a name
that is taken, which is just what a target wants.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from posixpath import join
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

from pydantic import Field, SecretStr

from gateway.endpoints.base import (
    AfterWork,
    EndpointOptions,
    Entry,
    Look,
    Outcome,
    Staged,
    Traits,
    Written,
    fits,
    in_order,
    temporary_name,
)
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    LoginRefused,
    OutcomeUnknown,
)

if TYPE_CHECKING:
    import paramiko

T = TypeVar("T")
_BLOCK = 1 << 15
_REQUESTS_AHEAD = 64
_KEEPALIVE = 30
_GONE = (errno.ENOENT,)


class SftpOptions(EndpointOptions):
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
    connect_timeout: float = Field(default=20, gt=0, description="seconds until a connection attempt is given up")
    data_timeout: float = Field(default=60, gt=0, description="seconds without an answer until a step is given up")
    max_connections: int = Field(default=2, ge=1, le=20, description="connections to this server at the same time")


class SftpEndpoint:
    """One SFTP account."""

    def __init__(self, name: str, options: SftpOptions, *, root: Path) -> None:
        self.name = name
        self.traits = Traits(max_connections=options.max_connections)
        self._options = options
        self._root = root

    def source(self, folder: str, files: Sequence[str], after: AfterWork) -> SftpSource:
        """The folder as a source."""
        return SftpSource(SftpSession(self.name, self._options, self._root, folder), files, after)

    def target(self, folder: str) -> SftpTarget:
        """The folder as a target."""
        return SftpTarget(SftpSession(self.name, self._options, self._root, folder))

    def probe(self) -> str:
        """Log in and list the start folder. Raises EndpointError."""
        session = SftpSession(self.name, self._options, self._root, "")
        try:
            return session.run("list the start folder", lambda sftp: f"login ok, {len(sftp.listdir('.'))} names")
        finally:
            session.close()

    def close(self) -> None:
        """Sessions are closed by who opened them."""


class SftpSession:
    """One connection, opened when it is needed. One session is used by one thread."""

    def __init__(self, endpoint: str, options: SftpOptions, root: Path, folder: str) -> None:
        self._endpoint = endpoint
        self._options = options
        self._root = root
        self.folder = folder
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return f"sftp://{self._options.host}:{self._options.port}/{self.folder.lstrip('/')}"

    def path(self, name: str) -> str:
        """The name in this folder, as the server takes it."""
        return join(self.folder, name) if self.folder else name

    def run(self, what: str, action: Callable[[paramiko.SFTPClient], T], *, unknown: bool = False) -> T:
        """Do something on the connection. With `unknown`, a cut line is an OutcomeUnknown."""
        sftp = self._sftp or self._do("connect", self._connected)
        return self._do(what, lambda: action(sftp), unknown=unknown)

    def _do(self, what: str, step: Callable[[], T], *, unknown: bool = False) -> T:
        import paramiko

        try:
            return step()
        except EndpointError:
            raise
        except paramiko.BadHostKeyException as error:
            self.drop()
            raise HostNotTrusted(
                f"{self.place}: the host key has changed: it is {fingerprint_of(error.key)} now",
                code="E011",
                help="ask the server's owner whether it was renewed; only then remove the old line from "
                f"{self._options.known_hosts} and run `gateway trust-host {self._endpoint}`",
            ) from error
        except paramiko.AuthenticationException as error:
            self.drop()
            raise LoginRefused(
                f"{self._options.host}: the login of `{self._options.user}` is refused",
                code="E002",
                help="check `user:` and `password:` or `key_file:` of the endpoint",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._trouble(what, error, unknown=unknown) from error

    def _trouble(self, what: str, error: BaseException, *, unknown: bool) -> EndpointError:
        number = getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            return EndpointRefused(
                f"{self.place}: cannot {what}: permission denied",
                code="E004",
                help="ask for the right to do that there",
            )
        if number in _GONE:
            return EndpointUnreachable(f"{self.place}: cannot {what}: it is not there", code="E006")
        said = _words(error)
        self.drop()
        kind = OutcomeUnknown if unknown else EndpointUnreachable
        return kind(f"{self.place}: cannot {what}: {said}", code="E001")

    def size_of(self, sftp: paramiko.SFTPClient, name: str) -> int | None:
        """The size of a file; None where there is none of that name."""
        try:
            return sftp.stat(self.path(name)).st_size
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Give the connection back; never fails."""
        client, self._client, self._sftp = self._client, None, None
        if client is not None:
            with contextlib.suppress(OSError, EOFError):
                client.close()

    drop = close

    def _connected(self) -> paramiko.SFTPClient:
        import paramiko

        options = self._options
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_never_accept(self._endpoint))
        known_hosts = self._root / options.known_hosts
        if known_hosts.is_file():
            client.load_host_keys(str(known_hosts))
        self._client = client
        client.connect(
            options.host,
            options.port,
            options.user,
            password=options.password.get_secret_value() if options.password else None,
            key_filename=str(self._root / options.key_file) if options.key_file else None,
            passphrase=options.key_passphrase.get_secret_value() if options.key_passphrase else None,
            allow_agent=options.agent,
            look_for_keys=False,
            timeout=options.connect_timeout,
            banner_timeout=options.connect_timeout,
            auth_timeout=options.connect_timeout,
            channel_timeout=options.connect_timeout,
        )
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(_KEEPALIVE)
        sftp = client.open_sftp()
        channel = sftp.get_channel()
        assert channel is not None
        channel.settimeout(options.data_timeout)
        self._enter(sftp)
        self._sftp = sftp
        return sftp

    def _enter(self, sftp: paramiko.SFTPClient) -> None:
        """A folder that is not there is an error of its own, never an empty folder."""
        if not self.folder:
            return
        try:
            mode = sftp.stat(self.folder).st_mode or 0
        except FileNotFoundError:
            mode = 0
        if not stat.S_ISDIR(mode):
            self.drop()
            raise EndpointUnreachable(
                f"the folder {self.place} is not there",
                code="E003",
                help="check `folder:` in the route or target; without a leading / it counts from the start folder",
            )


class SftpSource:
    """A folder of an SFTP server that files are taken from."""

    def __init__(self, session: SftpSession, files: Sequence[str], after: AfterWork) -> None:
        self._session = session
        self._files = files
        self._after = after

    def list(self) -> Iterable[Entry]:
        """All files that fit the mask, with sizes and times. Raises EndpointError."""
        return in_order(self._session.run("list the folder", lambda sftp: list(self._entries(sftp))))

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the whole file; its size before, after and counted must be the same. Raises EndpointError."""

        def copy(sftp: paramiko.SFTPClient) -> None:
            before = self._session.size_of(sftp, entry.name)
            if before is None:
                raise EndpointUnreachable(f"{self._session.place}: {entry.name} is gone", code="E006")
            counted = 0
            with sftp.open(self._session.path(entry.name), "rb") as file:
                file.prefetch(before, _REQUESTS_AHEAD)
                while block := file.read(_BLOCK):
                    counted += len(block)
                    into.write(block)
            after = self._session.size_of(sftp, entry.name)
            if not before == counted == after:
                raise EndpointUnreachable(
                    f"{self._session.place}: {entry.name} came with {counted} bytes, "
                    f"the server says {before} before and {after} after",
                    code="E006",
                )

        self._session.run(f"fetch {entry.name}", copy)

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Do the after-work action; a file that is gone or was replaced since is left alone."""
        if self._after.action == "keep":
            return

        def put_away(sftp: paramiko.SFTPClient) -> None:
            try:
                found = _entry(entry.name, sftp.stat(self._session.path(entry.name)))
            except FileNotFoundError:
                return
            if (found.size, found.modified) != (entry.size, entry.modified):
                return
            if self._after.action == "delete":
                sftp.remove(self._session.path(entry.name))
            else:
                self._move(sftp, entry.name, self._after.folder or "done")

        self._session.run(f"put {entry.name} away", put_away)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _entries(self, sftp: paramiko.SFTPClient) -> Iterator[Entry]:
        for attributes in sftp.listdir_attr(self._session.folder or "."):
            if stat.S_ISREG(attributes.st_mode or 0) and fits(attributes.filename, self._files):
                yield _entry(attributes.filename, attributes)

    def _move(self, sftp: paramiko.SFTPClient, name: str, folder: str) -> None:
        with contextlib.suppress(OSError):
            sftp.mkdir(self._session.path(folder))
        stem, dot, suffix = name.rpartition(".")
        free, number = name, 1
        while self._session.size_of(sftp, join(folder, free)) is not None:
            number += 1
            free = f"{stem}-{number}.{suffix}" if dot else f"{name}-{number}"
        sftp.rename(self._session.path(name), self._session.path(join(folder, free)))


class SftpTarget:
    """A folder of an SFTP server that files are shipped to."""

    def __init__(self, session: SftpSession) -> None:
        self._session = session

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return self._session.place

    def stage(self, name: str, content: bytes, *, attempt: str) -> Staged:
        """Upload under a temporary name; the server's size must be the content's. Raises EndpointError."""
        staged = Staged(name, temporary_name(name, attempt), len(content))

        def upload(sftp: paramiko.SFTPClient) -> None:
            with sftp.open(self._session.path(staged.temporary), "wb") as file:
                file.set_pipelined(pipelined=True)
                file.write(content)
            size = self._session.size_of(sftp, staged.temporary)
            if size != staged.size:
                raise EndpointUnreachable(
                    f"{self._session.place}: {staged.temporary} has {size} bytes there instead of {staged.size}",
                    code="E006",
                )

        self._session.run(f"upload {name}", upload)
        return staged

    def publish(self, staged: Staged) -> Written:
        """Rename to the final name, which must be free. Raises EndpointError, OutcomeUnknown on a cut line."""

        def rename(sftp: paramiko.SFTPClient) -> None:
            if self._session.size_of(sftp, staged.name) is not None:
                raise EndpointRefused(
                    f"{self._session.place}: a file named {staged.name} is there already "
                    "and was not sent by this delivery",
                    code="E007",
                    help="move that file away, then `gateway retry` the delivery",
                )
            sftp.rename(self._session.path(staged.temporary), self._session.path(staged.name))

        self._session.run(f"rename {staged.temporary} to {staged.name}", rename, unknown=True)
        return Written(staged.name, staged.size)

    def look(self, staged: Staged) -> Look:
        """Look at both names. Raises EndpointError where one cannot look."""

        def sizes(sftp: paramiko.SFTPClient) -> tuple[int | None, int | None]:
            return self._session.size_of(sftp, staged.temporary), self._session.size_of(sftp, staged.name)

        temporary, final = self._session.run(f"look for {staged.name}", sizes)
        if temporary is not None:
            return Look.STAGED
        if final is None:
            return Look.ABSENT
        return Look.PUBLISHED if final == staged.size else Look.TAKEN

    def discard(self, staged: Staged) -> None:
        """Remove the temporary file if it is there."""
        path = self._session.path(staged.temporary)
        with contextlib.suppress(EndpointError):
            self._session.run(f"remove {staged.temporary}", lambda sftp: sftp.remove(path))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def fingerprint_of(key: paramiko.PKey) -> str:
    """A host key as OpenSSH shows it: `ssh-ed25519 SHA256:…`."""
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def _never_accept(endpoint: str) -> paramiko.MissingHostKeyPolicy:
    """What to do about a host key that is not in known_hosts: always refuse, and say how it is trusted."""
    import paramiko

    class NeverAccept(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, _client: Any, hostname: str, key: paramiko.PKey) -> None:
            raise HostNotTrusted(
                f"the host key of {hostname} is not known: it says it is {fingerprint_of(key)}",
                code="E011",
                help=f"compare that with what the server's owner tells you, then `gateway trust-host {endpoint}`",
            )

    return NeverAccept()


def _entry(name: str, attributes: paramiko.SFTPAttributes) -> Entry:
    modified = None if attributes.st_mtime is None else datetime.fromtimestamp(attributes.st_mtime, UTC)
    return Entry(name, attributes.st_size, modified)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{text[:1].lower()}{text[1:200]}"


def offered_key(options: SftpOptions) -> tuple[str, str]:
    """The host key that a server offers: its fingerprint, and its line for known_hosts. Raises EndpointError.

    Nothing is sent but the handshake: no name, no password.
    """
    import socket

    import paramiko

    address = (options.host, options.port)
    try:
        with socket.create_connection(address, options.connect_timeout) as plain:
            transport = paramiko.Transport(plain)
            transport.banner_timeout = options.connect_timeout
            try:
                transport.start_client(timeout=options.connect_timeout)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise EndpointUnreachable(
            f"sftp://{options.host}:{options.port}: cannot connect: {_words(error)}", code="E001"
        ) from error
    name = options.host if options.port == 22 else f"[{options.host}]:{options.port}"
    return fingerprint_of(key), f"{name} {key.get_name()} {key.get_base64()}"
