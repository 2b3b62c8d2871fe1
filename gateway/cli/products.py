"""How `gateway show` tells of a product."""

from __future__ import annotations

from gateway.cli.terminal import Terminal
from gateway.diagnostics import printable
from gateway.exchange.products import ProductStory, ToldRow


def tell_product(terminal: Terminal, story: ProductStory) -> None:
    """The catalogue's rows of the code, what each target was told, and the problems."""
    from gateway.diagnostics import render
    from gateway.exchange.reports import local_time

    terminal.result(terminal.bold(f"product {story.sku}"))
    if story.known:
        terminal.result("")
        terminal.table(
            ("  KIND", "ROUTE", "SINCE", "SAYS"),
            [
                (
                    "  " + row.kind,
                    row.route,
                    local_time(row.changed_at),
                    printable(", ".join(f"{name} {value}" for name, value in row.values.items()))[:100]
                    + (f" (gone since {local_time(row.gone_at)})" if row.gone_at else ""),
                )
                for row in story.known
            ],
        )
    if story.told:
        terminal.result("")
        terminal.table(
            ("  TARGET", "STATE", "PIECES", "TOLD AT", "DELIVERY"),
            [
                (
                    "  " + row.target,
                    _standing(row),
                    row.quantity or "-",
                    local_time(row.delivered_at),
                    row.delivery or "-",
                )
                for row in story.told
            ],
        )
    for row in story.told:
        for problem in row.problems:
            terminal.result("\n" + render(problem, colour=terminal.colour_out))
    terminal.result("")
    terminal.result(f"next: {_next(story)}")


def _standing(row: ToldRow) -> str:
    why = f" ({row.reason})" if row.reason else ""
    return f"{row.state.replace('_', ' ')}{why}{', a change waits' if row.waits else ''}"


def _next(story: ProductStory) -> str:
    troubled = next((row for row in story.told if row.problems and row.state == "problem"), None)
    if troubled is not None:
        return f"mend what the problem names; then `gateway resync {troubled.target}`"
    return "nothing; `gateway resync TARGET` tells a target of everything anew"
