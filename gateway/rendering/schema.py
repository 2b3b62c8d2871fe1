"""The check of what was written, against an XSD: lxml says yes or no, xmlschema words the no."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.library import find, names, search_path, similar
from gateway.yamlfile import shorten

if TYPE_CHECKING:
    import xmlschema

FOLDER = "xsd"
SUFFIX = ".xsd"
RENDERED = "rendered.xml"
"""What spans call the text that was checked: it lies in no file yet."""

_MOST = 20
_DECLARED = re.compile(rb"<\?xml [^>]*?encoding=[\"']([A-Za-z0-9._-]+)[\"']")
_ONE_BYTE = {b"windows-1250": "cp1250", b"windows-1252": "cp1252", b"iso-8859-2": "iso8859-2"}


class Schema:
    """One XSD with all that it imports. One object serves many threads.

    name: such as `pohoda/data`.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._wording: xmlschema.XMLSchema | None = None
        self._lock = threading.Lock()
        self._free = [self._compile()]

    def check(self, data: bytes, *, record: str | None = None) -> tuple[Problem, ...]:
        """The problems of a whole document (an envelope with its records); () where it is valid.

        Each names the element, what it holds and what is allowed (X001), at the line of the text; a text that
        is no XML is X003. record: such as `order 2026000124`, for the problems.
        """
        try:
            root = etree.fromstring(data, _parser())
        except etree.XMLSyntaxError as error:
            return (_not_well_formed(data, error, record),)
        with self._lent() as compiled:
            if compiled.validate(root):
                return ()
            return tuple(self._worded(root, data, record)) or tuple(_bare(compiled, data, record))

    def takes(self, data: bytes) -> bool:
        """Whether a whole document is valid, without a word on what is wrong."""
        blanks = b"<!--" in data  # beside a comment, a blank may be a value
        declared = _DECLARED.match(data)
        codec = _ONE_BYTE.get(declared[1].lower()) if declared else None
        try:
            if codec is None:
                root = etree.fromstring(data, _parser(blanks=blanks))
            else:  # the parser takes twice as long for these as for UTF-8
                root = etree.fromstring(data.decode(codec).encode(), _parser(blanks=blanks, encoding="utf-8"))
            with self._lent() as compiled:
                return bool(compiled.validate(root))
        except (etree.XMLSyntaxError, UnicodeDecodeError):
            return False

    @contextmanager
    def _lent(self) -> Iterator[etree.XMLSchema]:
        """A compiled copy for one thread at a time: libxml2 keeps the errors of a run beside the schema."""
        try:
            compiled = self._free.pop()
        except IndexError:  # all of them are in use
            compiled = self._compile()
        try:
            yield compiled
        finally:
            self._free.append(compiled)

    def _compile(self) -> etree.XMLSchema:
        try:
            return etree.XMLSchema(etree.parse(self._path, _parser()))
        except (etree.XMLSchemaParseError, etree.XMLSyntaxError, OSError) as error:
            raise ProblemsFound([_broken(self._path, error)]) from error

    def _worded(self, root: etree._Element, data: bytes, record: str | None) -> Iterator[Problem]:
        lines = data.splitlines()
        with self._lock:
            if self._wording is None:
                import xmlschema

                self._wording = xmlschema.XMLSchema(str(self._path), allow="local", defuse="never")
            errors = list(self._wording.iter_errors(root))
        told: set[tuple[str, int]] = set()
        for error in errors[:_MOST]:
            element = _blamed(error)
            message, label = _message(error)
            line = getattr(element, "sourceline", None) or 0
            if (message, line) in told:
                continue
            told.add((message, line))
            yield Problem(
                code="X001",
                message=message,
                span=_span(lines, line, _tag(element), root),
                label=label,
                help="correct the value in the shop or in the mapping; see `gateway explain X001`",
                record=record,
                context=(f"element: {_path(element)}",) if element is not None else (),
            )


def load_schema(name_or_path: str, *, site: Path | None = None) -> Schema:
    """Load an XSD by its name (`pohoda/data`) or path. Raises ProblemsFound (X002): not found or broken."""
    path = find(FOLDER, name_or_path, SUFFIX, site)
    if path is None and name_or_path.endswith(SUFFIX) and Path(name_or_path).is_file():
        path = Path(name_or_path)
    if path is None:
        near = similar(name_or_path.removesuffix(SUFFIX), names(FOLDER, SUFFIX, site))
        searched = ", ".join(shorten(place) for place in search_path(FOLDER, site))
        problem = Problem(
            code="X002",
            message=f"there is no schema `{name_or_path}`",
            context=(f"searched: {searched}",),
            help=f"there is a schema with a similar name: `{near}`" if near else "check the name",
        )
        raise ProblemsFound([problem])
    return Schema(name_or_path.removesuffix(SUFFIX), path)


def _parser(*, blanks: bool = True, encoding: str | None = None) -> etree.XMLParser:
    """blanks: white space between elements is kept; a schema never looks at it, and lines are told with it.

    encoding: what the bytes are, whatever they say.
    """
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=not blanks,
    )


def _blamed(error: Any) -> Any:
    """The element that an error of xmlschema is about: a child that should not be there, else itself."""
    element = error.elem
    if getattr(error, "invalid_tag", None) is not None and error.index < len(element):
        return element[error.index]
    return element


def _message(error: Any) -> tuple[str, str | None]:
    """One sentence on an error of xmlschema, and what stands under the caret."""
    element, validator = error.elem, error.validator
    name = f"`{_tag(element)}`"
    kind = type(validator).__name__
    held = error.obj if isinstance(error.obj, str) else (element.text or "" if element is not None else "")
    attribute = _attribute(str(error.reason or ""))
    if attribute:
        name = f"the attribute `{attribute}` of {name}"
    shown = f"`{_clipped(held)}`"
    decoding = type(error).__name__ == "XMLSchemaDecodeError"
    if kind == "XsdMinLengthFacet" or (not held and (decoding or kind == "XsdPatternFacets")):
        return f"{name} is empty", None
    if kind == "XsdMaxLengthFacet":
        return f"{name} holds {len(held)} characters, at most {validator.value} are allowed", None
    if kind == "XsdEnumerationFacets":
        allowed = ", ".join(f"`{value}`" for value in validator.enumeration)
        return f"{name} holds {shown}, allowed is {allowed}", None
    if kind == "XsdPatternFacets":
        patterns = " or ".join(f"`{pattern}`" for pattern in validator.regexps)
        return f"{name} holds {shown}, which is not of the form {patterns}", _documentation(validator)
    if type(error).__name__ == "XMLSchemaChildrenValidationError":
        return _children(error, name)
    if decoding:
        sort = validator.local_name or validator.base_type.local_name
        return f"{name} holds {shown}, which is no {sort}", None
    missing = str(error.reason or "").removeprefix("missing required attribute ")
    if missing != str(error.reason or ""):
        attribute = _short(missing.strip("'"))
        return f"{name} lacks the attribute `{attribute}`", None
    return f"{name}: {_reason(error)}", None


def _documentation(validator: Any) -> str | None:
    """What the schema says of a type, for people."""
    annotation = getattr(getattr(validator, "parent", None), "annotation", None)
    texts = [text for node in getattr(annotation, "documentation", ()) for text in [node.text] if text]
    return texts[0].strip().rstrip(".") if texts else None


def _children(error: Any, name: str) -> tuple[str, str | None]:
    expected = [_short(getattr(particle, "name", None) or str(particle)) for particle in error.expected or ()]
    wanted = ", ".join(f"`{tag}`" for tag in expected)
    if error.invalid_tag is not None:
        found = _short(error.invalid_tag)
        return f"`{found}` is not expected in {name}" + (f", but {wanted}" if wanted else ""), None
    return f"{name} lacks {wanted or 'an element'}", None


def _attribute(reason: str) -> str | None:
    """The attribute that a reason of xmlschema speaks of: `attribute id='…': …`."""
    if not reason.startswith("attribute "):
        return None
    return _short(reason.removeprefix("attribute ").split("=")[0].strip("'"))


def _reason(error: Any) -> str:
    said = str(error.reason or error.message).strip().rstrip(".").replace("'", "`")
    return " ".join((said[:1].lower() + said[1:]).split())


def _short(tag: str) -> str:
    """`{http://…/order.xsd}date` as `ord:date`, with the prefix that POHODA itself uses for known files."""
    if not tag.startswith("{"):
        return tag
    namespace, _, local = tag[1:].partition("}")
    stem = namespace.rpartition("/")[2].removesuffix(SUFFIX)
    prefix = {"data": "dat", "type": "typ", "order": "ord"}.get(stem)
    return f"{prefix}:{local}" if prefix else local


def _tag(element: Any) -> str:
    if element is None:
        return "?"
    local = etree.QName(element).localname
    return f"{element.prefix}:{local}" if element.prefix else local


def _path(element: Any) -> str:
    """`dat:dataPack/dat:dataPackItem/…/ord:orderItem[2]`: positions only where there are several."""
    steps = []
    while element is not None:
        parent = element.getparent()
        twins = [child for child in parent if child.tag == element.tag] if parent is not None else [element]
        number = f"[{twins.index(element) + 1}]" if len(twins) > 1 else ""
        steps.append(_tag(element) + number)
        element = parent
    return "/".join(reversed(steps))


def _span(lines: list[bytes], line: int, tag: str, root: etree._Element) -> Span:
    encoding = root.getroottree().docinfo.encoding or "utf-8"
    text = lines[line - 1].decode(encoding, "replace") if 0 < line <= len(lines) else None
    column = text.find(f"<{tag}") + 1 if text else 0
    return Span(file=RENDERED, line=line, column=column, length=len(tag) + 1 if column else 0, text=text)


def _bare(compiled: etree.XMLSchema, data: bytes, record: str | None) -> Iterator[Problem]:
    """The words of libxml2, where xmlschema finds nothing to say."""
    lines = data.splitlines()
    for entry in compiled.error_log:  # type: ignore[attr-defined]  # the stub forgot that it iterates
        text = lines[entry.line - 1].decode("utf-8", "replace") if 0 < entry.line <= len(lines) else None
        span = Span(file=RENDERED, line=entry.line, text=text)
        message = str(entry.message).strip().rstrip(".").replace("'", "`")
        yield Problem(code="X001", message=f"not valid: {message}", span=span, record=record)


def _not_well_formed(data: bytes, error: etree.XMLSyntaxError, record: str | None) -> Problem:
    line, column = error.position
    lines = data.splitlines()
    text = lines[line - 1].decode("utf-8", "replace") if 0 < line <= len(lines) else None
    said = str(error.msg or error).split(", line ")[0]
    return Problem(
        code="X003",
        message=f"the template wrote no well-formed XML: {said[:1].lower()}{said[1:]}",
        span=Span(file=RENDERED, line=line, column=column if text else 0, length=1 if text else 0, text=text),
        help="look for an element that the template does not close",
        record=record,
    )


def _broken(path: Path, error: Exception) -> Problem:
    line = getattr(error, "lineno", None) or 0
    entries = getattr(error, "error_log", None)
    if entries:
        line = entries[0].line
    said = str(error).strip().rstrip(".").replace("'", "`")
    return Problem(
        code="X002",
        message=f"this schema cannot be used: {said[:1].lower()}{said[1:]}",
        span=Span(file=shorten(path), line=line),
        help="correct the schema, or put the file beside it that it imports",
    )


def _clipped(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
