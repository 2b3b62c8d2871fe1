"""An SFTP server for tests: paramiko on loopback, and the misbehaviours that OpenSSH cannot be told."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_OP_UNSUPPORTED, SFTP_PERMISSION_DENIED

USER, PASSWORD = "shop", "not-a-secret"


@dataclass
class Misbehaviour:
    """What the server does wrong; a test may change it while the server runs."""

    silent: bool = False
    """accepts the connection and never says a word"""
    silent_at_login: bool = False
    """never answers to a password"""
    cuts_at_login: bool = False
    """ends the connection instead of answering to a password"""
    silent_at_subsystem: bool = False
    """never answers to the wish for SFTP"""
    silent_at_version: bool = False
    """agrees to SFTP and never says a word of it"""
    speaks_garbage: bool = False
    """agrees to SFTP and speaks something else"""
    refuses_to_look: bool = False
    """nobody may look at anything but the start folder"""
    reads_at_most: int | None = None
    """bytes that it gives at once, however many were asked for"""
    posix_rename_answer: int = SFTP_OP_UNSUPPORTED
    """what it says to OpenSSH's extension"""
    stalls_reading_after: int | None = None
    """bytes of a download after which nothing comes any more"""
    stalls_writing_after: int | None = None
    """bytes of an upload after which nothing is answered any more"""
    cuts_reading_after: int | None = None
    """bytes of a download after which the connection is gone"""
    shortens_files_to: int | None = None
    """bytes that an uploaded file keeps; the rest is dropped without a word"""
    takes_away_at_close: Path | None = None
    """the folder that an uploaded file is moved to as soon as it is closed"""
    size_told: int | None = None
    """the size that every file is said to have"""
    renames_over: bool = False
    """a plain rename replaces the file that has the name"""
    loses_answer_to_rename: bool = False
    """renames, and cuts the connection instead of answering"""


@dataclass(frozen=True)
class RunningSftp:
    """A server that runs: where it listens, its folder on disk, its key as known_hosts has it."""

    host: str
    port: int
    root: Path
    known_host: str
    misbehaviour: Misbehaviour


@contextmanager
def sftp_server(
    root: Path, misbehaviour: Misbehaviour | None = None, *, port: int = 0, key: paramiko.PKey | None = None
) -> Iterator[RunningSftp]:
    """An SFTP server on loopback that ends with the block."""
    behaves = misbehaviour or Misbehaviour()
    host_key = key or paramiko.ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(0.05)
    stop = threading.Event()
    sessions: list[_Session] = []

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                line, _ = listener.accept()
                sessions.append(_Session(line, host_key, root, behaves, stop))
                threading.Thread(target=sessions[-1].serve, daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    number = listener.getsockname()[1]
    known = f"[127.0.0.1]:{number} {host_key.get_name()} {host_key.get_base64()}"
    try:
        yield RunningSftp("127.0.0.1", number, root, known, behaves)
    finally:
        stop.set()
        thread.join(timeout=10)
        listener.close()
        for session in sessions:
            session.close()


class _Session:
    """One connection."""

    def __init__(
        self,
        line: socket.socket,
        key: paramiko.PKey,
        root: Path,
        misbehaviour: Misbehaviour,
        stop: threading.Event,
    ) -> None:
        self._line = line
        self._key = key
        self._root = root
        self.misbehaviour = misbehaviour
        self.stop = stop
        self.kept: list[paramiko.Channel] = []
        self._transport: paramiko.Transport | None = None

    def serve(self) -> None:
        if self.misbehaviour.silent:
            self.stop.wait()
            return
        self._transport = paramiko.Transport(self._line)
        self._transport.add_server_key(self._key)
        self._transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self, self._root)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._transport.start_server(server=_Login(self))

    def cut(self) -> None:
        """End the connection without a word."""
        self._line.close()
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._line.close()


class _Login(paramiko.ServerInterface):
    def __init__(self, session: _Session) -> None:
        self._session = session

    def check_auth_password(self, username: str, password: str) -> int:
        if self._session.misbehaviour.silent_at_login:
            self._session.stop.wait()
        if self._session.misbehaviour.cuts_at_login:
            self._session.cut()
        known = (username, password) == (USER, PASSWORD)
        return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        behaves = self._session.misbehaviour
        if behaves.silent_at_subsystem:
            self._session.stop.wait()
        if behaves.speaks_garbage:
            channel.sendall(b"\xff" * 64)
        if behaves.silent_at_version or behaves.speaks_garbage:
            self._session.kept.append(channel)
            return True
        return super().check_channel_subsystem_request(channel, name)

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: paramiko.ServerInterface, session: _Session, root: Path) -> None:
        super().__init__(server)
        self._session = session
        self._root = root

    def canonicalize(self, path: str) -> str:
        return os.path.normpath(f"/{path}")

    def list_folder(self, path: str) -> Any:
        try:
            return [self._told(entry) for entry in sorted(self._on_disk(path).iterdir())]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def stat(self, path: str) -> Any:
        if self._session.misbehaviour.refuses_to_look and self.canonicalize(path) != "/":
            return SFTP_PERMISSION_DENIED
        return self._looked_at(path, follow_symlinks=True)

    def lstat(self, path: str) -> Any:
        return self._looked_at(path, follow_symlinks=False)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            descriptor = os.open(self._on_disk(path), flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        return _Handle(self._session, self._on_disk(path), os.fdopen(descriptor, "wb" if writes else "rb"), flags)

    def remove(self, path: str) -> int:
        try:
            self._on_disk(path).unlink()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return SFTP_OK

    def rename(self, oldpath: str, newpath: str) -> int:
        old, new = self._on_disk(oldpath), self._on_disk(newpath)
        if not old.exists():
            return SFTP_NO_SUCH_FILE
        if new.exists() and not self._session.misbehaviour.renames_over:
            return SFTP_FAILURE
        old.rename(new)
        if self._session.misbehaviour.loses_answer_to_rename:
            self._session.misbehaviour.loses_answer_to_rename = False
            self._session.cut()
        return SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return self._session.misbehaviour.posix_rename_answer

    def mkdir(self, path: str, attr: Any) -> int:
        try:
            self._on_disk(path).mkdir()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return SFTP_OK

    def _on_disk(self, path: str) -> Path:
        return self._root / self.canonicalize(path).lstrip("/")

    def _looked_at(self, path: str, *, follow_symlinks: bool) -> Any:
        try:
            return self._told(self._on_disk(path), follow_symlinks=follow_symlinks)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def _told(self, path: Path, *, follow_symlinks: bool = False) -> paramiko.SFTPAttributes:
        attributes = paramiko.SFTPAttributes.from_stat(path.stat(follow_symlinks=follow_symlinks), path.name)
        if self._session.misbehaviour.size_told is not None and path.is_file():
            attributes.st_size = self._session.misbehaviour.size_told
        return attributes


class _Handle(paramiko.SFTPHandle):
    def __init__(self, session: _Session, path: Path, file: Any, flags: int) -> None:
        super().__init__(flags)
        self._session = session
        self._path = path
        self.readfile = self.writefile = file
        self._wrote = False

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def read(self, offset: int, length: int) -> Any:
        behaves = self._session.misbehaviour
        if behaves.stalls_reading_after is not None and offset >= behaves.stalls_reading_after:
            self._session.stop.wait()
        if behaves.cuts_reading_after is not None and offset >= behaves.cuts_reading_after:
            self._session.cut()
            return SFTP_FAILURE
        return super().read(offset, min(length, behaves.reads_at_most or length))

    def write(self, offset: int, data: Any) -> int:
        behaves = self._session.misbehaviour
        self._wrote = True
        if behaves.stalls_writing_after is not None and offset >= behaves.stalls_writing_after:
            self._session.stop.wait()
        return super().write(offset, data)

    def close(self) -> None:
        super().close()
        behaves = self._session.misbehaviour
        if self._wrote and behaves.shortens_files_to is not None:
            os.truncate(self._path, behaves.shortens_files_to)
        if self._wrote and behaves.takes_away_at_close is not None:
            self._path.rename(behaves.takes_away_at_close / self._path.name)
