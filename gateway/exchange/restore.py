"""`gateway restore`: a backup becomes a site again, and nothing is sent before a person has compared.

What happened after the backup is not known to its ledger. So every delivery that was not settled becomes *in
doubt*, every input that was being read *failed*, and every route and target is held.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select, update

from gateway.clock import Clock, SystemClock, from_text
from gateway.config.belongings import belongings
from gateway.diagnostics import Problem, plural
from gateway.errors import GatewayError, UsageError
from gateway.exchange import drafts
from gateway.exchange.backup import segments_of
from gateway.exchange.failed import problems_as_json
from gateway.exchange.feeds import all_anew
from gateway.exchange.matters import all_problems
from gateway.store import tables
from gateway.store.archive import LEDGER, BrokenBackup, Manifest, Sink, Spans, extract, private_file, read_archive
from gateway.store.files import fsync_folder
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import Ledger, insert_into, open_ledger, tell, to_json
from gateway.store.schema import newest_revision
from gateway.store.spool import Spool

_exchange, _delivery = tables.exchange, tables.delivery
_LARGEST_SITE_FILE = 1 << 26
Told = Callable[[str], None]


class Checked(msgspec.Struct, frozen=True):
    """A backup that is whole. missing: stored bytes that were lost before it was made."""

    file: str
    at: str
    gateway: str
    files: int
    contents: int
    exchanges: int
    missing: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True):
    """What a restore left. kept: files of the site that were there already, and differ from the backup's."""

    folder: str
    spool: str
    at: str
    exchanges: int
    in_doubt: int
    failed: int
    held: tuple[str, ...]
    kept: tuple[str, ...]
    missing: tuple[str, ...]


def check(file: Path) -> Checked:
    """Read a whole backup and compare everything in it. Raises BrokenBackup, UsageError."""
    with tempfile.TemporaryDirectory(prefix="gateway-restore-") as folder:
        return _verified(file, Path(folder)).checked


def restore(file: Path, folder: Path, *, told: Told, clock: Clock | None = None) -> Restored:
    """Make a backup a site in `folder`; files of the site that are there already stay as they are.

    Raises BrokenBackup, UsageError where a ledger is there already, SpoolInUse where a gateway runs there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".gateway-restore-", dir=folder) as temporary:
        staging = Path(temporary)
        told("reading the backup and comparing it with its manifest")
        backup = _verified(file, staging)
        if backup.manifest.revision > newest_revision():
            raise UsageError(
                f"{file} was made by a newer gateway (version {backup.manifest.gateway}, ledger revision "
                f"{backup.manifest.revision}; this one has {newest_revision()}): install that version"
            )
        config, stored = folder / backup.manifest.config, belongings(staging / "site" / backup.manifest.config)
        own = belongings(config) if config.is_file() else stored
        spool = Spool(folder / own.spool.relative_to(own.site) if own.site in own.spool.parents else own.spool)
        _refuse_what_is_there(spool)
        spool.prepare()
        with spool.lock():
            told("writing the stored contents")
            extract(file, backup.manifest, lambda name: _blob_place(spool, name))
            restored = _Restoring(backup, staging, folder, spool, clock or SystemClock())
            return restored.finish(file, own.routes | stored.routes, own.targets | stored.targets)


class _Verified(msgspec.Struct):
    """A backup that was read once; its ledger and the files of its site lie in the staging folder."""

    manifest: Manifest
    checked: Checked


class _Reading(msgspec.Struct):
    """Takes the ledger and the site's files out while a backup is compared, and looks into the stored bytes."""

    staging: Path
    segments: dict[str, list[tuple[int, int, str]]] = msgspec.field(default_factory=dict)
    checking: dict[str, Spans] = msgspec.field(default_factory=dict)
    parts: int = 0

    def take(self, name: str, size: int) -> Sink | None:
        if name == LEDGER:
            return _File(self.staging / LEDGER)
        if name.startswith("blobs/"):
            if not self.checking:
                self.segments = dict(segments_of(self.staging / LEDGER))
            segment = name.removeprefix("blobs/")
            self.checking[segment] = Spans(self.segments.get(segment, []))
            return self.checking[segment]
        if name.startswith("site/"):
            if size > _LARGEST_SITE_FILE:
                raise BrokenBackup(f"this is no backup of the gateway: {name} has {size} bytes")
            return _File(self.staging / name)
        return None

    def lost(self) -> set[str]:
        """The stored bytes that the ledger names and that are not there, or not what they were."""
        segments = self.segments or dict(segments_of(self.staging / LEDGER))
        lost = {digest for checking in self.checking.values() for digest in checking.wrong()}
        for segment, spans in segments.items():
            if segment not in self.checking:
                lost |= {digest for _, _, digest in spans}
        self.parts = sum(len(spans) for spans in segments.values())
        return lost


class _File:
    """A file that grows with every block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with private_file(path):
            pass

    def write(self, block: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(block)


def _verified(file: Path, staging: Path) -> _Verified:
    reading = _Reading(staging)
    try:
        manifest = read_archive(file, reading.take)
        lost = reading.lost()
        exchanges = _looked_into(staging / LEDGER)
    except sqlite3.Error as error:
        raise BrokenBackup(f"the ledger in {file} is damaged: {error}") from error
    new = sorted(lost - set(manifest.missing))
    if new:
        raise BrokenBackup(
            f"{file} is no whole backup: its ledger names {plural(len(new), 'content')} that it does not hold, "
            f"such as {new[0][:12]}"
        )
    checked = Checked(
        str(file), manifest.at, manifest.gateway, len(manifest.files), reading.parts, exchanges, manifest.missing
    )
    return _Verified(manifest, checked)


def _looked_into(ledger: Path) -> int:
    """How many exchanges a ledger has. Raises sqlite3.Error where it is damaged."""
    with closing(sqlite3.connect(ledger)) as connection:
        said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)
        return int(connection.execute("SELECT count(*) FROM exchange").fetchone()[0])


def _refuse_what_is_there(spool: Spool) -> None:
    for path in (spool.ledger, spool.ledger.with_name("ledger.db-wal")):
        if path.is_file() and path.stat().st_size:
            raise UsageError(
                f"{path} is there already, and a restore never replaces a ledger: stop the gateway and move the "
                f"folder {spool.root} away (keep it: it may know what was sent after the backup), or restore "
                "elsewhere with --to DIR"
            )


def _blob_place(spool: Spool, name: str) -> Path | None:
    return spool.blobs / name.removeprefix("blobs/") if name.startswith("blobs/") else None


class _Restoring:
    def __init__(self, backup: _Verified, staging: Path, folder: Path, spool: Spool, clock: Clock) -> None:
        self._backup = backup
        self._staging = staging
        self._folder = folder
        self._spool = spool
        self._clock = clock
        day = from_text(backup.manifest.at).astimezone()
        self._when = day.strftime("%Y-%m-%d %H:%M")

    def finish(self, file: Path, routes: frozenset[str], targets: frozenset[str]) -> Restored:
        """Everything else: the ledger gets its name last, and with that the site is there."""
        ledger_file = self._spool.root / "ledger.restoring.db"
        shutil.copyfile(self._staging / LEDGER, ledger_file)
        with self._ledger(ledger_file) as ledger, ledger.write() as connection:
            all_anew(connection, ledger.now())
            in_doubt = self._doubt(connection, ledger.now())
            failed = self._give_up_open(connection, ledger.now())
            held = self._hold(connection, routes, targets, ledger.now())
            self._drop_requests(connection, ledger.now())
            tell(connection, ledger.now(), "restored", backup=self._backup.manifest.at)
        kept = tuple(self._site_files())
        extract(file, self._backup.manifest, self._place_of_route)
        ledger_file.replace(self._spool.ledger)
        fsync_folder(self._spool.root)
        return Restored(
            str(self._folder),
            str(self._spool.root),
            self._backup.manifest.at,
            self._backup.checked.exchanges,
            in_doubt,
            failed,
            tuple(held),
            kept,
            self._backup.manifest.missing,
        )

    @contextmanager
    def _ledger(self, path: Path) -> Iterator[Ledger]:
        """The ledger of the backup, brought to this gateway's schema; one file again afterwards."""
        ledger = open_ledger(path, self._clock)
        try:
            SqliteLanes(ledger).release_all()
            yield ledger
            if not ledger.truncate_log():
                raise GatewayError(f"{path} is in use by another program")
        finally:
            ledger.close()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _doubt(self, connection: Connection, now: str) -> int:
        """What was not settled may have been sent since. Inputs that are held as a whole stay so."""
        rows = connection.execute(
            select(_delivery)
            .join(_exchange, _exchange.c.id == _delivery.c.exchange_id)
            .where(
                _delivery.c.state.not_in(["delivered", "dropped", "in_doubt"]),
                _exchange.c.planned_at.is_not(None),
                _exchange.c.held.is_(None) | (_delivery.c.state == "shipping"),
            )
        ).all()
        for row in rows:
            problem = self._problem(
                f"`{row.name}` was not settled when the backup of {self._when} was made",
                f"look in the accounting program; then `gateway release {row.id}` (it arrived) or "
                f"`gateway retry {row.id} --send-again` (it did not)",
            )
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id)
                .values(state="in_doubt", problem=problems_as_json([problem]), due_at=None)
            )
            tell(connection, now, "in_doubt", exchange=row.exchange_id, delivery=row.id, reason=problem.message)
        for row in connection.execute(select(_exchange).where(_exchange.c.held.is_not(None))).all():
            problem = self._problem(
                f"`{row.input_name}` was held when the backup of {self._when} was made",
                f"compare with the accounting program before `gateway release {row.id}`; "
                f"`gateway release {row.id} --drop` sends none of it",
            )
            problems = problems_as_json([problem, *all_problems(row.problems)])
            connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(problems=problems))
        return len(rows)

    def _give_up_open(self, connection: Connection, now: str) -> int:
        """An input that was being read was read to its end, and perhaps sent, after the backup."""
        rows = connection.execute(
            select(_exchange).where(_exchange.c.planned_at.is_(None), _exchange.c.failed_at.is_(None))
        ).all()
        for row in rows:
            problem = self._problem(
                f"`{row.input_name}` was being read when the backup of {self._when} was made",
                f"compare with the accounting program; `gateway retry {row.id}` reads it and sends what is new",
            )
            drafts.drop(connection, row.id, now, why="restored from a backup")
            connection.execute(
                update(_exchange)
                .where(_exchange.c.id == row.id)
                .values(failed_at=now, problems=problems_as_json([problem]))
            )
            tell(connection, now, "failed", exchange=row.id, problem=problem.message)
        return len(rows)

    def _hold(
        self, connection: Connection, routes: frozenset[str], targets: frozenset[str], now: str
    ) -> list[str]:
        """Every route and target, of configuration and ledger; a hold that is there keeps its reason."""
        known_routes = connection.execute(select(_exchange.c.route).distinct()).scalars()
        known_targets = connection.execute(select(_delivery.c.target).distinct()).scalars()
        scopes = sorted(f"route:{name}" for name in {*routes, *known_routes})
        scopes += sorted(f"target:{name}" for name in {*targets, *known_targets})
        reason = (
            f"restored from the backup of {self._when}: compare with the accounting program, "
            "`gateway adopt` what came since, then release"
        )
        for scope in scopes:
            values = {"scope": scope, "reason": reason, "actor": "gateway", "since": now}
            connection.execute(insert_into(connection, tables.hold).values(**values).on_conflict_do_nothing())
            tell(connection, now, "held", scope=scope, actor="gateway", reason=reason)
        return scopes

    def _drop_requests(self, connection: Connection, now: str) -> None:
        """What operators had asked for in that moment was done, or is to be asked for anew."""
        request = tables.request
        outcome = to_json(["not done: the ledger was restored from a backup"])
        connection.execute(update(request).where(request.c.done_at.is_(None)).values(done_at=now, outcome=outcome))

    def _problem(self, message: str, help_line: str) -> Problem:
        return Problem(code="G017", message=message, help=help_line)

    def _site_files(self) -> Iterator[str]:
        """Put the site's own files in place. Yields those that are there already and differ."""
        source = self._staging / "site"
        for path in sorted(source.rglob("*")):
            if not path.is_file():
                continue
            place = self._folder / path.relative_to(source)
            if place.exists():
                if not place.is_file() or place.read_bytes() != path.read_bytes():
                    yield path.relative_to(source).as_posix()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)

    def _place_of_route(self, name: str) -> Path | None:
        """Files of drop folders, of `failed/` and of `unknown/`; what is there under that name stays."""
        room, _, rest = name.partition("/")
        if room == "unknown":
            return None if (self._spool.root / name).exists() else self._spool.root / name
        if room not in ("waiting", "failed"):
            return None
        route, _, file = rest.partition("/")
        folder = self._spool.drop_folder(route) if room == "waiting" else self._spool.failed_folder(route)
        return None if (folder / file).exists() else folder / file
