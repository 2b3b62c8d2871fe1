"""`failed/`: records and files that a person has to look at, each with a `.why.txt` beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from sqlalchemy import or_, select, update

from gateway.diagnostics import Problem, from_json, render_all
from gateway.endpoints import name_trouble
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.files import write_durably
from gateway.store.ledger import of_json

_EXCHANGE_IN_NAME = re.compile(r"\.\d{6}-[0-9a-z]{7}(?=\.)")
_SUFFIXES = {".xml": (".xml",), ".json": (".json", ".jsonl", ".ndjson"), ".csv": (".csv", ".tsv", ".txt")}
_quarantine = tables.quarantine


def write_set_aside(site: Site, exchange_id: str) -> None:
    """Write the one-record files of a planned exchange that are not written yet. Safe to call again."""
    with site.ledger.read() as connection:
        input_name = connection.execute(
            select(tables.exchange.c.input_name).where(
                tables.exchange.c.id == exchange_id, tables.exchange.c.planned_at.is_not(None)
            )
        ).scalar()
        rows = connection.execute(
            select(_quarantine).where(
                _quarantine.c.exchange_id == exchange_id,
                or_(_quarantine.c.file.is_(None), _quarantine.c.told_sha256 != _quarantine.c.fragment_sha256),
                _quarantine.c.resolved_by.is_(None),
            )
        ).all()
    if input_name is None:
        return
    for row in rows:
        folder = site.spool.failed_folder(row.route)
        stem = row.identity if not row.identity.startswith("sha256:") else f"record-{row.position}"
        if _safe(stem) != stem:  # two keys may look the same once they are safe
            stem = f"{_safe(stem)}-{row.position}"
        name = f"{stem}.{exchange_id}{_suffix(input_name, row.fragment or b'')}"
        if row.file is not None:
            _remove_unless_changed(folder, row.file, row.told_sha256)
        problems = [from_json(item) for item in of_json(row.problems)]
        if row.fragment is not None:
            write_durably(folder / name, [row.fragment])
        _write_why(
            folder / f"{name}.why.txt",
            _record_text(problems, name, drop_folder_name(site, row.route), exchange_id, input_name),
        )
        with site.ledger.write() as connection:
            connection.execute(
                update(_quarantine)
                .where(_quarantine.c.id == row.id)
                .values(file=name, told_sha256=row.fragment_sha256)
            )


def write_failed_input(site: Site, route: str, exchange_id: str, input_name: str, sha256: str) -> str:
    """Write a whole input that could not be read, and why. Safe to call again. Returns the file's name."""
    with site.ledger.read() as connection:
        stored = connection.execute(
            select(tables.exchange.c.problems).where(tables.exchange.c.id == exchange_id)
        ).scalar_one()
    problems = [from_json(item) for item in of_json(stored)]
    folder = site.spool.failed_folder(route)
    name = failed_name(input_name, exchange_id)
    write_durably(folder / name, [site.blobs.read(sha256)])
    _write_why(folder / f"{name}.why.txt", _input_text(problems, name, drop_folder_name(site, route), exchange_id))
    return name


def remove_mended(site: Site, exchange_id: str) -> None:
    """Take away the files of records that this exchange brought in order, unless a person changed them."""
    with site.ledger.read() as connection:
        rows = connection.execute(
            select(_quarantine).where(_quarantine.c.resolved_by == exchange_id, _quarantine.c.file.is_not(None))
        ).all()
    for row in rows:
        folder = site.spool.failed_folder(row.route)
        _remove_unless_changed(folder, row.file, row.told_sha256)
        with site.ledger.write() as connection:
            connection.execute(
                update(_quarantine).where(_quarantine.c.id == row.id).values(file=None, told_sha256=None)
            )


def drop_folder_name(site: Site, route: str) -> str:
    """Where a mended file is dropped again, as a person of this site would name it."""
    return f"{site.spool.root.name}/{route}/in"


def _remove_unless_changed(folder: Path, name: str, digest: str | None) -> None:
    """Take a record's file and its reason away; a file that a person has changed stays."""
    path = folder / name
    if path.is_file() and sha256(path.read_bytes()).hexdigest() == digest:
        path.unlink()
    (folder / f"{name}.why.txt").unlink(missing_ok=True)


def failed_name(input_name: str, exchange_id: str) -> str:
    """The name of a failed input: its own with the exchange's id, not piling up when it comes again."""
    stem, dot, suffix = _EXCHANGE_IN_NAME.sub("", _safe(input_name)).rpartition(".")
    return f"{stem}.{exchange_id}.{suffix}" if dot else f"{suffix}.{exchange_id}"


def _record_text(problems: Sequence[Problem], name: str, folder: str, exchange_id: str, input_name: str) -> str:
    return "\n".join(
        [
            f"This record of {input_name} was set aside; the other records of the file went on.",
            "",
            render_all(problems),
            "",
            "What to do:",
            f"  - the data are wrong: mend {name} (or the record in the shop) and drop it into {folder} again;",
            f"  - the mapping or config.yaml is wrong: mend it, then `gateway retry {exchange_id}`.",
            f"The whole story: `gateway show {exchange_id}`",
            "",
        ]
    )


def _input_text(problems: Sequence[Problem], name: str, folder: str, exchange_id: str) -> str:
    return "\n".join(
        [
            "This file could not be read as a whole. Nothing of it was sent.",
            "",
            render_all(problems),
            "",
            "What to do:",
            f"  - export it anew (or mend {name}) and drop it into {folder} again.",
            f"The whole story: `gateway show {exchange_id}`",
            "",
        ]
    )


def _write_why(path: Path, text: str) -> None:
    write_durably(path, [text.replace("\n", "\r\n").encode("utf-8-sig")])


def _suffix(input_name: str, fragment: bytes) -> str:
    """The suffix of a record's file: its input's own where that is one of the record's format."""
    start = fragment.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    usual = ".xml" if start in (b"<", b"") else ".json" if start in (b"{", b"[") else ".csv"
    own = Path(_safe(input_name)).suffix.lower()
    return own if own in _SUFFIXES[usual] else usual


def _safe(name: str) -> str:
    cleaned = re.sub(r'[\x00-\x1f\\/:*?"<>|]+', "-", name).strip(". ")[:120]
    return f"input-{cleaned}" if name_trouble(cleaned) else cleaned


def problems_as_json(problems: Sequence[Problem]) -> str:
    """Problems as they are stored."""
    return msgspec.json.encode([problem.as_json() for problem in problems]).decode()
