"""What who writes a mapping looks through it with: try and trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from gateway.cli.choosing import Choice, added_lookups, choose, load_mapping, route_name
from gateway.cli.files import named_mapping, site_of
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.cli.terminal import Terminal, cut
from gateway.diagnostics import Problem, Span, printable
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.mapping import Mapping
    from gateway.mapping.tracing import Hit, Rules, Traced
    from gateway.rendering.printing import Printed
    from gateway.workbench.record import Story

_LONG_LINE = 100

View = Literal["all", "table", "document", "xml"]
_Mapping = Annotated[str, typer.Argument(help="The mapping, by name (shoptet/order) or file.")]
_Source = Annotated[Path, typer.Argument(metavar="FILE", help="An export of the shop.")]
_Record = Annotated[int, typer.Option("--record", min=1, help="The number of the record in it.")]
_Template = Annotated[
    str, typer.Option("--template", "-t", help="The template; none = that of the route with this mapping.")
]
_Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the template, NAME=VALUE; repeatable.")
]
_Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(name="try", epilog=EXIT_CODES)(try_record)
    app.command(epilog=EXIT_CODES)(trace)


class _Output(msgspec.Struct, frozen=True):
    """What a template makes of a record, or the problems; `choice` is None where no template is known."""

    choice: Choice | None
    text: str = ""
    printed: tuple[Printed, ...] = ()
    mentioned: tuple[Span, ...] = ()
    problems: tuple[Problem, ...] = ()


# -- try -------------------------------------------------------------------------------------------------


def try_record(
    context: typer.Context,
    mapping: _Mapping,
    source: _Source,
    record: _Record = 1,
    template: _Template = "",
    view: Annotated[
        View, typer.Option("--as", help="Only the table of fields, the document as JSON, or the XML.")
    ] = "all",
    setting: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Read one record and show each field, then the XML.

    Of each field: its value, the path, the text there, and the rule. Nothing is stored.
    """
    session = session_of(context)
    loaded, rules = _mapping(session, mapping, source)
    story = _story(loaded, source, record, rules)
    output = _output(session, loaded, story, template, setting or [])
    if view == "xml" and output.choice is None:
        raise UsageError("no route has this mapping; name the template: `--template pohoda/order`")
    problems = (*story.problems, *output.problems)
    if as_json:
        session.terminal.json(_try_as_json(story, output))
    else:
        _show_record(session.terminal, loaded, source, story, output, view)
        session.terminal.problems(problems)
        session.terminal.note(_after_try(session, mapping, source, story, output, problems))
    if any(problem.level == "error" for problem in problems):
        raise typer.Exit(ProblemsFound.exit_code)


def _show_record(
    terminal: Terminal, mapping: Mapping, source: Path, story: Story, output: _Output, view: View
) -> None:
    if view in ("all", "table"):
        terminal.result(terminal.bold(f"{story.name}  {source}:{story.line}  by {mapping.path}"))
        _show_fields(terminal, story)
    if view == "document" and story.document is not None:
        from gateway.documents import encode

        terminal.json(_plain(encode(story.document)))
    if view in ("all", "xml") and output.text:
        if view == "all" and output.choice is not None:
            lender = f", settings of {output.choice.lender}" if output.choice.lender else ""
            terminal.result(f"\n{terminal.bold(f'as {output.choice.template} writes it')}{lender}")
        terminal.result(output.text.rstrip("\n"))


def _show_fields(terminal: Terminal, story: Story) -> None:
    from gateway.mapping.selftest import shown

    rows: list[tuple[str, str, str, str, str]] = []
    for each in story.fields:
        if each.value is not None or each.trouble is not None:
            value = cut(shown(each.value)) if each.trouble is None else "-"
            path = " + ".join(hit.path for hit in each.used or each.hits) or "-"
            rows.append((each.name, value, cut(path), cut(each.raw or "-"), each.rule))
    rows += [(name, cut(shown(value)), "-", "-", "derived") for name, value in story.derived().items()]
    terminal.table(("FIELD", "VALUE", "PATH", "RAW", "RULE"), rows)
    absent = [each.name for each in story.fields if each.value is None and each.trouble is None]
    names = list(dict.fromkeys(name.split("].")[-1] if "[" in name else name for name in absent))
    if names:
        terminal.result(f"nothing in this record for: {', '.join(names)}")


def _after_try(
    session: Session, mapping: str, source: Path, story: Story, output: _Output, problems: tuple[Problem, ...]
) -> str:
    from gateway.documents import Product

    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        return f"next: mend what is said above; `gateway explain {errors[0].code}` tells more"
    if output.choice is None:
        template = "shoptet/offer" if isinstance(story.document, Product) else "pohoda/order"
        return f"next: `--template {template}` shows the XML as well"
    if not output.choice.lender.startswith("the route"):
        return (
            f"next: `gateway convert {source} -m {mapping} -o out.xml` writes all of it; "
            f"a route with `mapping: {mapping}` in {session.config_path} ships it"
        )
    field = next((each.name for each in story.fields if each.value is not None), "number")
    return f"next: `gateway trace {mapping} {source} {field}` follows one field"


def _try_as_json(story: Story, output: _Output) -> dict[str, Any]:
    from gateway.documents import encode

    return {
        "record": story.name,
        "position": story.position,
        "line": story.line,
        "document": _plain(encode(story.document)) if story.document is not None else None,
        "fields": [_field_as_json(each) for each in story.fields],
        "template": output.choice.template if output.choice is not None else None,
        "xml": output.text or None,
        "problems": [problem.as_json() for problem in (*story.problems, *output.problems)],
    }


# -- trace -----------------------------------------------------------------------------------------------


def trace(
    context: typer.Context,
    mapping: _Mapping,
    source: _Source,
    field: Annotated[str, typer.Argument(help="A canonical field: total.gross, lines[2].name.")],
    record: _Record = 1,
    template: _Template = "",
    setting: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Follow one field from the source to the output."""
    from gateway.mapping.tracing import behind

    session = session_of(context)
    loaded, rules = _mapping(session, mapping, source)
    story = _story(loaded, source, record, rules)
    found = behind(story.fields, field)
    if found is None and field not in story.values:
        raise UsageError(_unknown_field(story, field))
    output = _output(session, loaded, story, template, setting or [], field)
    problems = [problem for problem in (*story.problems, *output.problems) if problem.level == "error"]
    if as_json:
        session.terminal.json(_trace_as_json(story, field, found, output))
    else:
        _show_steps(session.terminal, _steps(story, field, found, output))
        unwritten = output.problems if not output.text else ()
        session.terminal.problems([each for each in problems if each in unwritten or each.field in (field, None)])
        session.terminal.note(_after_trace(story, field, found, output))
    if found is not None and found.trouble is not None:
        raise typer.Exit(ProblemsFound.exit_code)


def _steps(story: Story, field: str, found: Traced | None, output: _Output) -> list[tuple[str, str, str]]:
    """The stations of a field: label, place, what it is there."""
    steps: list[tuple[str, str, str]] = []
    if found is None:
        steps.append(("source", "-", "no path of the mapping leads to it"))
    else:
        for hit in found.used or found.hits:
            steps += _source_steps(hit)
        steps.append(("mapping", _place(found.mapped), f"{found.name}: {_way(found)}"))
        if found.table is not None:
            row = f"`{found.table.key}`" if found.table.key is not None else "no row"
            place = _place(found.table.place) if found.table.place is not None else f"lookup {found.table.table}"
            steps.append(("lookup", place, f"{found.table.table}: {row} for {found.table.text!r}"))
        steps.append(("read as", found.type, _conversion(found)))
    derived = found is None or found.name != field
    value = story.values.get(field)
    what = "nothing" if value is None else _literal(value)
    if derived and value is not None:
        what += f"  (derived{f' from {found.name}' if found is not None else ''})"
    steps.append(("field", field, what))
    return steps + _printed_steps(field, value, output)


def _source_steps(hit: Hit) -> list[tuple[str, str, str]]:
    if hit.place is None or hit.raw is None:
        return [("source", "-", "nothing there"), ("path", hit.path, "")]
    return [("source", _place(hit.place), _around(hit.place, hit.raw)), ("path", hit.path, "")]


def _around(place: Span, raw: str) -> str:
    """The line of the source, of a long one the part around the value."""
    text = place.text if place.text is not None else raw
    start = max(0, place.column - 40) if len(text) > _LONG_LINE else 0
    return ("…" if start else "") + cut(text[start:], _LONG_LINE)


def _printed_steps(field: str, value: object, output: _Output) -> list[tuple[str, str, str]]:
    from gateway.rendering.printing import written_by

    if output.choice is None:
        return [("printed", "-", "no template is known; `--template pohoda/order` names one")]
    if value is None:
        return [("printed", "-", "nothing to write")]
    if output.problems and not output.text:
        return [("printed", "-", f"{output.choice.template} cannot write the record, see below")]
    lines = [
        ("printed", _place(each.template), f"{cut(each.text, 100)}  (output line {each.line})")
        for each in written_by(output.printed, field)
    ]
    if lines:
        return lines
    if output.mentioned:
        places = ", ".join(f"{span.file}:{span.line}" for span in output.mentioned[:3])
        return [("printed", "-", f"not written for this record; {places} may name it")]
    return [("printed", "-", f"not written: no line of {output.choice.template} names it")]


def _conversion(found: Traced) -> str:
    if found.trouble is not None:
        return found.trouble
    if found.way == "value":
        return f"constant -> {_literal(found.value)}"
    if found.default:
        return f"default -> {_literal(found.value)}"
    if found.value is None:
        return "`when` does not hold" if found.conditional and found.used else "nothing there"
    return f"{found.raw!r} -> {_literal(found.value)}"


def _way(found: Traced) -> str:
    paths = ", ".join(hit.path for hit in found.hits)
    return paths if found.way == "path" else f"{found.way} [{paths}]" if paths else found.way


def _after_trace(story: Story, field: str, found: Traced | None, output: _Output) -> str:
    if found is not None and found.trouble is not None:
        codes = [problem.code for problem in story.problems if problem.field == found.name]
        return f"next: `gateway explain {codes[0]}`" if codes else "next: mend the value or its rule"
    if found is None or found.value is None:
        return f"next: look at the line of the mapping; `gateway try` shows all fields beside {field}"
    if output.choice is None:
        return "next: add `--template pohoda/order` to see where it is written"
    return "next: change the line of the mapping or of the template that is named above"


def _unknown_field(story: Story, field: str) -> str:
    from gateway.library import similar

    known = list(dict.fromkeys([*(each.name for each in story.fields), *story.values]))
    near = similar(field, known)
    more = f"there is a field with a similar name: `{near}`" if near else "docs/documents.md lists the fields"
    return f"{story.name} has no field `{field}`; {more}"


def _show_steps(terminal: Terminal, steps: list[tuple[str, str, str]]) -> None:
    width = min(max(len(place) for _, place, _ in steps), 60)
    for label, place, what in steps:
        terminal.result(printable(f"{label.ljust(8)} {place.ljust(width)}  {what}".rstrip()))


def _trace_as_json(story: Story, field: str, found: Traced | None, output: _Output) -> dict[str, Any]:
    from gateway.rendering.printing import written_by

    value = story.values.get(field)
    return {
        "record": story.name,
        "field": field,
        "value": None if value is None else str(value),
        "read": _field_as_json(found) if found is not None else None,
        "template": output.choice.template if output.choice is not None else None,
        "printed": [
            {"template": str(each.template), "line": each.line, "text": each.text}
            for each in written_by(output.printed, field)
            if value is not None
        ],
    }


# -- common ----------------------------------------------------------------------------------------------


def _mapping(session: Session, name: str, source: Path) -> tuple[Mapping, Rules]:
    from gateway.mapping.tracing import rules_of

    if not source.is_file():
        raise UsageError(f"{source} is no file")
    site = site_of(session)
    loaded = load_mapping(session, name)
    path = named_mapping(name, site)
    return loaded, rules_of(str(path), site=site, added=added_lookups(session, route_name(path)))


def _story(mapping: Mapping, source: Path, record: int, rules: Rules) -> Story:
    from gateway.workbench.record import story_of

    return story_of(mapping, source, record, rules)


def _output(
    session: Session, mapping: Mapping, story: Story, template: str, settings: list[str], field: str = ""
) -> _Output:
    """What the template makes of the record; its problems are values here, so that the rest is shown too."""
    from gateway.rendering import Identity
    from gateway.rendering.printing import mentions, printed
    from gateway.workbench.output import for_targets

    choice = choose(session, mapping.name, template, settings)
    if choice is None or story.document is None:
        return _Output(choice)
    try:
        loaded, schema = choice.prepared()
        identity = Identity.of(mapping.name.partition("/")[0], loaded.kind, mapping.kind.key_of(story.document))
        text, found = printed(loaded, for_targets(story.document), identity)
    except ProblemsFound as error:
        return _Output(choice, problems=error.problems)
    wrong = schema.check(loaded.encode(text), record=story.name) if schema is not None else ()
    return _Output(choice, text, found, mentions(loaded, field) if field else (), wrong)


def _field_as_json(each: Traced) -> dict[str, Any]:
    return {
        "field": each.name,
        "value": None if each.value is None else str(each.value),
        "type": each.type,
        "rule": each.rule,
        "mapped": _place(each.mapped) if each.mapped is not None else None,
        "sources": [
            {"path": hit.path, "raw": hit.raw, "place": str(hit.place) if hit.place is not None else None}
            for hit in each.used or each.hits
        ],
        "trouble": each.trouble,
    }


def _place(span: Span | None) -> str:
    return f"{span.file}:{span.line}" if span is not None else "-"


def _literal(value: object) -> str:
    from gateway.mapping.selftest import shown

    return repr(value) if type(value) is str else shown(value)


def _plain(encoded: bytes) -> Any:
    import msgspec

    return msgspec.json.decode(encoded)
