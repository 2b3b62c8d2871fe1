"""SFTP servers, by paramiko: host keys are known beforehand, every wait has an end, sizes are checked.

The rules and the faults behind them were seen on OpenSSH (docs/endpoints.md): a transfer without a channel
time-out hangs for ever, an error without a number says nothing (one looks instead), and `rename` refuses a name
that is taken, which is just what a target wants.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from posixpath import join
from typing import TYPE_CHECKING, Any, Literal, TypeVar

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

if TYPE_CHECKING:
    import paramiko

T = TypeVar("T")
_BLOCK = 1 << 15
_REQUESTS_AHEAD = 64
_KEEPALIVE = 30
_FAREWELL = 5.0
_GONE = (errno.ENOENT,)
_NO_ANSWER = {
    "No existing session": "no answer in time",
    "Authentication timeout.": "no answer in time",
    "Authentication failed: transport shut down or saw EOF": "the server closed the connection",
}
"""What paramiko says, also as a failed login, where the server only did not answer."""


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

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return f"sftp://{self._options.host}:{self._options.port}/{self.folder.lstrip('/')}"

    def path(self, name: str) -> bytes:
        """The name in this folder, as the server takes it."""
        return (join(self.folder, name) if self.folder else name).encode(self._options.encoding)

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
            if str(error) in _NO_ANSWER:  # the line, not the password
                raise self._unreached(step, self._trouble(what, error, unknown=unknown)) from error
            self.drop()
            raise LoginRefused(
                f"{self._options.host}: the login of `{self._options.user}` is refused",
                code="E002",
                help="check `user:` and `password:` or `key_file:` of the endpoint",
            ) from error
        except UnicodeError as error:
            self.drop()
            raise EndpointRefused(
                f"{self.place}: cannot {what}: a file name there is not {self._options.encoding}",
                code="E009",
                help="set `encoding:` of the endpoint to the server's, such as windows-1250",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._unreached(step, self._trouble(what, error, unknown=unknown)) from error

    def _unreached(self, step: Callable[[], object], trouble: EndpointError) -> EndpointError:
        """A trouble in the step of connecting is one of the whole host."""
        if step == self._connected and isinstance(trouble, EndpointUnreachable):
            return HostUnreachable(trouble.message, code=trouble.code, help=trouble.help)
        return trouble

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
            with sftp.open(self.path(name), "rb") as file:
                file.prefetch(file.stat().st_size, _REQUESTS_AHEAD)
                while block := file.read(_BLOCK):
                    take(block)
                    pace.went(len(block))

        self.run(f"fetch {name}", copy)

    def store(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name."""

        pace = Pace(self._options, f"{self.place}: uploading {name}")

        def upload(sftp: paramiko.SFTPClient) -> None:
            with sftp.open(self.path(name), "wb") as file:
                file.set_pipelined(pipelined=True)
                for start in range(0, len(content), _BLOCK):
                    file.write(content[start : start + _BLOCK])
                    pace.went(min(_BLOCK, len(content) - start))

        self.run(f"upload {name}", upload)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name. Raises OutcomeUnknown on a cut line."""
        self.run(f"rename {old} to {new}", lambda sftp: sftp.rename(self.path(old), self.path(new)), unknown=True)

    def replace(self, old: str, new: str) -> None:
        """Give a file a name that another one has: by OpenSSH's extension, else in two steps."""

        def over(sftp: paramiko.SFTPClient) -> None:
            try:
                sftp.posix_rename(self.path(old), self.path(new))
            except OSError as error:
                if isinstance(error, EOFError | TimeoutError | ConnectionError):
                    raise
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
        client, self._client, self._sftp = self._client, None, None
        if client is not None:
            with contextlib.suppress(OSError, EOFError):
                client.close()

    drop = close

    def refresh(self) -> None:
        """Ask the server for a sign of life; a connection without one is forgotten."""
        if self._sftp is None:
            return
        import paramiko

        channel = self._sftp.get_channel()
        assert channel is not None
        try:
            channel.settimeout(_FAREWELL)
            self._sftp.stat(".")
            channel.settimeout(self._options.data_timeout)
        except (paramiko.SSHException, EOFError, OSError):
            self.drop()

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
        sftp = _client_for(options.encoding).from_transport(transport)
        assert sftp is not None
        channel = sftp.get_channel()
        assert channel is not None
        channel.settimeout(options.data_timeout)
        self._enter(sftp)
        self._sftp = sftp
        return sftp

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
        if not stat.S_ISDIR(mode):
            self.drop()
            raise EndpointUnreachable(
                f"the folder {self.place} is not there",
                code="E003",
                help="check `folder:` in the route or target; without a leading / it counts from the start folder",
            )


def fingerprint_of(key: paramiko.PKey) -> str:
    """A host key as OpenSSH shows it: `ssh-ed25519 SHA256:…`."""
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def _client_for(encoding: str) -> type[paramiko.SFTPClient]:
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
    if str(error) in _NO_ANSWER:
        return _NO_ANSWER[str(error)]
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
