"""The commands of who runs a site: run, status, show, retry, hold, release, adopt, forget."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.diagnostics import Problem, one_line, plural, printable
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
    from gateway.exchange.reports import PostingStory, SiteStatus, Story
    from gateway.exchange.requests import Action
    from gateway.exchange.site import Site

Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")]
_PATIENCE = 60.0
_COUNTS = ("CHANGED", "SAME", "LEFT OUT", "SET ASIDE")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (run, status, show, retry, hold, release, resend, resync, adopt, forget):
        app.command(epilog=EXIT_CODES)(command)


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look at every source once, ship, and end.")] = False,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Log lines (or the result of --once) as JSON.")] = False,
) -> None:
    """Run the gateway until it is stopped (Ctrl-C or SIGTERM: it finishes the file in hand)."""
    from gateway import telemetry

    session = session_of(context)
    config = session.config()
    if dry_run:
        _tell_plan(session)
        return
    level: Literal["info", "warning", "error"] = (
        "error" if once else "warning" if session.terminal.quiet else "info"
    )
    telemetry.configure(json=as_json and not once, level=level, lazily=once)
    if once:
        from gateway.daemon.once import run_once

        result = run_once(config, told=session.terminal.note)
        _tell_once(session.terminal, result, as_json=as_json)
        return
    from gateway.daemon.service import Service

    Service(config).run(ready=lambda site: _tell_start(session.terminal, site))


def _standing(posting: PostingStory) -> str:
    """What became of a posting, with the number that the document has there."""
    state = posting.state + (f" ({posting.reason})" if posting.reason else "")
    return f"{state} as {posting.record_number}" if posting.record_number else state


def _tell_plan(session: Session) -> None:
    from gateway.exchange.prepared import prepare_route

    config, terminal = session.config(), session.terminal
    problems = list(config.problems)
    for name, spec in config.routes.items():
        try:
            prepare_route(config, spec)
        except ProblemsFound as error:
            problems += [problem for problem in error.problems if problem not in problems]
            continue
        where = spec.endpoint or f"{config.spool}/{name}/in"
        targets = ", ".join(f"{to.id} ({to.template})" for to in spec.to)
        does = f"ship to {targets}" if spec.answers_of is None else f"settle what {spec.answers_of} was sent"
        terminal.result(f"would read {name} from {where} by {spec.mapping} and {does}")
    terminal.problems(problems)
    if any(problem.level == "error" for problem in problems):
        terminal.result("next: mend what is said above; the routes that are listed run without the others")
        raise typer.Exit(ProblemsFound.exit_code)
    terminal.result("next: `gateway run`")


def _tell_start(terminal: Terminal, site: Site) -> None:
    terminal.problems(site.problems)
    for name, route in site.routes.items():
        where = route.spec.endpoint or str(site.spool.drop_folder(name))
        to = ", ".join(target.spec.id for target in route.targets) or f"answers of {route.spec.answers_of}"
        terminal.note(f"{name}: {where} → {to}")
    terminal.note(
        f"{plural(len(site.routes), 'route')} running; Ctrl-C stops, `gateway status` tells how it stands"
    )


def _tell_once(terminal: Terminal, result: Any, *, as_json: bool) -> None:
    status: SiteStatus = result.status
    if as_json:
        terminal.json({"exchanges": result.exchanges, "unreachable": result.unreachable, "status": status})
    else:
        terminal.problems(status.problems)
        if result.exchanges:
            _exchange_table(terminal, result.exchanges)
        for name, reason in result.unreachable.items():
            terminal.note(f"{name}: {printable(reason)}")
        terminal.result(status.summary)
        if status.matters:
            do = status.matters[0].do
            do = f"`{do}`" if do.startswith("gateway ") else do
            terminal.result(f"next: {do}; `gateway status` shows all")
        elif status.problems:
            terminal.result("next: mend the configuration; `gateway check` tells what is wrong")
    if result.unreachable:
        raise typer.Exit(6)
    if any(line.state == "failed" for line in result.exchanges) or any(route.failed for route in status.routes):
        raise typer.Exit(5)
    if any(line.set_aside for line in result.exchanges) or status.problems:
        raise typer.Exit(3)


def status(
    context: typer.Context,
    as_json: Json = False,
    limit: Annotated[int, typer.Option(help="How many exchanges are listed.")] = 10,
    route: Annotated[str, typer.Option(help="Exchanges of this route only.")] = "",
) -> None:
    """Tell how the site stands: the routes, what waits for a person, the newest exchanges."""
    from gateway.exchange.reports import local_time, recent_exchanges, site_status

    session = session_of(context)
    terminal = session.terminal
    site = _site(session)
    if route and route not in site.config.routes:
        raise UsageError(f"there is no route `{route}`; {_known(site.config.routes)}")
    try:
        found = site_status(site, running=site.spool.is_locked())
        lines = recent_exchanges(site, limit=limit, route=route or None)
    finally:
        site.close()
    if as_json:
        terminal.json({"status": found, "exchanges": lines})
        return
    terminal.result(found.summary)
    terminal.result("" if found.running else "the gateway is not running: `gateway run` starts it\n")
    heads = (
        "ROUTE",
        "STATE",
        "LAST OK",
        "SENT TODAY",
        "WAITING",
        "IN DOUBT",
        "FAILED",
        "HELD",
        "SET ASIDE",
        "NEXT",
    )
    terminal.table(
        heads,
        [
            (
                r.route,
                r.state,
                local_time(r.last_ok),
                r.sent_today,
                r.waiting,
                r.in_doubt,
                r.failed,
                r.held,
                r.set_aside,
                r.next,
            )
            for r in found.routes
        ],
        only_if_any=("WAITING", "IN DOUBT", "FAILED", "HELD", "SET ASIDE"),
    )
    for route_status in found.routes:
        if route_status.problem is not None:
            terminal.result(f"{route_status.route}: {one_line(route_status.problem)}")
    if found.matters:
        terminal.result("")
        terminal.table(
            ("WAITS FOR YOU", "NAME", "ROUTE", "SINCE", "WHY", "DO"),
            [(m.what, m.name, m.route, local_time(m.since), _short(m.reason), m.do) for m in found.matters],
        )
    if lines:
        terminal.result("")
        _exchange_table(terminal, lines)
    if found.problems:
        terminal.result("next: mend the configuration; `gateway check` tells what is wrong")
    elif found.matters:
        terminal.result(f"next: `{found.matters[0].do}`")
    elif lines:
        terminal.result(f"next: `gateway show {lines[0].id}`")
    else:
        terminal.result("next: drop a file into a drop folder (spool/ROUTE/in)")


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(names) or 'none'}"


def _exchange_table(terminal: Terminal, lines: list[Any]) -> None:
    from gateway.exchange.reports import local_time

    terminal.table(
        (*("EXCHANGE", "ROUTE", "RECEIVED", "INPUT", "STATE", "RECORDS", "NEW"), *_COUNTS),
        [
            (
                x.id,
                x.route,
                local_time(x.received_at),
                x.input,
                x.state,
                x.records,
                x.new,
                x.changed,
                x.same,
                x.left_out,
                x.set_aside,
            )
            for x in lines
        ],
        only_if_any=_COUNTS,
    )


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID", help="An exchange, a delivery, an order number or a product code.")
    ],
    as_json: Json = False,
) -> None:
    """Tell the whole story of one exchange, delivery, order or product."""
    from gateway.cli.products import tell_product
    from gateway.exchange.products import product_story
    from gateway.exchange.reports import stories

    session = session_of(context)
    site = _site(session)
    found: list[Story] = []
    try:
        product = product_story(site, name)
        try:
            found = stories(site, name)
        except UsageError:
            if product is None:
                raise
    finally:
        site.close()
    if as_json:
        session.terminal.json(found if product is None else {"product": product, "exchanges": found})
        return
    for story in found:
        _tell_story(session.terminal, story)
    if found:
        session.terminal.result(f"next: {found[-1].next}")
    if product is not None:
        tell_product(session.terminal, product)


def _tell_story(terminal: Terminal, story: Story) -> None:
    from gateway.clock import from_text
    from gateway.diagnostics import from_json, render
    from gateway.exchange.reports import local_day

    line = story.exchange
    terminal.result(
        terminal.bold(f"exchange {line.id}")
        + f"  {line.route}  {line.state}  {printable(line.input)}  {story.size} bytes  sha256 {story.sha256[:12]}…"
    )
    if story.emptied_at is not None:
        day = local_day(story.emptied_at)
        terminal.result(f"  its contents were removed by retention on {day}; what became of it stays known")
    for happening in story.timeline:
        at = from_text(happening.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
        detail = ", ".join(f"{k} {_shown(v)}" for k, v in happening.detail.items() if v not in (None, "", {}))
        terminal.result(f"  {at}  {happening.event:<12} {printable(detail)}")
    if story.deliveries:
        terminal.result("")
        terminal.table(
            ("  DELIVERY", "TARGET", "NAME", "STATE", "ATTEMPTS"),
            [("  " + d["id"], d["target"], d["name"], d["state"], d["attempts"]) for d in story.deliveries],
        )
    if story.postings:
        terminal.result("")
        terminal.table(
            ("  DOCUMENT", "TARGET", "STATE", "IDS"),
            [("  " + p.key, p.target, _standing(p), p.item_id) for p in story.postings],
        )
    forgotten = {posting.key: posting.forgotten_at for posting in story.postings if posting.forgotten_at}
    for key, at in forgotten.items():
        terminal.result(
            f"\n{key} was forgotten on {local_day(at)}: its contents were erased, its number stays known"
        )
    problems: list[Problem] = list(story.problems)
    problems += [problem for posting in story.postings for problem in posting.problems]
    problems += [from_json(p) for d in story.deliveries for p in d["problems"]]
    problems += [from_json(p) for q in story.set_aside for p in q["problems"]]
    for problem in dict.fromkeys(problems):
        terminal.result("\n" + render(problem, colour=terminal.colour_out))
    for aside in story.set_aside:
        if aside["resolved_by"]:
            terminal.result(f"\n{aside['name']} was set aside and is in order since {aside['resolved_by']}")
        elif aside["file"]:
            seen = "once" if aside["count"] == 1 else f"{aside['count']} times"
            terminal.result(f"\nset aside: {aside['file']} (seen {seen})")
    terminal.result("")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {count}" for key, count in value.items() if count)
    return str(value)


def retry(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Exchanges, deliveries or order numbers.")] = None,
    route: Annotated[str, typer.Option(help="Everything of a route that did not go through.")] = "",
    send_again: Annotated[
        bool, typer.Option("--send-again", help="Send a delivery in doubt once more, also where nobody finds it.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Try again what failed, is set aside or is in doubt."""
    if not names and not route:
        raise UsageError("retry needs an id, an order number or --route; `gateway status` lists what waits")
    _request(
        context,
        "retry",
        names or [],
        dry_run=dry_run,
        as_json=as_json,
        route=route or None,
        send_again=send_again,
    )


def hold(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Routes or targets.")],
    reason: Annotated[str, typer.Option(help="Why, for the others.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Stop routes or targets until they are released."""
    _request(context, "hold", names, dry_run=dry_run, as_json=as_json, reason=reason)


def release(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Routes, targets, exchanges, deliveries or order numbers.")],
    drop: Annotated[bool, typer.Option("--drop", help="Settle it without sending anything.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let go on what is held; with --drop settle it without sending."""
    _request(context, "release", names, dry_run=dry_run, as_json=as_json, drop=drop)


def adopt(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="ROUTE...", help="Routes.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Call everything known that lies at a route's source now, and send none of it (first contact with a shop)."""
    _request(context, "adopt", names, dry_run=dry_run, as_json=as_json)


def forget(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="ORDER...", help="Order numbers.")] = None,
    email: Annotated[str, typer.Option(help="All orders with this e-mail address.")] = "",
    route: Annotated[str, typer.Option(help="The route of the shop, where several shops have the number.")] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Erase a person's data; the order numbers stay known, so that nothing is sent a second time."""
    if not names and not email.strip():
        raise UsageError(
            "forget needs order numbers or --email; begin with --dry-run, because nothing brings it back"
        )
    _request(
        context,
        "forget",
        names or [],
        dry_run=dry_run,
        as_json=as_json,
        route=route or None,
        email=email.strip() or None,
    )


def resend(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Order numbers or postings.")],
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Under ids that the receiver does not know: it books it once more.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Send a document once more under new ids, after it was deleted at its receiver."""
    if not as_new:
        raise UsageError(
            "resend needs --as-new: the receiver books the document once more, so delete the first one there. "
            "`gateway retry` sends it under the ids that it has"
        )
    _request(context, "resend", names, dry_run=dry_run, as_json=as_json)


def resync(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Targets of products, stock and prices, or routes to them.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tell a target of all products, stock and prices anew."""
    _request(context, "resync", names, dry_run=dry_run, as_json=as_json)


def _request(
    context: typer.Context,
    action: Action,
    names: list[str],
    *,
    dry_run: bool,
    as_json: bool,
    route: str | None = None,
    reason: str = "",
    drop: bool = False,
    send_again: bool = False,
    email: str | None = None,
) -> None:
    from gateway.exchange import requests
    from gateway.exchange.naming import Arguments
    from gateway.store.spool import Spool

    session = session_of(context)
    config = session.config()
    arguments = Arguments(tuple(names), route, reason, drop, send_again, email)
    actor = getpass.getuser()
    if dry_run or Spool(config.spool).is_locked():
        site = _site(session)
        try:
            steps = requests.carry_out(site, actor, action, arguments, dry_run=True)
            lines = steps if dry_run else _ask(session, site, actor, action, arguments)
        finally:
            site.close()
    else:
        from gateway.daemon.opening import opened

        opening: AbstractContextManager[Site] = opened(config)
        with opening as site:
            lines = requests.carry_out(site, actor, action, arguments)
    if as_json:
        session.terminal.json({"action": action, "dry_run": dry_run, "lines": lines})
        return
    for line in lines:
        session.terminal.result(printable(line))
    running = "`gateway status` tells how it stands"
    session.terminal.result(f"next: {'the same without --dry-run' if dry_run else running}")


def _ask(session: Session, site: Site, actor: str, action: Action, arguments: Any) -> list[str]:
    """Leave the request with the running gateway and wait for its answer."""
    from gateway.exchange import requests

    number = requests.ask(site, actor, action, arguments)
    session.terminal.note("asked the running gateway")
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        answer = requests.answer(site, number)
        if answer is not None:
            return answer
        time.sleep(0.1)
    return [f"request {number} is left with the running gateway; it has not come to it yet"]


def _site(session: Session) -> Site:
    """The site for reading beside a running daemon, without its lock."""
    from gateway.exchange.site import Site

    return Site(session.config())
