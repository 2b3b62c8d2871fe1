"""The lists of codes of a program that is called, and the settings of a target that are in none of them.

Which lists there are, and what is read from the answers, stands in `lists.yaml` beside the request template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from gateway import library
from gateway.clock import Clock
from gateway.config import Config
from gateway.config.asking import PrintSpec
from gateway.config.specs import TargetSpec
from gateway.diagnostics import Problem, Span
from gateway.documents import Request
from gateway.endpoints import Service
from gateway.errors import ProblemsFound
from gateway.exchange.prepared import prepare_request
from gateway.exchange.writing import assemble
from gateway.library import similar
from gateway.mapping.paths import Element
from gateway.rendering import Identity
from gateway.rendering.asking import NotAPage
from gateway.yamlfile import parse

_FOLDER, _FILE = "pohoda-ask", "lists.yaml"
_MOST = 10_000


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One list: what the program calls it, where its codes stand in the answer, what of a target holds them."""

    title: str
    records: str
    code: str
    name: str
    above: str | None = None
    settings: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()


class _Lists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: str
    lists: dict[str, _List]


class Code(msgspec.Struct, frozen=True):
    """One code with what the program says beside it."""

    code: str
    name: str


class CodeList(msgspec.Struct, frozen=True):
    """A list as the program has it. refused: why it gave none."""

    list: str
    title: str
    codes: tuple[Code, ...] = ()
    refused: str | None = None


class WrongCode(msgspec.Struct, frozen=True):
    """A value of a target that is in no list. place: `settings.centre` or `lookups.payment.card`."""

    place: str
    value: str
    title: str
    span: Span | None
    similar: str | None


def ask_lists(config: Config, target: TargetSpec, service: Service, clock: Clock) -> Iterator[CodeList]:
    """Each list in a request of its own, so that one that is refused spoils no other. Nothing is imported by it.

    Raises ProblemsFound, and EndpointError where the program does not answer.
    """
    known = _known(config.site)
    whose: dict[str, Any] = {
        name: target.settings[name] for name in ("company_id", "encoding") if name in target.settings
    }
    for name, each in known.lists.items():
        spec = PrintSpec(target.id, known.request, 1, {**whose, "list": name}, target.where(()))
        template, asking = prepare_request(config, spec)
        label = f"lists-{name}-{clock.now().strftime('%Y%m%d%H%M%S%f')}"
        identity = Identity(pack=label, item=label, origin=target.id)
        request = Request(number=label, id_from=1, count=_MOST)
        answer = service.call(f"{label}.xml", assemble(template, label, [template.record(request, identity)]))
        try:
            asking.page(answer)
        except NotAPage as error:
            yield CodeList(name, each.title, refused=error.message)
        else:
            yield CodeList(name, each.title, tuple(_codes(each, answer)))


def wrong_codes(site: Path | None, targets: Sequence[TargetSpec], lists: Sequence[CodeList]) -> list[WrongCode]:
    """What is configured for a target, in all its routes, and is in no list that came."""
    known = _known(site).lists
    found: dict[tuple[str, str], WrongCode] = {}
    for each in lists:
        codes = [code.code for code in each.codes]
        if each.refused is not None:
            continue
        for target in targets:
            for location, value in _configured(known[each.list], target):
                place = ".".join(map(str, location))
                if value not in codes:
                    near = similar(value, codes) or _folded(value, codes)
                    wrong = WrongCode(place, value, each.title, target.where(location), near)
                    found.setdefault((place, value), wrong)
    return list(found.values())


def _configured(each: _List, target: TargetSpec) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in each.settings:
        if target.settings.get(name):
            yield ("settings", name), str(target.settings[name])
    for name in each.lookups:
        for key, value in target.lookups.get(name, {}).items():
            if value:
                yield ("lookups", name, key), str(value)


def _folded(value: str, codes: Sequence[str]) -> str | None:
    """The code that differs in case alone, which the program takes for another one."""
    return next((code for code in codes if code.casefold() == value.casefold()), None)


def _codes(each: _List, answer: bytes) -> Iterator[Code]:
    root = etree.fromstring(answer, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    for record in _found(root, each.records):
        parts = [*(_text(above, each.code) for above in (_found(record, each.above) if each.above else ()))]
        own = _text(record, each.code)
        # A program that writes the whole way itself needs no help.
        code = own if "/" in own or not parts else "/".join([*parts, own])
        if code:
            yield Code(code, _text(record, each.name))


def _found(node: Element, path: str) -> list[Element]:
    found = node.xpath(path)
    return [each for each in found if isinstance(each, Element)] if isinstance(found, list) else []


def _text(node: Element, path: str) -> str:
    return str(node.xpath(f"string({path})")).strip()


def _known(site: Path | None) -> _Lists:
    """Raises ProblemsFound where the file is none of these."""
    path = library.find("templates", f"{_FOLDER}/{_FILE}", _FILE, site)
    assert path is not None, "it is shipped"
    try:
        known = msgspec.convert(parse(path.read_text(encoding="utf-8"), str(path)).data or {}, _Lists)
        for each in known.lists.values():
            for text in (each.records, each.code, each.name, each.above or "."):
                etree.XPath(text)
    except (msgspec.ValidationError, etree.XPathSyntaxError) as error:
        problem = Problem(
            code="T016",
            message=f"this does not say which lists there are: {error}",
            span=Span(file=str(path)),
            help="compare it with the one that is shipped",
        )
        raise ProblemsFound([problem]) from error
    return known


def lists_as_json(lists: Sequence[CodeList], wrong: Sequence[WrongCode]) -> Mapping[str, object]:
    """What was found, for programs."""
    return {
        "lists": [
            {
                "list": each.list,
                "title": each.title,
                "codes": [{"code": code.code, "name": code.name} for code in each.codes],
                "refused": each.refused,
            }
            for each in lists
        ],
        "wrong": [
            {
                "place": each.place,
                "value": each.value,
                "list": each.title,
                "at": str(each.span) if each.span is not None else None,
                "similar": each.similar,
            }
            for each in wrong
        ],
    }
