"""One call per happening: `emit` writes the log line, and later counts the metric.

Levels say who must act: info = it went well, warning = unexpected but nothing is lost,
error = a person must step in.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any, Literal

Level = Literal["debug", "info", "warning", "error"]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(*, json: bool, level: Level = "info") -> None:
    """Send log lines to standard error, as JSON or as text for a person."""
    import structlog  # what tells nothing starts without it

    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=colour, pad_event_to=22)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _one_line,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    threading.excepthook = _thread_failed


def emit(event: str, *, level: Level = "info", **facts: object) -> None:
    """Tell that something happened: a lower-case event name and its facts (never a secret).

    Where nobody has configured it, warnings and errors go to standard error.
    """
    import structlog

    if not structlog.is_configured():
        configure(json=False, level="warning")
    structlog.get_logger().log(_LEVELS[level], event, **{k: v for k, v in facts.items() if v is not None})


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
