"""`gateway new platform`: the first draft of a mapping, from one export of the shop."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway import library
from gateway.cli.checking import one_line_without_place
from gateway.cli.files import site_of
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.diagnostics import plural
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.workbench.scaffold.samples import Sample
    from gateway.workbench.scaffold.trying import Platform

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    new = typer.Typer(no_args_is_help=True, help="Start something new.", epilog=EXIT_CODES, rich_markup_mode=None)
    new.command(name="platform", epilog=EXIT_CODES)(platform)
    new.callback()(_new)
    app.add_typer(new, name="new")


def _new() -> None:
    """Start something new: `gateway new platform`."""


class _Places(msgspec.Struct, frozen=True):
    """Where the draft and its sample go; `copied` where the sample lies elsewhere."""

    root: Path
    mapping: Path
    sample: Path
    copied: bool

    @property
    def given(self) -> str:
        """The sample as tests name it."""
        return self.sample.relative_to(self.root).as_posix()


def platform(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The platform's name: small letters and digits, such as upgates.")],
    sample: Annotated[Path, typer.Option("--from", help="An export with at least one order or product.")],
    kind: Annotated[str, typer.Option("--kind", help="What it holds: order or product.")] = "order",
    template: Annotated[str, typer.Option("--template", "-t", help="A template to try the draft with.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a mapping that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the draft, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Draft the mapping of a new platform from a sample: what is what, why, how sure, and what is missing."""
    from gateway.workbench.scaffold.samples import read_sample
    from gateway.workbench.scaffold.trying import drafted
    from gateway.workbench.scaffold.writing import Header

    session = session_of(context)
    places = _places(session, name, kind, sample)
    if places.mapping.exists() and not force and not dry_run:
        raise UsageError(f"{_shown(places.mapping)} is there already; `--force` writes over it")
    templates = _templates(session, places, template)
    taken = read_sample(sample, kind)
    header = Header(_modeline(places), name, kind, sample.name, taken.source, places.given)
    made = drafted(taken.survey, sample, header)
    if dry_run and not as_json:
        session.terminal.result(made.text.rstrip("\n"))
    elif not dry_run:
        _write(places, made.text, sample)
    if as_json:
        _as_json(session, places, taken, made)
        return
    _report(session, places, taken, made, dry_run=dry_run)
    if not dry_run:
        for each in templates:
            session.terminal.result(_try_template(session, places, each, sample))
    _next(session, places, dry_run=dry_run)


def _places(session: Session, name: str, kind: str, sample: Path) -> _Places:
    if not _NAME.fullmatch(name):
        raise UsageError(f"`{name}` is no name of a platform: small letters, digits, `_` and `-`, such as upgates")
    from gateway.workbench.scaffold.trying import DRAFTED

    if kind not in DRAFTED:
        raise UsageError(f"no draft can be made of the kind `{kind}`; the kinds are {', '.join(DRAFTED)}")
    if not sample.is_file():
        raise UsageError(f"{sample} is no file")
    root = (site_of(session) or Path.cwd()).resolve()
    inside = sample.resolve().is_relative_to(root)
    place = sample.resolve() if inside else root / "samples" / name / sample.name
    return _Places(root, root / "mappings" / name / f"{kind}.yaml", place, not inside)


def _modeline(places: _Places) -> str:
    """The schema of mappings as an editor finds it from the file: in a clone beside it, else the installed one."""
    own = places.root / "gateway" / "schemas" / "mapping.json"
    if own.is_file():
        return os.path.relpath(own, places.mapping.parent)
    return str(Path(library.__file__).resolve().parents[1] / "schemas" / "mapping.json")


def _write(places: _Places, text: str, sample: Path) -> None:
    places.mapping.parent.mkdir(parents=True, exist_ok=True)
    places.mapping.write_text(text, encoding="utf-8")
    if places.copied:
        places.sample.parent.mkdir(parents=True, exist_ok=True)
        places.sample.write_bytes(sample.read_bytes())


def _report(session: Session, places: _Places, taken: Sample, made: Platform, *, dry_run: bool) -> None:
    terminal = session.terminal
    say = terminal.note if dry_run else terminal.result
    draft = made.draft
    counted = Counter(
        guess.sure for guess in (*draft.guesses, *(guess for rows in draft.lines for guess in rows.guesses))
    )
    say(f"{terminal.mark('good')} {_shown(places.mapping)}{' (not written)' if dry_run else ''}")
    if places.copied:
        say(f"{terminal.mark('doubtful')} {_shown(places.sample)}  a copy: replace in it what customers gave")
    say(f"  record      {taken.record}, {plural(len(taken.survey.records), 'record')} looked at")
    say(f"  fields      {counted['sure']} sure, {counted['likely']} likely, {counted['guess']} guessed")
    codes = f"; the others have {', '.join(sorted(made.bad))}" if made.bad else ""
    say(f"  read whole  {made.good} of {plural(made.records, 'record')}{codes}")
    say(f"  not mapped  {plural(len(draft.unmapped), 'element')}, listed at the end of the file")
    for text in draft.missing:
        mark = {"MISSING": terminal.mark("bad"), "NOTE": " "}.get(
            text.partition(" ")[0], terminal.mark("doubtful")
        )
        say(f"{mark} {text}")


def _templates(session: Session, places: _Places, wanted: str) -> list[str]:
    """The templates for this kind: the one that is wanted, or those that the site's routes use, or all there are.

    Raises UsageError.
    """
    from gateway.cli.choosing import templates_in_use
    from gateway.documents import KINDS

    kind = KINDS[places.mapping.stem].for_targets
    known = [each for each in library.names("templates", ".xml.j2", places.root) if _kind_of(each) == kind]
    if wanted and wanted not in known:
        near = library.similar(wanted, known)
        raise UsageError(f"there is no template `{wanted}` for {kind}s; {_instead(near, known)}")
    used = [each for each in known if each in templates_in_use(session)]
    return [wanted] if wanted else used or known


def _try_template(session: Session, places: _Places, template: str, sample: Path) -> str:
    """Whether the template writes the sample as the draft reads it, in one line."""
    from gateway.cli.choosing import choose, load_mapping
    from gateway.workbench.output import output_of

    terminal = session.terminal
    mapping = load_mapping(session, str(places.mapping))
    choice = choose(session, mapping.name, template, [])
    if choice is None:
        return f"  templates   {template}"
    try:
        loaded, schema = choice.prepared()
        found = output_of(mapping, sample, loaded, schema)
    except ProblemsFound as error:
        return f"{terminal.mark('doubtful')} as XML      not tried with {template}: {error.problems[0].message}"
    by = f", valid by {choice.schema}" if choice.schema is not None else ""
    if not found.refused:
        return f"  as XML      {template} writes {found.written} of {plural(found.records, 'record')}{by}"
    who, problem = found.refused[0]
    help_of = f"\n              = help: {problem.help}" if problem.help is not None else ""
    return (
        f"{terminal.mark('bad')} as XML      {template} writes {found.written} of "
        f"{plural(found.records, 'record')}{by}; {who}:\n"
        f"              {one_line_without_place(problem)}{help_of}"
    )


def _next(session: Session, places: _Places, *, dry_run: bool) -> None:
    """What is to be done next, each command as it can be typed."""
    name = f"{places.mapping.parent.name}/{places.mapping.stem}"
    if dry_run:
        session.terminal.note("next: the same without --dry-run")
        return
    session.terminal.result(f"next: read {_shown(places.mapping)} and mend what is marked in it, then")
    for command in (f"gateway test {name}", f"gateway try {name} {places.given}"):
        session.terminal.result(f"        {command}")


def _kind_of(template: str) -> str:
    return template.rpartition("/")[2].partition("-")[0]


def _instead(near: str | None, known: list[str]) -> str:
    return f"there is one with a similar name: `{near}`" if near else f"there are {', '.join(known) or 'none'}"


def _as_json(session: Session, places: _Places, taken: Sample, made: Platform) -> None:
    draft = made.draft
    session.terminal.json(
        {
            "mapping": str(places.mapping),
            "sample": str(places.sample),
            "source": taken.source,
            "records": made.records,
            "read": made.good,
            "problems": dict(made.bad),
            "fields": [
                {"field": prefix + guess.field, "sure": guess.sure, "why": guess.why, "sample": guess.sample}
                for prefix, guesses in (
                    ("", draft.guesses),
                    *((f"{rows.block}[{rows.each}].", rows.guesses) for rows in draft.lines),
                )
                for guess in guesses
            ],
            "missing": list(draft.missing),
            "not_mapped": [path for path, _ in draft.unmapped],
        }
    )


def _shown(path: Path) -> str:
    from gateway.yamlfile import shorten

    return shorten(path)
