"""`gateway add route`: a shop in one command, written into config.yaml and tried at once."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.answers import Answers, Given
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.cli.questions import Questions
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.workbench.site_setup.composing import Ends
    from gateway.workbench.site_setup.insertion import Entry
    from gateway.workbench.site_setup.secret_files import Secret
    from gateway.workbench.site_setup.standing import Standing
    from gateway.workbench.site_setup.wishes import Wish


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    add = typer.Typer(
        no_args_is_help=True, help="Add something to the site.", epilog=EXIT_CODES, rich_markup_mode=None
    )
    add.command(name="route", epilog=EXIT_CODES)(route)
    add.callback()(_add)
    app.add_typer(add, name="add")


def _add() -> None:
    """Add something to the site: `gateway add route`."""


class Change(msgspec.Struct, frozen=True):
    """What is to be written: the file before and after, the secrets that go into files, and the names in it."""

    file: Path
    before: bytes
    after: bytes
    entries: tuple[Entry, ...]
    secrets: tuple[tuple[Secret, str], ...]
    wish: Wish
    ends: Ends
    drop_folder: Path

    @property
    def diff(self) -> str:
        """The change as lines with + before them."""
        old, new = (part.decode("utf-8-sig").splitlines() for part in (self.before, self.after))
        name = _shown(self.file)
        return "\n".join(difflib.unified_diff(old, new, name, name, lineterm=""))


def route(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The route's name; default by platform and what.")
    ] = "",
    platform: Annotated[
        str, typer.Option(help="The platform, such as shoptet; `gateway platforms` lists them.")
    ] = "",
    what: Annotated[
        str, typer.Option(help="What travels: orders, products-out, stock-in, feed, order-states-in …")
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="Where from: folder (the drop folder), a path, ftp://, ftps://, sftp://, https://, api, a name.",
        ),
    ] = "",
    target: Annotated[
        str,
        typer.Option(
            "--to",
            help='Where to: the name of a target, a path, ftp://, sftp://, "pohoda-folder PATH", '
            '"pohoda-mserver URL", "profit PATH"; back to the shop: api, a path or an address.',
        ),
    ] = "",
    url: Annotated[str, typer.Option(help="The address of the shop, for `api`.")] = "",
    accounting: Annotated[str, typer.Option(help="The accounting program: pohoda or profit.")] = "",
    company_id: Annotated[str, typer.Option(help="The company number (IČO) of the accounting unit.")] = "",
    merchant: Annotated[str, typer.Option(help="Whose it is, where the site has several merchants.")] = "",
    origin: Annotated[
        str, typer.Option(help="The shop that numbers the orders; the same name is the same shop.")
    ] = "",
    files: Annotated[list[str] | None, typer.Option(help="A mask such as orders*.xml; may be repeated.")] = None,
    every: Annotated[str, typer.Option(help="How often it is asked, such as 15 min.")] = "",
    schedule: Annotated[
        list[str] | None, typer.Option(help="A set time such as 06:00; may be repeated, instead of --every.")
    ] = None,
    since: Annotated[str, typer.Option(help="Older orders are left out: a day, or all; default today.")] = "",
    rehearsal: Annotated[
        bool | None,
        typer.Option("--rehearsal/--no-rehearsal", help="Ship nothing at first; default for what travels once."),
    ] = None,
    user: Annotated[str, typer.Option(help="The login name of the new connection; never give a password.")] = "",
    key_file: Annotated[str, typer.Option(help="The private key for an SFTP server, instead of a password.")] = "",
    mapping: Annotated[str, typer.Option(help="A mapping instead of the platform's usual one.")] = "",
    template: Annotated[str, typer.Option(help="Which of several templates writes for the shop.")] = "",
    other_name: Annotated[str, typer.Option("--name", help="The same as NAME.")] = "",
    file: Annotated[str, typer.Option(help="Write into this included file, such as routes/shop.yaml.")] = "",
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Try the connections afterwards.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Add a shop: write a route, with its connections and target, into config.yaml, check it and try it."""
    from gateway.cli import adding_told
    from gateway.store.spool import Spool
    from gateway.workbench.site_setup.standing import standing_of

    session = session_of(context)
    if name and other_name and name != other_name:
        raise UsageError(f"the route is called `{name}` and `--name {other_name}`: take one of them")
    given = Given(
        name=name or other_name,
        platform=platform,
        what=what,
        source=source,
        target=target,
        url=url,
        accounting=accounting,
        company_id=company_id,
        merchant=merchant,
        origin=origin,
        files=tuple(files or ()),
        every=every,
        schedule=tuple(schedule or ()),
        since=since,
        mapping=mapping,
        template=template,
        user=user,
        key_file=key_file,
        rehearsal=rehearsal,
    )
    standing = standing_of(session.config())
    questions = Questions(asks=not yes and not as_json, takes_defaults=yes)
    wish = Answers(given, standing, questions).wish()
    change = _change(session, standing, wish, questions, file, dry_run=dry_run)
    if dry_run:
        adding_told.dry_run(session.terminal, change, as_json=as_json)
        return
    if questions.asks:
        session.terminal.note(change.diff)
        if not questions.agrees(f"Write this into {_shown(change.file)}?", default=True):
            raise UsageError("nothing was written")
    _write(session, standing, change)
    if wish.source.kind == "drop":
        Spool(standing.site / standing.spool).drop_folder(wish.name)
    code = adding_told.outcome(session, change, probes=probe, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _change(
    session: Session, standing: Standing, wish: Wish, questions: Questions, file: str, *, dry_run: bool
) -> Change:
    """What is to be written, with everything that it needs asked for. Raises UsageError."""
    from gateway.workbench.site_setup.composing import composed, ends_of
    from gateway.workbench.site_setup.insertion import CannotInsert, inserted

    path = _file_for(standing, file)
    before = path.read_bytes() if path.is_file() else b"version: 1\n"
    ends = _with_users(ends_of(wish, standing), standing, questions)
    references, secrets = _secrets(ends, standing, questions, dry_run=dry_run)
    entries = composed(wish, ends, standing, references.__getitem__, before, apart=path != standing.config)
    try:
        after = inserted(before, entries, _shown(path))
    except CannotInsert as error:
        _to_paste(session, path, entries, error)
        raise
    drop_folder = standing.site / standing.spool / wish.name / "in"
    there = before if path.is_file() else b""
    return Change(path, there, after, tuple(entries), tuple(secrets), wish, ends, drop_folder)


def _file_for(standing: Standing, file: str) -> Path:
    """The file that is written into. Raises UsageError for one that config.yaml does not include."""
    if not file:
        return standing.config
    path = (standing.site / file).resolve()
    if path != standing.config and not standing.includes(path):
        folder = Path(file).parent.as_posix()
        mask = f"{folder}/*.yaml" if folder != "." else file
        raise UsageError(
            f"--file {file}: {standing.config.name} does not include it; add `include: [{mask}]` there first"
        )
    return path


def _with_users(ends: Ends, standing: Standing, questions: Questions) -> Ends:
    """The login names that are still missing, asked for one by one."""
    from gateway.workbench.site_setup.composing import lacks_user

    for wanted in lacks_user(ends, standing):
        question = f"Login name at {wanted.address.host}"
        name = questions.answer(question, "--user", str, hints=["or write it into the address: user@host"])
        ends = ends.with_user(wanted, name)
    return ends


def _secrets(
    ends: Ends, standing: Standing, questions: Questions, *, dry_run: bool
) -> tuple[dict[Secret, str], list[tuple[Secret, str]]]:
    """How config.yaml names each secret, and those that must still be put into files. Raises UsageError."""
    from gateway.workbench.site_setup.composing import secrets_needed
    from gateway.workbench.site_setup.secret_files import reference_of

    references, found = {}, []
    for secret in secrets_needed(ends, standing):
        there = reference_of(secret, standing.site)
        references[secret] = there or secret.in_file
        if there is not None or dry_run:
            continue
        value = secret.value if secret.value is not None else questions.secret(_capital(secret.about))
        if value is None:
            raise UsageError(
                f"{secret.about} is nowhere yet: write it into the file {secret.file}, or set the environment "
                f"variable {secret.variable} (for the gateway's service too), then call this again; on a terminal "
                "it is asked for"
            )
        found.append((secret, value))
    return references, found


def _to_paste(session: Session, path: Path, entries: list[Entry], error: Exception) -> None:
    """The entries for whoever puts them there by hand."""
    from gateway.workbench.site_setup.composing import as_a_file
    from gateway.workbench.site_setup.insertion import CannotInsert

    place = f":{error.line}" if isinstance(error, CannotInsert) and error.line else ""
    session.terminal.note(
        f"{_shown(path)}{place}: nothing was written; put these lines there by hand, each below its key:"
    )
    session.terminal.result(as_a_file(entries).decode("utf-8").partition("\n")[2].strip("\n"))


def _write(session: Session, standing: Standing, change: Change) -> None:
    """All of it, or nothing: where the new file does not load, everything is as it was. Raises ConfigError."""
    from gateway.workbench.site_setup import applying, secret_files

    site, config = standing.site, standing.config
    ignored = secret_files.ignored_by_git(site) if change.secrets else None
    paths = [site / secret.file for secret, _ in change.secrets]
    backup = change.file.with_name(change.file.name + applying.BACKUP)
    if (change.file.read_bytes() if change.file.is_file() else b"") != change.before:
        raise UsageError(f"{_shown(change.file)} was changed by somebody else meanwhile; nothing was written")
    with applying.put_back([change.file, backup, site / ".gitignore", *paths]):
        for secret, value in change.secrets:
            path = secret_files.write_secret(site, secret, value)
            applying.own_like(path, config)
            applying.own_like(path.parent, config)
        if ignored is not None:
            applying.replace_file(site / ".gitignore", ignored)
        if change.file.is_file():
            applying.keep_backup(change.file)
        applying.replace_file(change.file, change.after, like=config)
        try:
            session.config()
        except ProblemsFound:
            session.terminal.note(f"the new {_shown(change.file)} would not load; it is as it was before")
            raise


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shown(path: Path) -> str:
    from gateway.yamlfile import shorten

    return shorten(path)
