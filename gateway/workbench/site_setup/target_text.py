"""The entry of a target, with what its accounting program or shop usually needs."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.workbench.site_setup.insertion import Entry, Path
from gateway.workbench.site_setup.journeys import Journey
from gateway.workbench.site_setup.wishes import Wish
from gateway.workbench.site_setup.yaml_text import line, said_by, scalar

_PAYMENTS_OF_POHODA = {
    "cash": "Hotově",
    "cash_on_delivery": "Dobírkou",
    "bank_transfer": "Příkazem",
    "card": "Plat.kartou",
    "card_on_delivery": "Plat.kartou",
    "online": "Plat.kartou",
}


def accounting_target(
    block: Path, name: str, endpoint: str, wish: Wish, company_id: str | None, *, is_service: bool
) -> Entry:
    """A target of an accounting program, for what the shop sends. company_id: where it is not the merchant's."""
    program = wish.accounting.upper()
    lines = [
        f"# {program}: where the gateway puts what it is to import",
        f"{name}:",
        line(1, f"endpoint: {scalar(endpoint)}"),
    ]
    if not is_service and wish.target.folder:
        lines.append(line(1, f"folder: {scalar(wish.target.folder)}"))
    if wish.journey.kind == "product":
        lines += _offers(wish.journey, full=False)
    elif wish.accounting == "profit":
        lines.append(line(1, f"file_name: {wish.journey.slug}.xml", "the name that PROFIT is told once"))
    lines += [*_settings(wish, company_id, is_service=is_service), *_lookups(wish)]
    return Entry(block, name, tuple(lines), said_by(name, lines))


def asked_target(
    block: Path, name: str, endpoint: str, wish: Wish, company_id: str | None, *, is_service: bool
) -> Entry:
    """A target of POHODA that is asked for its data."""
    lines = ["# POHODA, which is asked for its data", f"{name}:", line(1, f"endpoint: {scalar(endpoint)}")]
    if not is_service:
        folder = wish.source.folder
        answers = _answers_of(folder)
        lines += [line(1, f"folder: {scalar(folder)}")] if folder else []
        lines.append(
            line(
                1,
                f"answers: {{folder: {scalar(answers)}}}",
                "where POHODA puts its answers: docs/pohoda-folder.md",
            )
        )
    if company_id:
        lines.append(line(1, f"settings: {{company_id: {scalar(company_id)}}}"))
    return Entry(block, name, tuple(lines), said_by(name, lines))


def shop_target(block: Path, name: str, endpoint: str, wish: Wish, *, is_service: bool) -> Entry:
    """A target that tells a shop or a comparison site of products or of states of orders."""
    journey = wish.journey
    lines = [
        f"# {journey.platform.model.name} is told: {journey.cargo}",
        f"{name}:",
        line(1, f"endpoint: {scalar(endpoint)}"),
    ]
    if not is_service and wish.target.folder:
        lines.append(line(1, f"folder: {scalar(wish.target.folder)}"))
    if journey.kind == "product" and not is_service:
        own = wish.target.files or f"{name}.xml"
        lines.append(
            line(1, f"file_name: {scalar(own)}", "a stable name: each file takes the place of the one before")
        )
    if journey.kind == "product":
        lines += _offers(journey, full=not is_service)
    return Entry(block, name, tuple(lines), said_by(name, lines))


def _answers_of(folder: str) -> str:
    """Where POHODA usually puts its answers to what lies in a folder."""
    return f"{folder.rstrip('/')}/response" if folder else "response"


def _offers(journey: Journey, *, full: bool) -> Iterator[str]:
    yield line(1, "offers:", "docs/offers.md lists the options and the rules")
    if full:
        yield line(2, "mode: full", "a file with everything each time; or changes")
    else:
        yield line(2, "mode: changes", "only what changed")
    yield line(2, "every: 5 min", "changes are gathered for this long")
    if journey.direction == "in":
        yield line(
            2, '# rules: {warehouses: [ZBOŽÍ], whole_pieces: true, markup: "10", leave_out: on_internet == false}'
        )


def _settings(wish: Wish, company_id: str | None, *, is_service: bool) -> Iterator[str]:
    if wish.accounting == "pohoda" and not is_service:
        answers = _answers_of(wish.target.folder)
        yield line(1, f"# answers: {{folder: {answers}}}", "where POHODA puts its answers: docs/pohoda-folder.md")
    own = [line(2, f"company_id: {scalar(company_id)}")] if company_id else []
    if wish.accounting == "pohoda":
        yield line(1, "settings:", "docs/pohoda.md lists them all")
        yield from own
        yield line(2, "home_country: CZ", "or SK, whose currency is EUR")
        if wish.journey.kind == "order":
            yield line(2, "# number_series: 26OP", "the prefix of the number series of orders")
            yield line(2, "# store: ZBOŽÍ", "the store in which stock items are looked for")
    else:
        yield line(1, "settings:", "docs/profit.md lists them all")
        yield from own
        yield line(2, "pack: 500", "this many documents in one file")


def _lookups(wish: Wish) -> Iterator[str]:
    if wish.journey.kind not in ("order", "invoice"):
        return
    if wish.accounting == "pohoda":
        yield line(1, "lookups:", "our code on the left, the name in your POHODA on the right")
        yield line(2, "payment:")
        for code, name in _PAYMENTS_OF_POHODA.items():
            yield line(3, f"{code}: {scalar(name)}")
        yield line(2, "# carrier: {packeta: Zásilkovna, ppl: PPL}", "they must exist in POHODA's list of carriers")
        return
    yield line(1, "# lookups:", "our code on the left, the name in your PROFIT on the right")
    yield line(1, "#   payment: {cash: Hotově, cash_on_delivery: Dobírka, bank_transfer: Převodem, card: Kartou}")
    yield line(1, "#   carrier: {packeta: Zásilkovna, ppl: PPL}")
