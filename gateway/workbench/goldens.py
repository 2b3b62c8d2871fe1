"""Golden outputs: what a record of a sample must be written as, to the last line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway import library
from gateway.diagnostics import Problem, has_errors
from gateway.documents import KINDS, Document
from gateway.errors import ProblemsFound
from gateway.mapping import Mapping, TestOutcome
from gateway.mapping.expectations import Golden, SelfTest
from gateway.mapping.selftest import locate, run_one, sample_reading, tests_of
from gateway.rendering import Identity, Schema, Template, Trees, load_schema
from gateway.rendering import load as load_template

_SHOWN = 40


class Written(msgspec.Struct, frozen=True):
    """What a test's record is written as today, beside what its golden file says.

    stored: None where the file is not there yet. path: where it is, or belongs.
    """

    path: Path
    name: str
    stored: str | None
    written: str
    encoding: str

    @property
    def differs(self) -> bool:
        """Whether the file is to be written anew."""
        return self.stored != self.written

    def difference(self) -> tuple[str, ...]:
        """The lines that differ, as `diff -u` shows them, without the head; () where the file is not there."""
        if self.stored is None:
            return ()
        lines = unified_diff(self.stored.splitlines(), self.written.splitlines(), lineterm="", n=1)
        return tuple(line for line in lines if not line.startswith(("---", "+++")))

    def save(self) -> None:
        """Write the golden file as the record is written today."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.written.encode(self.encoding, "xmlcharrefreplace"))


class Checked(msgspec.Struct, frozen=True):
    """The outcome of one test with that of its golden file, where it has one and could be written."""

    outcome: TestOutcome
    written: Written | None = None


def run_tests(
    mapping: Mapping, *, root: Path | None, site: Path | None, only: str = "", trees: Trees | None = None
) -> Iterator[Checked]:
    """Run the tests of a mapping whose names contain `only` (without case), with their golden files.

    trees: of templates that were loaded before.
    """
    goldens = _Goldens(mapping, root, site, Trees() if trees is None else trees)
    for test in tests_of(mapping):
        if only.casefold() not in test.name.casefold():
            continue
        outcome = run_one(mapping, test, root)
        if test.golden is None or not outcome.passed:
            yield Checked(outcome)
        else:
            yield goldens.compared(test, test.golden, outcome)


def write_document(template: Template, schema: Schema | None, document: Document, origin: str) -> str:
    """One document in a pack of its own, checked. Raises ProblemsFound."""
    key = KINDS[template.kind].key_of(document)
    text = template.whole(document, Identity.of(origin, template.kind, key)).text
    record = f"{template.kind} {key}"
    problems = schema.check(template.encode(text), record=record) if schema is not None else ()
    if has_errors(problems):
        raise ProblemsFound(problems)
    return text


def schema_beside(template: str, site: Path | None) -> str | None:
    """The schema of a template: `data` of its folder, such as `pohoda/data`, else the one of its own name.

    Of offers it has the name that tells them apart (`heureka/availability`), else `products`.
    """
    folder, _, own = template.rpartition("/")
    kind, _, variant = own.partition("-")
    names = [f"{folder}/data", template, *([f"{folder}/{variant or 'products'}"] if kind == "offer" else [])]
    for name in names:
        if library.find("xsd", name, ".xsd", site) is not None:
            return name
    return None


class _Goldens(msgspec.Struct, frozen=True):
    """The golden files of a mapping's tests, and what they are written with."""

    mapping: Mapping
    root: Path | None
    site: Path | None
    trees: Trees

    def compared(self, test: SelfTest, golden: Golden, outcome: TestOutcome) -> Checked:
        """The outcome with that of the golden file."""
        try:
            written = self._written(test, golden)
        except ProblemsFound as error:
            problems = tuple(problem.at(golden.span) for problem in error.problems)
            return Checked(_failed(outcome, problems))
        if not written.differs:
            return Checked(outcome, written)
        return Checked(_failed(outcome, (_problem(test, golden, written),)), written)

    def _written(self, test: SelfTest, golden: Golden) -> Written:
        template = load_template(
            golden.template, settings=golden.settings, lookups=golden.lookups, site=self.site, trees=self.trees
        )
        beside = schema_beside(golden.template, self.site)
        schema = load_schema(beside, site=self.site) if beside is not None else None
        with sample_reading(self.mapping, test, self.root) as reading:
            if reading.document is None:
                raise ProblemsFound(reading.problems)
            text = write_document(template, schema, reading.document, self.mapping.name.partition("/")[0])
        path = locate(golden.file, self.root) or (self.root or Path.cwd()) / golden.file
        stored = path.read_bytes().decode(template.encoding, "replace") if path.is_file() else None
        return Written(path, golden.file, stored, _as_stored(text, template.encoding), template.encoding)


def _as_stored(text: str, encoding: str) -> str:
    """The text with the references that its file has for what the encoding lacks."""
    return text.encode(encoding, "xmlcharrefreplace").decode(encoding)


def _failed(outcome: TestOutcome, problems: Sequence[Problem]) -> TestOutcome:
    return replace(outcome, passed=False, problems=(*outcome.problems, *problems))


def _problem(test: SelfTest, golden: Golden, written: Written) -> Problem:
    if written.stored is None:
        return Problem(
            code="W002",
            message=f"there is no golden file `{golden.file}`",
            span=golden.span,
            help="`gateway test --update` writes it; read it before you keep it",
        )
    lines = written.difference()
    more = (f"and {len(lines) - _SHOWN} lines more",) if len(lines) > _SHOWN else ()
    return Problem(
        code="W001",
        message=f"the test `{test.name}` is written otherwise than `{golden.file}` says",
        span=golden.span,
        help="mend the mapping or the template; where the new output is right, `gateway test --update` keeps it",
        context=(*lines[:_SHOWN], *more),
    )
