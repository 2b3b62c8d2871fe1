"""One loaded template: checked, compiled, bound to its settings, ready to write documents."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from decimal import InvalidOperation
from functools import cache, cached_property, partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import jinja2
import msgspec
from jinja2 import nodes
from jinja2.runtime import Context

from gateway.diagnostics import Problem, Span
from gateway.documents import KINDS
from gateway.errors import ProblemsFound
from gateway.rendering.binding import bind
from gateway.rendering.characters import Charset
from gateway.rendering.checking import Checker, Part, landmarks
from gateway.rendering.desk import Desk, RecordProblems
from gateway.rendering.flattening import NotFlat, copied, flat
from gateway.rendering.identity import Identity
from gateway.rendering.language import TemplateLanguage
from gateway.rendering.quick import TROUBLE, QuickLanguage, QuickRecord
from gateway.rendering.settings import Declaration, Where, bind_lookups, bind_settings, declared
from gateway.rendering.sources import SUFFIX, Source, locate, not_found
from gateway.rendering.vat import VatRates
from gateway.yamlfile import parse as parse_yaml

VAT_RATES = "vat_rates.yaml"
AnyChecker = TypeVar("AnyChecker", bound=Checker)


class Rendered(msgspec.Struct, frozen=True):
    """The bytes of a record in their encoding, and what was cut, replaced or rounded in it (warnings)."""

    data: bytes
    encoding: str
    notes: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        """The record as people read it."""
        return self.data.decode(self.encoding)


class Template:
    """Writes documents of one kind as XML. One object serves many threads.

    name: such as `pohoda/order`; version: sha256 over all its files, its settings and its lookups;
    kind: the kind of document; encoding: of the bytes that `encode` makes; suffix: of a file written with it.
    """

    suffix = ".xml"

    def __init__(
        self,
        name: str,
        version: str,
        kind: str,
        encoding: str,
        language: TemplateLanguage,
        settings: Any,
        quick: Callable[[str], QuickRecord | None] = lambda _block: None,
    ) -> None:
        self.name = name
        self.version = version
        self.kind = kind
        self.encoding = encoding
        self.settings = settings
        self._language = language
        self._quick = cache(quick)
        self._closing: bytes | None = None

    def head(self, pack: str) -> str:
        """What stands before the first record of a pack: XML declaration and the opening of the envelope."""
        identity = Identity(pack=pack, item="", origin="")
        with self._language.desk.recording(None) as recorder:
            text = self._run(("record", "tail"), {"settings": self.settings, "identity": identity})
        if recorder.problems:
            raise RecordProblems(recorder.problems)
        return text

    def record(self, document: msgspec.Struct, identity: Identity) -> Rendered:
        """One record of a pack. Raises RecordProblems with all that keeps this document from being written."""
        quick = self._quick("record")
        if quick is not None:
            try:
                visible = {"document": document, "settings": self.settings, "identity": identity}
                return Rendered(quick(visible), self.encoding)
            except TROUBLE:
                pass  # rendered below, where problems get their words
        return self._write(document, identity, ("head", "tail"))

    def tail(self) -> str:
        """What stands after the last record of a pack."""
        return self._run(("head", "record"), {"settings": self.settings, "identity": Identity("", "", "")})

    def envelope(self, pack: str) -> tuple[bytes, bytes]:
        """The bytes of head and tail. Raises RecordProblems as `head` does."""
        if self._closing is None:
            self._closing = self._part("tail", Identity("", "", "")) or self.encode(self.tail())
        opening = self._part("head", Identity(pack=pack, item="", origin=""))
        return opening or self.encode(self.head(pack)), self._closing

    def whole(self, document: msgspec.Struct, identity: Identity) -> Rendered:
        """One document in a pack of its own: the ordinary rendering of the template."""
        return self._write(document, identity, ())

    def encode(self, text: str) -> bytes:
        """The text as bytes; a character that the encoding lacks becomes a reference such as `&#8364;`."""
        return text.encode(self.encoding, "xmlcharrefreplace")

    def _write(self, document: msgspec.Struct, identity: Identity, without: tuple[str, ...]) -> Rendered:
        visible = {"document": document, "settings": self.settings, "identity": identity}
        with self._language.desk.recording(document) as recorder:
            try:
                text = self._run(without, visible)
            except (jinja2.UndefinedError, AttributeError, TypeError, ValueError, InvalidOperation) as error:
                recorder.problems.append(self._failure(error))
                text = ""
        if not recorder.problems and not recorder.notes:
            return Rendered(self.encode(text), self.encoding)
        record = f"{self.kind} {KINDS[self.kind].key_of(document)}"  # type: ignore[arg-type]  # its kind is checked
        if recorder.problems:
            raise RecordProblems([problem.at(record=record) for problem in recorder.problems])
        notes = tuple(note.at(record=record) for note in recorder.notes)
        return Rendered(self.encode(text), self.encoding, notes)

    def _part(self, block: str, identity: Identity) -> bytes | None:
        """A part of the envelope; None where the ordinary rendering is to write it."""
        quick = self._quick(block)
        if quick is None:
            return None
        try:
            return quick({"settings": self.settings, "identity": identity})
        except TROUBLE:
            return None  # rendered the ordinary way, where problems get their words

    @cached_property
    def _ordinary(self) -> tuple[jinja2.Template, dict[str, Callable[[Context], Iterator[str]]]]:
        """The compiled template, and its blocks with their pieces joined where they are made."""
        compiled = self._language.get_template(self.name + SUFFIX)
        return compiled, {block: _gathering(blocks) for block, blocks in compiled.blocks.items()}

    def _run(self, without: tuple[str, ...], visible: dict[str, Any]) -> str:
        """The ordinary rendering, with some blocks of the envelope left blank."""
        compiled, gathered = self._ordinary
        context = compiled.new_context(visible)
        for name, gather in gathered.items():
            context.blocks[name].insert(0, gather)  # the block itself stays for `super()`
        for block in without:
            context.blocks[block] = [_nothing]
        return "".join(compiled.root_render_func(context))

    def _failure(self, error: Exception) -> Problem:
        """The problem of an expression that broke on this document, at its template line."""
        place = _place(error.__traceback__)
        if place is None:
            raise error
        name, line = place
        source = self._language.sources.get(name)
        assert source is not None, "what runs was read"
        if isinstance(error, AttributeError) and error.obj is None:
            span = source.span(line, f".{error.name}")
            message = f"what stands before `.{error.name}` is empty"
            return Problem(code="T004", message=message, span=span, help="write it only `{% if … %}` it is there")
        return Problem(code="T004", message=_sentence(error), span=source.span(line))


def load(
    name_or_path: str,
    *,
    settings: Mapping[str, Any] | None = None,
    lookups: Mapping[str, Mapping[str, str]] | None = None,
    site: Path | None = None,
    where: Where | None = None,
    trees: Trees | None = None,
) -> Template:
    """Load a template by its name (`pohoda/order`) or the path of its file, for one target.

    site: the folder with the admin's own `templates/`. where: tells where `("settings", "company_id")` or
    `("lookups", "payment", "card")` stands in the configuration. trees: what others of the same files parsed.
    Raises ProblemsFound with every problem of the template, the settings and the lookups.
    """
    draft = Draft(name_or_path, site, trees)
    place = where or _nowhere
    problems = draft.checker(Checker).run()
    bound, wrong_settings = bind_settings(draft.declaration, settings or {}, place, KINDS[draft.kind].document)
    tables, wrong_lookups = bind_lookups(draft.declaration, lookups or {}, place)
    problems += wrong_settings + wrong_lookups
    if problems or bound is None:
        raise ProblemsFound(problems)
    encoding = str(getattr(bound, "encoding", "utf-8"))
    language = TemplateLanguage(draft.sources, Desk(Charset(encoding), tables, draft.vat_rates), draft.trees.tree)
    return Template(
        draft.name.removesuffix(SUFFIX),
        _version(draft.sources.used(), bound, tables),
        draft.kind,
        encoding,
        language,
        bound,
        partial(draft.quick, tables, encoding, bound),
    )


def check(name_or_path: str, *, site: Path | None = None) -> tuple[Problem, ...]:
    """The problems of a template itself, whatever its settings will be; () where there are none."""
    try:
        return tuple(Draft(name_or_path, site).checker(Checker).run())
    except ProblemsFound as error:
        return error.problems


class Trees(msgspec.Struct, frozen=True):
    """What was parsed, with its landmarks, by path and text.

    Templates share their envelopes and macros: whoever loads several of them passes the same object to each.
    """

    parsed: dict[tuple[str, str], tuple[nodes.Template, tuple[nodes.Node, ...]]] = msgspec.field(
        default_factory=dict
    )

    def tree(self, path: str, text: str) -> nodes.Template | None:
        """A copy of a tree, for a compiler, which marks what it is given; None where it is not known."""
        known = self.parsed.get((path, text))
        return None if known is None else copied(known[0])


class Draft:
    """A template that has been read and parsed. Raises ProblemsFound where that cannot be done.

    trees: what was parsed before; what is read here is added.
    """

    def __init__(self, name_or_path: str, site: Path | None, trees: Trees | None = None) -> None:
        self.name, self.sources = locate(name_or_path, site)
        self.trees = Trees() if trees is None else trees
        self._site = site
        self._language = TemplateLanguage(self.sources, Desk(Charset("utf-8"), {}, None))
        self._parts: dict[str, Part] = {}
        self._faults: list[Problem] = []
        self._read(self.name, None)
        if self._faults:
            raise ProblemsFound(self._faults)
        self.chain = self._inheritance()
        folders = list(dict.fromkeys(self.sources.folder_of(part.source.name) for part in self.chain))
        self.kind = self._kind()
        self.declaration: Declaration = declared(self.sources, folders)
        self.vat_rates = self._vat_rates(folders)

    def checker(self, kind: type[AnyChecker]) -> AnyChecker:
        """A check of the syntax tree."""
        document = KINDS[self.kind].document
        tables = tuple(self.declaration.lookups)
        return kind(self.chain, self._parts, document, self.declaration.struct(), tables)

    def quick(
        self, tables: Mapping[str, Mapping[str, str]], encoding: str, settings: object, block: str
    ) -> QuickRecord | None:
        """The quick rendering of a block for these settings, where it can be brought into that form."""
        try:
            tree = flat(self.chain, self._parts, block)
        except NotFlat:
            return None
        language = QuickLanguage(Charset(encoding), tables, self.vat_rates)
        return language.function(tree, assured=bind(tree, settings))

    def _read(self, name: str, mentioned: Span | None) -> None:
        """Read and parse a file and all that it names."""
        if name in self._parts:
            return
        source = self.sources.get(name)
        if source is None:
            self._faults.append(not_found(name, self._site, mentioned))
            return
        self._try(source, partial(self._parse, source))

    def _parse(self, source: Source) -> None:
        key = (source.path, source.text)
        if key not in self.trees.parsed:
            tree = self._language.parse(source.text, source.name, source.path)
            self.trees.parsed[key] = tree, landmarks(tree)
        part = self._parts[source.name] = Part(source, *self.trees.parsed[key])
        for node in part.landmarks:
            named = getattr(node, "template", None)  # a block has none
            if isinstance(named, nodes.Const) and isinstance(named.value, str):
                self._read(named.value, source.span(node.lineno, named.value))

    def _try(self, source: Source, step: Callable[[], object]) -> None:
        try:
            step()
        except jinja2.TemplateSyntaxError as error:
            said = (error.message or "cannot be read").strip().rstrip(".")
            message = f"this is no template: {said[:1].lower()}{said[1:]}"
            self._faults.append(Problem(code="T001", message=message, span=source.span(error.lineno)))
        except ValueError:
            message = "this is no template: a number in it is too long"
            self._faults.append(Problem(code="T001", message=message, span=Span(file=source.path)))
        except RecursionError:
            message = "this is no template: it nests too deep"
            self._faults.append(Problem(code="T001", message=message, span=Span(file=source.path)))

    def _inheritance(self) -> list[Part]:
        chain = [self._parts[self.name]]
        while True:
            extends = [node for node in chain[-1].landmarks if isinstance(node, nodes.Extends)]
            if not extends:
                return chain
            source = chain[-1].source
            named = extends[0].template
            parent = named.value if isinstance(named, nodes.Const) else None
            fault = None
            if len(extends) > 1 or extends[0] not in chain[-1].tree.body:
                fault = "`{% extends %}` stands once, and not inside another statement"
            elif not isinstance(parent, str):
                fault = "a file is named by a literal text only"
            elif any(part.source.name == parent for part in chain):
                fault = f"`{parent}` extends itself"
            if fault is not None or parent not in self._parts:
                span = source.span(extends[0].lineno)
                raise ProblemsFound([Problem(code="T003", message=fault or "nothing to extend", span=span)])
            chain.append(self._parts[parent])

    def _kind(self) -> str:
        for part in self.chain:
            stem = part.source.name.rpartition("/")[2].removesuffix(SUFFIX)
            kind = stem.split("-")[0]
            if kind in KINDS:
                return kind
        known = ", ".join(f"`{kind}`" for kind in KINDS)
        problem = Problem(
            code="T008",
            message=f"the name `{self.name}` tells no kind of document",
            span=Span(file=self.chain[0].source.path),
            help=f"name the file after a kind ({known}), such as `order{SUFFIX}` or `order-retail{SUFFIX}`",
        )
        raise ProblemsFound([problem])

    def _vat_rates(self, folders: list[str]) -> VatRates | None:
        for folder in folders:
            source = self.sources.get(f"{folder}/{VAT_RATES}")
            if source is None:
                continue
            data = parse_yaml(source.text, source.path).data
            try:
                return VatRates.from_data(data)
            except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
                problem = Problem(
                    code="T016",
                    message=f"these are no VAT rates: {error}",
                    span=Span(file=source.path),
                    help="the form is `CZ: [{from: 2024-01-01, high: 21, low: 12}]`",
                )
                raise ProblemsFound([problem]) from error
        return None


def _version(used: list[Source], settings: msgspec.Struct, lookups: Mapping[str, Mapping[str, str]]) -> str:
    parts = [[source.name, source.text] for source in used]
    stated = [parts, msgspec.to_builtins(settings), lookups]
    return sha256(json.dumps(stated, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()


def _gathering(block: Callable[[Context], Iterator[str]]) -> Callable[[Context], Iterator[str]]:
    def gather(context: Context) -> Iterator[str]:
        return iter(("".join(block(context)),))

    return gather


def _nothing(_context: Context) -> Iterator[str]:
    return iter(())


def _nowhere(_location: Any) -> None:
    return None


def _place(trace: TracebackType | None) -> tuple[str, int] | None:
    """The template and line where an error was raised."""
    found = None
    for frame, line in traceback.walk_tb(trace):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (str(template.name), int(template.get_corresponding_lineno(line)))
    return found


def _sentence(error: Exception) -> str:
    said = str(error).strip().rstrip(".").replace("'", "`")
    return f"this line cannot be written: {said[:1].lower()}{said[1:]}"
