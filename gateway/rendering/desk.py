"""What the outputs and filters of one template share: its character set, its lookups, and where each stands.

A desk belongs to one template and is used by many threads; what happens during one rendering is kept per thread.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from jinja2 import Undefined
from markupsafe import Markup

from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.rendering.characters import SPECIAL, Charset, escape, legal
from gateway.rendering.vat import VatRates

_REMEMBERED = 4096


class RecordProblems(ProblemsFound):
    """One document cannot be written with this template; the next one may."""


class Site(msgspec.Struct, frozen=True):
    """One output or filter of a template.

    expression: the field as written (`party.name`), empty where no field is written.
    root, tail: its first name and the attributes after it.
    """

    span: Span
    expression: str
    root: str
    tail: tuple[str, ...]


class Recorder(msgspec.Struct):
    """What one rendering of one document found."""

    document: Any
    problems: list[Problem] = []
    notes: list[Problem] = []


class Desk:
    """The shared parts of one loaded template."""

    def __init__(
        self, charset: Charset, lookups: Mapping[str, Mapping[str, str]], vat_rates: VatRates | None
    ) -> None:
        self.charset = charset
        self.lookups = lookups
        self.vat_rates = vat_rates
        self.sites: list[Site] = []
        self._slots: dict[tuple[Decimal, date | None, str], str | None] = {}
        self._now = threading.local()

    @contextmanager
    def recording(self, document: Any) -> Iterator[Recorder]:
        """Collect the problems and notes of one rendering in this thread."""
        before = getattr(self._now, "recorder", None)
        recorder = Recorder(document)
        self._now.recorder = recorder
        try:
            yield recorder
        finally:
            self._now.recorder = before

    def refuse(self, site: int, code: str, message: str, help_line: str | None, *context: str) -> str:
        """Note that the document cannot be written, and go on, so that all problems are found in one go.

        Outside a recording it raises. `{field}` in the message stands for the field of the site.
        """
        problem = self._problem(site, code, message, help_line, context)
        recorder: Recorder | None = getattr(self._now, "recorder", None)
        if recorder is None:
            raise RecordProblems([problem])
        if not any(p.code == code and p.message == problem.message for p in recorder.problems):
            recorder.problems.append(problem)
        return ""

    def note(self, site: int, code: str, message: str, help_line: str | None, *context: str) -> None:
        """Tell a change of a value that is written all the same."""
        recorder: Recorder | None = getattr(self._now, "recorder", None)
        if recorder is None:
            return
        problem = self._problem(site, code, message, help_line, context)
        problem = msgspec.structs.replace(problem, level="warning")
        if problem not in recorder.notes:
            recorder.notes.append(problem)

    def knows_rates_of(self, country: str) -> bool:
        """Whether the VAT rates of a country are known."""
        return self.vat_rates is not None and country in self.vat_rates.countries

    def slot(self, rate: Decimal, day: date | None, country: str) -> str | None:
        """The VAT slot of a rate; the few combinations that occur are remembered."""
        key = (rate, day, country)
        try:
            return self._slots[key]
        except KeyError:
            found = self.vat_rates.slot(rate, day, country) if self.vat_rates is not None else None
            if len(self._slots) < _REMEMBERED:
                self._slots[key] = found
            return found

    def write(self, value: Any, site: int) -> str:
        """A value as XML text: escaped; None and what has no one text form are refused."""
        if type(value) is str:
            if SPECIAL.search(value) is None:
                return value
            self._tell_illegal(value, site)
            return escape(value)
        if isinstance(value, Markup):
            return str(value)
        if isinstance(value, str):
            return self.write(str(value.value) if isinstance(value, Enum) else str(value), site)
        if type(value) is Decimal:
            return format(value, "f")
        if type(value) is int:
            return str(value)
        return self._unwritable(value, site)

    def join(self, parts: tuple[Any, ...], site: int) -> str:
        """What `~` does: the parts as one text; it is rendered text as soon as one of them is."""
        if Markup in map(type, parts):
            return Markup("".join(self.write(part, site) for part in parts))  # noqa: S704 - each part is escaped
        return "".join([part if type(part) is str else self._as_text(part, site) for part in parts])

    def field(self, site: int) -> str | None:
        """The canonical path of the value at a site, such as `lines[2].name`; None where it is no field."""
        where = self.sites[site]
        if where.root == "document":
            return ".".join(where.tail)
        recorder: Recorder | None = getattr(self._now, "recorder", None)
        if recorder is None or not where.root:
            return None
        base = _path_to(recorder.document, _local(where.root))
        return ".".join((base, *where.tail)) if base is not None else None

    def _as_text(self, value: Any, site: int) -> str:
        if isinstance(value, Enum):
            return str(value.value)
        if isinstance(value, str):
            return str(value)
        if isinstance(value, Decimal):
            return format(value, "f")
        return str(value) if type(value) is int else self._unwritable(value, site)

    def _unwritable(self, value: Any, site: int) -> str:
        if value is None:
            return self.refuse(
                site,
                "T004",
                "{field} is empty, and the template writes it",
                "map the field, or write it only `{% if … %}` it is there",
            )
        if isinstance(value, Undefined):
            return self.refuse(
                site, "T004", "{field} was not set on the way to this line", "set it in every branch before"
            )
        name = type(value).__name__
        return self.refuse(
            site,
            "T004",
            f"{{field}} is a {name} and has no text form",
            "write it with a filter, or one of its fields",
        )

    def _tell_illegal(self, value: str, site: int) -> None:
        fitted = legal(value)
        if fitted.replaced:
            tell_replaced(self, site, "XML", value, fitted.text, fitted.replaced)

    def _problem(
        self, site: int, code: str, message: str, help_line: str | None, context: tuple[str, ...]
    ) -> Problem:
        field = self.field(site)
        shown = field or self.sites[site].expression
        return Problem(
            code=code,
            message=message.replace("{field}", f"`{shown}`" if shown else "this value"),
            span=self.sites[site].span,
            help=help_line,
            field=field,
            context=context,
        )


def tell_replaced(
    desk: Desk, site: int, charset: str, before: str, after: str, replaced: tuple[tuple[str, str], ...]
) -> None:
    """The note that characters were replaced (T007)."""
    pairs = ", ".join(f"{_shown(old)} → {_shown(new)}" for old, new in replaced)
    desk.note(
        site,
        "T007",
        f"{{field}} holds characters that {charset} lacks: {pairs}",
        None,
        f"before: {before}",
        f"after: {after}",
    )


def _shown(text: str) -> str:
    if not text:
        return "(nothing)"
    return text if text.isprintable() and not text.isspace() else f"U+{ord(text[0]):04X}"


def _local(name: str) -> Any:
    """The value of a template's variable, from the frame of the template that is being rendered."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a frame
    while frame is not None:
        if "__jinja_template__" in frame.f_globals:
            found = [key for key in frame.f_locals if key.startswith("l_") and key.split("_", 2)[2] == name]
            if found:
                return frame.f_locals[max(found, key=lambda key: int(key.split("_", 2)[1]))]
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _path_to(document: Any, wanted: Any) -> str | None:
    """Where a part of the document stands: `billing`, `lines[2]`, `lines[2].unit_price`."""
    if wanted is None or not isinstance(wanted, msgspec.Struct):
        return None
    if wanted is document:
        return ""
    for name in getattr(document, "__struct_fields__", ()):
        value = getattr(document, name)
        members = enumerate(value, 1) if isinstance(value, tuple) else ((0, value),)
        for number, member in members:
            place = f"{name}[{number}]" if number else name
            if member is wanted:
                return place
            if isinstance(member, msgspec.Struct):
                deeper = _path_to(member, wanted)
                if deeper is not None:
                    return f"{place}.{deeper}"
    return None
