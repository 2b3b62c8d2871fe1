"""File system events as hints: a new file in a drop folder means "look now". The regular scan is the truth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from gateway.telemetry import emit


class Watching:
    """Watches folders; `hint(route)` is called from the observer's thread."""

    def __init__(self, hint: Callable[[str], None]) -> None:
        self._hint = hint
        self._observer = Observer()
        self._watches: dict[str, tuple[Any, Path, tuple[int, int]]] = {}
        self._observer.start()

    def watch(self, folders: Mapping[str, Path]) -> None:
        """Watch these folders and no others; a folder that was replaced by another one is watched anew."""
        for route in [route for route in self._watches if route not in folders]:
            self._forget(route)
        for route, folder in folders.items():
            identity = _identity(folder)
            known = self._watches.get(route)
            if known is not None and known[1:] == (folder, identity):
                continue
            if known is not None:
                self._forget(route)
            if identity is not None:
                self._begin(route, folder, identity)

    def stop(self) -> None:
        """End the observer's thread."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def _begin(self, route: str, folder: Path, identity: tuple[int, int]) -> None:
        try:
            watch = self._observer.schedule(_Handler(route, self._hint), str(folder), recursive=False)
        except OSError as error:
            emit("watch_refused", level="warning", route=route, folder=str(folder), reason=str(error))
            return
        self._watches[route] = (watch, folder, identity)

    def _forget(self, route: str) -> None:
        watch, _, _ = self._watches.pop(route)
        with contextlib.suppress(KeyError, OSError):
            self._observer.unschedule(watch)


class _Handler(FileSystemEventHandler):
    def __init__(self, route: str, hint: Callable[[str], None]) -> None:
        self._route = route
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        if not event.is_directory and event.event_type in ("created", "moved", "closed", "modified"):
            self._hint(self._route)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
