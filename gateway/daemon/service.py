"""The daemon: clocks and watchers say when, lanes say who, the exchange floor does the work."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import select, union

from gateway.clock import Clock, SystemClock
from gateway.config import Config, load
from gateway.daemon.due import DueRoutes
from gateway.daemon.opening import opened
from gateway.daemon.watching import Watching
from gateway.diagnostics import one_line
from gateway.endpoints.local import LocalOptions
from gateway.errors import ConfigError
from gateway.exchange import alerts, retention
from gateway.exchange.dispatch import ship
from gateway.exchange.holds import held_reason
from gateway.exchange.intake import Waiting
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.reading import read_route
from gateway.exchange.requests import carry_out_open
from gateway.exchange.sent import delay
from gateway.exchange.site import Site
from gateway.exchange.slots import close_slot, open_slot
from gateway.store import tables
from gateway.store.lanes import Done, DrainResult, RetryAt
from gateway.store.ledger import LaneLease, LaneLost
from gateway.telemetry import emit

_BUG_PAUSE = timedelta(seconds=30)
_AFTER_TROUBLE = 2.0
_GATHER = 0.05
_TICK = 0.5
_HOUSEKEEPING = 30.0
_ALERTS = timedelta(seconds=10)


class Service:
    """A running site, until it is told to stop."""

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._config = config
        self.stop = threading.Event()
        self._reload = threading.Event()
        self._hinted = threading.Event()
        self._due = DueRoutes()
        self._waiting = Waiting()

    def run(self, *, ready: Callable[[Site], None] = lambda _site: None) -> None:
        """Work until `stop` is set. Raises SpoolInUse where another daemon holds the spool."""
        with opened(self._config, self._clock) as site:
            self._site = site
            with self._signals():
                self._run(site, ready)

    def _run(self, site: Site, ready: Callable[[Site], None]) -> None:
        watching = Watching(self._hint)
        scheduler = self._schedule()
        workers = threading.Thread(
            target=site.lanes.run,
            args=(self._drain,),
            kwargs={"workers": site.config.workers, "stop": self.stop},
            name="lanes",
        )
        workers.start()
        try:
            self._hint_everything()
            watching.watch(self._folders())
            tell_systemd("READY=1")
            emit("started", routes=len(site.routes), spool=str(site.spool.root), pid=os.getpid())
            ready(site)
            self._loop(watching, scheduler)
        finally:
            tell_systemd("STOPPING=1")
            self.stop.set()
            site.stopping.set()
            site.lanes.nudge()
            scheduler.shutdown(wait=False)
            watching.stop()
            workers.join()
            emit("stopped")

    def _loop(self, watching: Watching, scheduler: BackgroundScheduler) -> None:
        slept, looked = _HOUSEKEEPING, self._clock.now()
        while not self.stop.is_set():
            hinted = self._hinted.wait(_TICK)
            if hinted:
                self.stop.wait(_GATHER)  # many files dropped at once are one reason to look
            slept += 0.0 if hinted else _TICK
            try:
                self._hinted.clear()
                self._wake_due()
                if carry_out_open(self._site):
                    self._hint_everything()
                if self._reload.is_set():
                    self._reload.clear()
                    if self._load_again():
                        scheduler.remove_all_jobs()
                        self._add_jobs(scheduler)
                        slept = _HOUSEKEEPING
                        self._hint_everything()
                self._site.idle.close_old()
                if self._clock.now() - looked >= _ALERTS:
                    looked = self._clock.now()
                    self._wake_alerts()
                if slept >= _HOUSEKEEPING:
                    slept = 0.0
                    watching.watch(self._folders())
                    self._site.lanes.sweep(self._pending_lanes())
                    self._wake_retention()
            except Exception as error:  # noqa: BLE001 - a full disk or a locked ledger passes; the daemon must stay
                emit("trouble", level="error", error=f"{type(error).__name__}: {error}")
                self.stop.wait(_AFTER_TROUBLE)

    def _wake_alerts(self) -> None:
        """See what is wrong and what is over; the lane of the alerts tells it."""
        if alerts.note(self._site):
            with self._site.ledger.write() as connection:
                self._site.lanes.wake(connection, alerts.LANE)

    def _wake_retention(self) -> None:
        if retention.is_due(self._site):
            with self._site.ledger.write() as connection:
                self._site.lanes.wake(connection, retention.LANE)

    # -- clocks --------------------------------------------------------------------------------------

    def _schedule(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._add_jobs(scheduler)
        scheduler.start()
        return scheduler

    def _add_jobs(self, scheduler: BackgroundScheduler) -> None:
        for name, route in self._site.routes.items():
            seconds = max(1, int(route.spec.every.total_seconds()))
            schedule = route.spec.schedule
            trigger = schedule.trigger() if schedule else IntervalTrigger(seconds=seconds, timezone="UTC")
            scheduler.add_job(self._hint, trigger, args=[name], id=name)

    def _hint(self, route: str) -> None:
        """Look at a route now. Called by clocks and by file system events: it touches memory alone."""
        self._due.add(route, self._clock.now())
        self._hinted.set()

    def _hint_everything(self) -> None:
        for name in self._site.routes:
            self._hint(name)

    def _wake_due(self) -> None:
        """Wake the lanes of the routes that are due."""
        waiting = self._due.waiting(self._clock.now())
        lanes = {route.spec.read_lane for name, route in self._site.routes.items() if name in waiting}
        if lanes:
            with self._site.ledger.write() as connection:
                for lane in sorted(lanes):
                    self._site.lanes.wake(connection, lane)

    def _pending_lanes(self) -> list[str]:
        with self._site.ledger.read() as connection:
            waiting = union(
                select(tables.delivery.c.target).where(tables.DUE),
                select(tables.delivery.c.target).where(tables.TO_TAKE_AWAY),
            )
            due = [f"ship:{target}" for target in connection.execute(waiting).scalars()]
        # Where products are told, the rules or the template may have changed since.
        return due + [target.lane for target in self._site.targets().values() if target.spec.offers is not None]

    def _folders(self) -> dict[str, Path]:
        """The local folders that can be watched, by route."""
        folders = {}
        for name, route in self._site.routes.items():
            if route.spec.schedule is not None:
                continue
            if route.spec.endpoint is None:
                folders[name] = self._site.spool.drop_folder(name)
            elif isinstance(options := self._site.config.endpoints[route.spec.endpoint], LocalOptions):
                folders[name] = self._site.config.site / options.path / route.spec.pickup.folder.lstrip("/")
        return folders

    # -- work ----------------------------------------------------------------------------------------

    def _drain(self, lease: LaneLease) -> DrainResult:
        """One turn on a lane. A bug is told, and the lane comes back later: the others are not to suffer."""
        try:
            if lease.lane == alerts.LANE:
                return alerts.drain(self._site, lease)
            if lease.lane == retention.LANE:
                return retention.drain(self._site, lease)
            return self._read(lease) if lease.lane.startswith("read:") else self._ship(lease)
        except LaneLost:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost floor of a worker: nothing may end the thread
            emit("bug", level="error", lane=lease.lane, error=f"{type(error).__name__}: {error}")
            return RetryAt(self._clock.now() + _BUG_PAUSE, f"{type(error).__name__}: {error}")

    def _read(self, lease: LaneLease) -> DrainResult:
        site = self._site
        routes = {name: r for name, r in site.routes.items() if r.spec.read_lane == lease.lane}
        for name in self._due.take(routes, self._clock.now()):
            if self.stop.is_set():
                break
            again = self._read_one(routes[name], lease)
            if again is not None:
                self._due.add(name, again)
                with site.ledger.write() as connection:
                    site.lanes.wake(connection, lease.lane, again)
        return Done()

    def _read_one(self, route: PreparedRoute, lease: LaneLease) -> datetime | None:
        """Look at one route's source; returns when it is to be looked at again out of its turn.

        A slot of a schedule is done only once its source could be read: until then it is tried again.
        """
        slot = open_slot(self._site, route.spec)
        if route.spec.schedule is not None and slot is None:
            return None
        if slot is not None and held_reason(self._site, f"route:{route.spec.name}") is not None:
            return None
        result = read_route(self._site, route, self._waiting, lease=lease)
        if slot is None or result.look_again is not None:
            return result.look_again
        if result.problem is not None:
            return self._clock.now() + delay(result.failures)
        close_slot(self._site, route.spec, slot)
        return None

    def _ship(self, lease: LaneLease) -> DrainResult:
        target = self._site.targets().get(lease.lane.removeprefix("ship:"))
        return ship(self._site, target, lease) if target is not None else Done()

    # -- signals -------------------------------------------------------------------------------------

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop after the file in hand, SIGHUP reloads; the handlers only set flags."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._site.stopping.set()
            self.stop.set()
            self._hinted.set()

        def reload(_number: int, _frame: FrameType | None) -> None:
            self._reload.set()

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = reload
        if sys.platform == "win32":
            handlers[signal.SIGBREAK] = stop  # what a service manager sends there
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _load_again(self) -> bool:
        """Take a changed configuration over; one that does not load leaves the running one as it is."""
        try:
            config = load(self._site.config.path)
        except ConfigError as error:
            for problem in error.problems:
                emit("reload_refused", level="error", problem=one_line(problem))
            return False
        if config.spool != self._site.config.spool:
            emit(
                "reload_refused",
                level="error",
                problem="`spool:` cannot change while the gateway runs; restart it",
            )
            return False
        self._site.apply(config)
        for problem in self._site.problems:
            emit("route_broken", level="error", problem=one_line(problem))
        emit("reloaded", routes=len(self._site.routes))
        return True


def tell_systemd(state: str) -> None:
    """One datagram to the service manager, where there is one (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.sendall(state.encode())
        except OSError as error:
            emit("systemd_unreachable", level="warning", reason=str(error))
