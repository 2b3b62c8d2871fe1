"""The keys of SFTP: the server's, which must be known before, and one's own, which is read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.endpoints.sftp_client import words
from gateway.errors import EndpointUnreachable, HostNotTrusted

if TYPE_CHECKING:
    import paramiko

    from gateway.endpoints.sftp import SftpOptions

_CERTIFICATE = "-cert.pub"


def fingerprint_of(key: paramiko.PKey) -> str:
    """A host key as OpenSSH shows it: `ssh-ed25519 SHA256:…`."""
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def never_accept(endpoint: str) -> paramiko.MissingHostKeyPolicy:
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
            f"sftp://{options.host}:{options.port}: cannot connect: {words(error)}", code="E001"
        ) from error
    name = options.host if options.port == 22 else f"[{options.host}]:{options.port}"
    return fingerprint_of(key), f"{name} {key.get_name()} {key.get_base64()}"


class UnusableKeyError(Exception):
    """A private key that cannot be used, and what helps."""

    def __init__(self, why: str, help: str) -> None:  # noqa: A002 - the word of diagnostics
        super().__init__(why)
        self.help = help


def loaded_key(path: Path, passphrase: str | None) -> paramiko.PKey:
    """A private key of any kind, with the certificate beside it. Raises UnusableKeyError."""
    import paramiko

    private = path.with_name(path.name.removesuffix(_CERTIFICATE))
    certificate = private.with_name(private.name + _CERTIFICATE)
    for kind in (paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key):
        try:
            key: paramiko.PKey = kind.from_private_key_file(str(private), passphrase)
            if certificate.is_file():
                key.load_certificate(str(certificate))
        except OSError as error:
            raise UnusableKeyError(
                (error.strerror or str(error)).lower(),
                "check `key_file:` of the endpoint, and that the gateway's account may read it",
            ) from error
        except paramiko.PasswordRequiredException as error:
            raise UnusableKeyError(
                "it has a passphrase", "give it as `key_passphrase:` of the endpoint"
            ) from error
        except Exception:  # noqa: BLE001, S112 - a key of another kind fails in any way that there is
            continue
        return key
    if passphrase is not None and _is_encrypted(private):
        raise UnusableKeyError("the passphrase is wrong", "check `key_passphrase:` of the endpoint")
    raise UnusableKeyError("it is no private key", "name a private key of OpenSSH, RSA, ECDSA or Ed25519")


def _is_encrypted(private: Path) -> bool:
    import paramiko

    try:
        paramiko.RSAKey.from_private_key_file(str(private))
    except paramiko.PasswordRequiredException:
        return True
    except Exception:  # noqa: BLE001 - whatever else is wrong with it
        return b"ENCRYPTED" in private.read_bytes()
    return False
