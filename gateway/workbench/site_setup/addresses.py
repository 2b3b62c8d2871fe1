"""Where data comes from or goes to, as a person says it: a folder, an address, or a name of config.yaml."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec
from msgspec.structs import replace

from gateway import library
from gateway.errors import UsageError

Kind = Literal["drop", "named", "local", "ftp", "sftp", "http", "api", "mserver"]
Accounting = Literal["pohoda", "profit"]

_SCHEMES: dict[str, Kind] = {"ftp": "ftp", "ftps": "ftp", "sftp": "sftp", "http": "http", "https": "http"}
_MASK = re.compile(r"[*?]|\.(?:xml|json|csv|zip|gz|pdf)$", re.IGNORECASE)
_IMPLICIT = 990


class Address(msgspec.Struct, frozen=True):
    """One place. Which parts it has depends on its kind.

    name: of an endpoint or target that is there. folder: on that endpoint or server. path: of a folder of this
    machine. query: what follows the `?` of a feed. accounting: the program that is meant, where the words say so.
    """

    kind: Kind
    name: str = ""
    host: str = ""
    port: int | None = None
    user: str | None = None
    folder: str = ""
    files: str | None = None
    path: str = ""
    url: str = ""
    query: tuple[tuple[str, str], ...] = ()
    tls: Literal["none", "explicit", "implicit"] = "none"
    accounting: Accounting | None = None

    @property
    def by_network(self) -> bool:
        """Whether it is asked from time to time, instead of being watched."""
        return self.kind not in ("drop", "local")

    @property
    def shown(self) -> str:
        """The place for people, without anything secret."""
        server = f"{self.host}{f':{self.port}' if self.port else ''}"
        return {
            "drop": "the drop folder",
            "named": f"`{self.name}`",
            "local": f"the folder {self.path}",
            "ftp": f"the FTP server {server}",
            "sftp": f"the SFTP server {server}",
            "http": self.url,
            "api": f"the API at {self.url}",
            "mserver": f"the mServer at {self.url}",
        }[self.kind]


def read_address(
    text: str, flag: str, known: Collection[str], url: str = "", *, is_folder: bool = False
) -> Address:
    """What is meant by the value of a flag. known: the names in config.yaml; url: of an `api` without one.

    is_folder: a word that is no name is a folder. Raises UsageError. No secret of an address is in the message.
    """
    text = text.strip()
    if not text or not text.isprintable():
        raise UsageError(f"{flag}: a folder, an address or a name is expected")
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if text == "folder":
        return Address("drop")
    if word == "api":
        return _service("api", rest or url, flag, "--url https://shop.example.cz")
    if word == "pohoda-mserver":
        return replace(_service("mserver", rest, flag, f'{flag} "pohoda-mserver http://eshop@192.168.1.20:444"'),
                       accounting="pohoda")  # fmt: skip
    if word in ("pohoda-folder", "profit"):
        program: Accounting = "pohoda" if word == "pohoda-folder" else "profit"
        if not rest:
            raise UsageError(f'{flag}: say where the folder is, such as `{flag} "{word} out/{program}"`')
        return replace(read_address(rest, flag, known, is_folder=True), accounting=program)
    if "://" in text:
        return _server(text, flag)
    name, colon, folder = text.partition(":")
    if name in known:
        on_it, files = _folder_and_files(folder if colon else "")
        return Address("named", name=name, folder=on_it, files=files)
    return _local(text, flag, known, is_folder=is_folder)


def _server(text: str, flag: str) -> Address:
    parts, port = _split(text, flag)
    kind = _SCHEMES.get(parts.scheme.lower())
    if kind is None:
        raise UsageError(
            f"{flag}: `{parts.scheme}://` is not known; there are {', '.join(f'{s}://' for s in _SCHEMES)}"
        )
    if kind == "http":
        return _web(parts, port)
    if parts.query or parts.fragment:
        raise UsageError(f"{flag}: an address of a server for files has no `?` and no `#`")
    secure = parts.scheme.lower() == "ftps"
    folder, files = _folder_and_files(unquote(parts.path))
    return Address(
        kind,
        host=parts.hostname or "",
        port=None if port == _IMPLICIT and secure else port,
        user=unquote(parts.username) if parts.username else None,
        tls=("implicit" if port == _IMPLICIT else "explicit") if secure else "none",
        folder=folder,
        files=files,
    )


def _web(parts: SplitResult, port: int | None) -> Address:
    return Address(
        "http",
        url=f"{parts.scheme.lower()}://{_host_of(parts, port)}",
        host=parts.hostname or "",
        user=unquote(parts.username) if parts.username else None,
        folder="" if parts.path == "/" else parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _service(kind: Kind, text: str, flag: str, example: str) -> Address:
    if not text:
        raise UsageError(f"{flag}: the address is missing; add `{example}`")
    parts, port = _split(text, flag)
    if parts.scheme.lower() not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(f"{flag}: the address begins with `https://` and has no `?`; such as `{example}`")
    return Address(
        kind,
        url=f"{parts.scheme.lower()}://{_host_of(parts, port)}{parts.path.rstrip('/')}",
        host=parts.hostname or "",
        user=unquote(parts.username) if parts.username else None,
    )


def _split(text: str, flag: str) -> tuple[SplitResult, int | None]:
    """The parts of an address and its port. Raises UsageError, also for a password in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UsageError(f"{flag}: this is no address, such as `sftp://user@ftp.example.cz/orders`") from None
    if parts.password is not None:
        raise UsageError(
            f"{flag}: a password is not written into an address, where others can read it; leave it out: it is "
            "asked for, or read from the environment or from a file in secrets/"
        )
    if not parts.hostname or re.search(r"\s", parts.netloc):
        raise UsageError(f"{flag}: this is no address, such as `sftp://user@ftp.example.cz/orders`")
    return parts, port


def _host_of(parts: SplitResult, port: int | None) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _folder_and_files(path: str) -> tuple[str, str | None]:
    """A path on a server as a folder and, where its last part is a mask or a file, that."""
    folder, slash, last = path.rpartition("/")
    if _MASK.search(last):
        return folder or slash, last
    return path.rstrip("/"), None


def _local(text: str, flag: str, known: Collection[str], *, is_folder: bool) -> Address:
    windows = re.match(r"[A-Za-z]:[\\/]|\\\\", text) is not None
    path = text.replace("\\", "/") if windows else text
    if not windows and not is_folder and not re.search(r"[/.~]", path):
        near = library.similar(text, known)
        told = f"there is one with a similar name: `{near}`" if near else f"there are {', '.join(known) or 'none'}"
        raise UsageError(
            f"{flag}: `{text}` is no name in config.yaml ({told}); a folder of that name is `./{text}`"
        )
    if path.startswith("~"):
        path = Path(path).expanduser().as_posix()
    path = path.removeprefix("./") or "."
    folder, _, last = path.rpartition("/")
    if re.search(r"[*?]", last):
        return Address("local", path=folder or ".", files=last)
    return Address("local", path=path.rstrip("/") or "/")
