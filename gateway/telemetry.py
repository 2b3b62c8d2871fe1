"""One call per happening: `emit` writes the log line, and later counts the metric.

Levels say who must act: info = it went well, warning = unexpected but nothing is lost,
error = a person must step in.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LOGGER = logging.getLogger("gateway")


def configure(*, json: bool, level: Level = "info", lazily: bool = False) -> None:
    """Send log lines to standard error, as JSON or as text for a person.

    lazily: what makes lines of happenings is loaded with the first one (0.1 s), for commands that seldom tell any.
    A daemon wants it beforehand: it may have to tell that no file can be opened any more.
    """
    lines = _Lines(sys.stderr, json=json)
    if not lazily:
        lines.load()
    unconfigure()
    _LOGGER.addHandler(lines)
    _LOGGER.setLevel(_LEVELS[level])
    _LOGGER.propagate = False
    threading.excepthook = _thread_failed


def unconfigure() -> None:
    """Send them nowhere any more, as before it was configured."""
    for handler in _configured():
        _LOGGER.removeHandler(handler)


def emit(event: str, *, level: Level = "info", **facts: object) -> None:
    """Tell that something happened: a lower-case event name and its facts (never a secret).

    Where nobody has configured it, warnings and errors go to standard error.
    """
    if not _configured():
        configure(json=False, level="warning", lazily=True)
    told = {name: fact for name, fact in facts.items() if fact is not None}
    _LOGGER.log(_LEVELS[level], event, extra={"told": {**told, "event": event, "level": level}})


class _Lines(logging.Handler):
    """Writes a line for each happening, to where standard error went when it was made."""

    def __init__(self, stream: TextIO, *, json: bool) -> None:
        super().__init__()
        self._stream = stream
        self._json = json
        self._processors: tuple[Any, ...] = ()

    def load(self) -> None:
        """Load what makes the lines, where that was not done yet."""
        if self._processors:
            return
        import structlog  # and with it all of rich

        colour = self._stream.isatty() and not os.environ.get("NO_COLOR")
        renderer = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if self._json
            else structlog.dev.ConsoleRenderer(colors=colour, pad_event_to=22)
        )
        self._processors = (structlog.processors.TimeStamper(fmt="iso", utc=True), _one_line, renderer)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, whole."""
        self.load()
        line: Any = record.__dict__["told"]
        for processor in self._processors:
            line = processor(None, record.levelname, line)
        print(line, file=self._stream, flush=True)


def _configured() -> list[_Lines]:
    return [handler for handler in _LOGGER.handlers if isinstance(handler, _Lines)]


def _thread_failed(arguments: threading.ExceptHookArgs) -> None:
    """A thread of a library ended: paramiko's readers do when a line breaks. Who used it is told by itself."""
    name = arguments.thread.name if arguments.thread else "?"
    emit(
        "thread_ended", level="warning", thread=name, error=f"{arguments.exc_type.__name__}: {arguments.exc_value}"
    )


def _one_line(_logger: object, _method: str, event: Any) -> Any:
    """Names come from partners: a line break in one must not forge a log line."""
    for key, value in event.items():
        if isinstance(value, str) and ("\n" in value or "\r" in value):
            event[key] = value.replace("\r", "\\r").replace("\n", "\\n")
    return event
