"""The entry of a route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.workbench.site_setup.insertion import Entry
from gateway.workbench.site_setup.wishes import Wish
from gateway.workbench.site_setup.yaml_text import flow, line, said_by, scalar

SWITCHED_OFF = "delete this line once `gateway status` shows what you expect"


class Followed(msgspec.Struct, frozen=True):
    """The names that a route speaks of. endpoint: it takes its inputs from, none = its drop folder.

    asked: the target whose program is asked, with the template of the request. listing: of an API.
    """

    endpoint: str | None
    asked: tuple[str, str] | None
    listing: str | None
    mapping: str
    target: str
    template: str
    schema: str | None
    drop_folder: str


def route_entry(wish: Wish, names: Followed, *, with_merchant: bool) -> Entry:
    """The route as it is written."""
    lines = [
        *_about(wish, names),
        f"{wish.name}:",
        *([line(1, f"merchant: {wish.merchant}")] if with_merchant else []),
        line(1, f"origin: {scalar(wish.origin)}", _origin_says(wish)),
        *_from(wish, names),
        *_when(wish),
        line(1, f"mapping: {scalar(names.mapping)}"),
        *_care(wish),
        *_states(wish),
    ]
    to = {"target": names.target, "template": names.template, **({"schema": names.schema} if names.schema else {})}
    lines.append(line(1, f"to: [{flow(to)}]"))
    return Entry(("routes",), wish.name, tuple(lines), said_by(wish.name, lines))


def _about(wish: Wish, names: Followed) -> Iterator[str]:
    shop, program = wish.journey.platform.model.name, wish.accounting.upper()
    ends = f"{shop} → {program}" if wish.journey.direction == "out" else f"{program} → {shop}"
    yield f"# {ends}: {wish.journey.cargo}"
    if names.endpoint is None and names.asked is None:
        yield f"# Put the files into its drop folder, {names.drop_folder}"


def _origin_says(wish: Wish) -> str:
    if wish.journey.kind == "product" and wish.journey.direction == "in":
        return "whose stock list this is"
    return "the shop that numbers the orders; two routes of one shop share it"


def _from(wish: Wish, names: Followed) -> Iterator[str]:
    if names.asked is not None:
        target, template = names.asked
        yield line(1, "from:")
        yield line(2, f"ask: {flow({'target': target, 'template': template})}", "docs/pohoda-out.md")
        return
    if names.endpoint is None and not wish.files:
        return
    yield line(1, "from:")
    if names.endpoint is not None:
        yield line(2, f"endpoint: {scalar(names.endpoint)}")
    if names.listing is not None:
        yield line(2, f"list: {scalar(names.listing)}")
        return
    if wish.source.kind == "http":
        yield (
            line(2, f"folder: {scalar(wish.source.folder)}", "the path of the feed") if wish.source.folder else ""
        )
        return
    if wish.source.folder:
        yield line(2, f"folder: {scalar(wish.source.folder)}")
    if wish.files:
        yield line(2, f"files: {_list(wish.files)}", "one mask or a list")
    if names.endpoint is not None:
        yield line(2, "# after: {move: done}", "what is done with a file that was taken in; or delete, or keep")


def _when(wish: Wish) -> Iterator[str]:
    if wish.schedule:
        yield line(1, f"schedule: {_list(wish.schedule)}", "set times, or cron lines")
    elif wish.every:
        yield line(1, f"every: {scalar(wish.every)}", "how often it is asked")


def _care(wish: Wish) -> Iterator[str]:
    if wish.since is not None:
        yield line(1, f"since: {wish.since.isoformat()}", "older ones are left out")
    if wish.rehearsal:
        yield line(1, "rehearsal: true", f"nothing is shipped; {SWITCHED_OFF}")


def _states(wish: Wish) -> Iterator[str]:
    if wish.journey.kind != "order_state":
        return
    yield line(1, "states:", "write the shop's own names on the right; the first whose condition holds")
    yield line(2, "- {when: cancelled, is: Stornována}")
    yield line(2, "- {when: delivered, is: Vyřízena}")


def _list(values: Sequence[str]) -> str:
    if len(values) == 1:
        return scalar(values[0])
    return f"[{', '.join(scalar(value) for value in values)}]"
