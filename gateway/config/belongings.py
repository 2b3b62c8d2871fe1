"""What belongs to a site on disk, told by its configuration alone: no secret has to be there for that.

A backup is made by a timer that has not the service's variables and credentials, and restored on a machine
that has not even its secrets yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway import yamlfile
from gateway.config.cautions import inline_secrets
from gateway.errors import ProblemsFound, UsageError

OWN_FOLDERS = ("mappings", "templates", "xsd")
_SECRETS = "secrets"
_SECRET_FILES = re.compile(r"\$\{file:([^}]*)\}|\bkey_file:\s*[\"']?([^\"'\s,}#]+)")
_PUBLIC_FILES = re.compile(r"\b(?:known_hosts|ca_file):\s*[\"']?([^\"'\s,}#]+)")


class Belongings(msgspec.Struct, frozen=True):
    """The files of a site besides its spool, and the names of its routes and targets.

    outside: what the configuration names beyond the site's folder. has_inline_secrets: a password stands in it.
    """

    site: Path
    config: Path
    spool: Path
    files: tuple[Path, ...]
    outside: tuple[str, ...]
    routes: frozenset[str]
    targets: frozenset[str]
    has_inline_secrets: bool


def belongings(config: Path) -> Belongings:
    """What belongs to the site of a configuration. Raises UsageError where it is not there or cannot be read."""
    site = config.resolve().parent
    root = _data(config)
    if root is None:
        raise UsageError(f"{config} cannot be read; `gateway check` says why, `--config FILE` names another one")
    configs = [config.resolve(), *(path for path in _included(root, site) if path != config.resolve())]
    tables = [root, *(found for path in configs[1:] if (found := _data(path)) is not None)]
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in configs)
    secret = {(site / (one or other)).resolve() for one, other in _SECRET_FILES.findall(text)}
    named = [site / "known_hosts", *(site / name for name in _PUBLIC_FILES.findall(text))]
    own = [path for folder in OWN_FOLDERS for path in sorted((site / folder).rglob("*"))]
    files, outside = [], []
    for path in dict.fromkeys([*configs, *named, *own]):
        if not path.is_file() or path.resolve() in secret or (site / _SECRETS) in path.resolve().parents:
            continue
        if site in path.parents and ".." not in path.parts:
            files.append(path)
        else:
            outside.append(str(path))
    return Belongings(
        site,
        config.resolve(),
        site / str(root.get("spool") or "spool"),
        tuple(files),
        tuple(outside),
        frozenset(name for table in tables for name in _table(table, "routes")),
        frozenset(_targets(tables)),
        has_inline_secrets=any(inline_secrets(table) for table in tables),
    )


def _data(path: Path) -> dict[str, Any] | None:
    try:
        data = yamlfile.read(path).data
    except ProblemsFound:
        return None
    return data if isinstance(data, dict) else None


def _included(root: dict[str, Any], site: Path) -> Iterator[Path]:
    masks = root.get("include")
    for mask in masks if isinstance(masks, list) else []:
        try:
            yield from sorted(path for path in site.glob(str(mask or "")) if path.is_file())
        except (ValueError, NotImplementedError):  # no mask at all; `gateway check` tells it
            continue


def _table(data: Any, name: str) -> dict[str, Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _targets(tables: list[dict[str, Any]]) -> Iterator[str]:
    """The ids of the targets of all routes: by the name alone where there is a single merchant."""
    merchants = {name for table in tables for name in _table(table, "merchants")}
    for table in tables:
        for route in _table(table, "routes").values():
            whose = {str(route["merchant"])} if isinstance(route, dict) and route.get("merchant") else merchants
            targets = route.get("to") if isinstance(route, dict) else None
            for to in targets if isinstance(targets, list) else []:
                if isinstance(to, dict) and to.get("target"):
                    yield from (f"{merchant}/{to['target']}" for merchant in whose if merchant != "main")
                    if not whose or "main" in whose:
                        yield str(to["target"])
