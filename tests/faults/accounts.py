"""Accounts on servers that a site of the fault tests pulls from and pushes to."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import servers, sftp_server
from tests.real_servers import LOGIN, LOGIN_PASSWORD, openssh, proftpd, pureftpd, vsftpd


@dataclass(frozen=True)
class Account:
    """One account: its server's port, its folder on disk, and how config.yaml names it."""

    server: str
    port: int
    root: Path
    ftp: bool
    login: str
    secret: str
    start: str = ""
    host_key: str = ""

    def emptied(self) -> Account:
        """As it is on the first day: a folder with exports, one for the accounting program, nothing in them."""
        for entry in self.root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for name in ("export", "pohoda", "taken"):
            (self.root / name).mkdir()
            (self.root / name).chmod(0o777)
        return self

    def folder(self, name: str) -> str:
        """A folder of the account as its server takes it."""
        return f"{self.start}/{name}" if self.start else name

    def endpoint(self, name: str, port: int, site: Path, *, further: str = "") -> str:
        """Lines of config.yaml for this account behind `port`, with short waits."""
        waits = "connect_timeout: 2" + ("" if "data_timeout" in further else ", data_timeout: 0.5")
        common = f"host: 127.0.0.1, port: {port}, user: {self.login}, {waits}{further}"
        if self.ftp:
            return f'  {name}: {{type: ftp, password: "{self.secret}", {common}}}\n'
        known = site / f"{name}.known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {self.host_key}\n")
        return f"  {name}: {{type: sftp, {self.secret}, known_hosts: {known}, {common}}}\n"


@contextmanager
def _pyftpdlib(folder: Path) -> Iterator[Account]:
    root = folder / "account"
    root.mkdir()
    with servers.ftp_server(root) as running:
        yield Account("pyftpdlib", running.port, root, True, servers.USER, servers.PASSWORD)


@contextmanager
def _paramiko(folder: Path) -> Iterator[Account]:
    root = folder / "account"
    root.mkdir()
    with sftp_server.sftp_server(root) as running:
        key = running.known_host.split(" ", 1)[1]
        secret = f'password: "{sftp_server.PASSWORD}"'
        yield Account("paramiko", running.port, root, False, sftp_server.USER, secret, host_key=key)


@contextmanager
def _vsftpd(folder: Path) -> Iterator[Account]:
    with vsftpd(folder, tls=False) as running:
        yield Account("vsftpd", running.port, running.root, True, running.user, LOGIN_PASSWORD)


@contextmanager
def _proftpd(folder: Path) -> Iterator[Account]:
    with proftpd(folder, tls=False) as running:
        yield Account("proftpd", running.port, running.root, True, LOGIN, LOGIN_PASSWORD)


@contextmanager
def _pureftpd(folder: Path) -> Iterator[Account]:
    with pureftpd(folder) as running:
        yield Account("pure-ftpd", running.port, running.root, True, LOGIN, LOGIN_PASSWORD)


@contextmanager
def _openssh(folder: Path) -> Iterator[Account]:
    with openssh(folder) as running:
        public = (running.secrets / "host_key.pub").read_text().split()
        secret = f"key_file: {running.secrets / 'user_key'}"
        key = f"{public[0]} {public[1]}"
        root = running.root
        yield Account("OpenSSH", running.port, root, False, getpass.getuser(), secret, str(root), key)


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Account]]] = {
    "pyftpdlib": _pyftpdlib,
    "vsftpd": _vsftpd,
    "proftpd": _proftpd,
    "pure-ftpd": _pureftpd,
    "paramiko": _paramiko,
    "OpenSSH": _openssh,
}
"""How each server is started for the length of a block."""
