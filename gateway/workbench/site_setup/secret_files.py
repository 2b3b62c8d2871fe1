"""Where a password is kept: the environment, or a file that its owner alone can read. Never config.yaml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.store.files import write_durably

FOLDER = "secrets"
_PRIVATE = 0o700


class Secret(msgspec.Struct, frozen=True):
    """One secret of an endpoint: the option that holds it, and what it is for people.

    value: where it was in what somebody gave, such as the address of a feed.
    """

    endpoint: str
    option: str
    about: str
    value: str | None = None

    @property
    def name(self) -> str:
        """The name of its file: the endpoint's for a password, with the option behind it for others."""
        return self.endpoint if self.option == "password" else f"{self.endpoint}-{self.option}"

    @property
    def file(self) -> str:
        """Its file, counted from config.yaml."""
        return f"{FOLDER}/{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that may hold it, such as SHOP_FTP_PASSWORD."""
        return re.sub(r"[^A-Z0-9]", "_", f"{self.endpoint}_{self.option}".upper())

    @property
    def in_file(self) -> str:
        """How config.yaml names it where it is kept in its file."""
        return f"${{file:{self.file}}}"

    @property
    def in_environment(self) -> str:
        """How config.yaml names it where the environment has it."""
        return f"${{env:{self.variable}}}"


def reference_of(secret: Secret, site: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """How config.yaml names the secret where it is kept already; None where it is nowhere yet."""
    if secret.value is None and (site / secret.file).is_file():
        return secret.in_file
    if secret.value is None and secret.variable in environment:
        return secret.in_environment
    return None


def write_secret(site: Path, secret: Secret, value: str) -> Path:
    """Keep it in its file, which nobody else can read; tell .gitignore of the folder where there is one."""
    folder = site / FOLDER
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
    path = site / secret.file
    write_durably(path, [value.encode("utf-8")])
    return path


def ignored_by_git(site: Path) -> bytes | None:
    """What .gitignore must say so that the folder of secrets is left out; None where it does, or is not there."""
    path = site / ".gitignore"
    if not path.is_file():
        return None
    raw = path.read_bytes()
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines()]
    if {FOLDER, f"{FOLDER}/", f"/{FOLDER}", f"/{FOLDER}/", f"{FOLDER}/*", f"/{FOLDER}/*"} & set(lines):
        return None
    end = b"\r\n" if b"\r\n" in raw else b"\n"
    return raw + (b"" if not raw or raw.endswith(b"\n") else end) + f"{FOLDER}/".encode() + end
