"""What can travel between a platform and an accounting program, one choice a journey."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from gateway import library, yamlfile
from gateway.errors import ProblemsFound, UsageError
from gateway.workbench.platforms import Platform, RowModel
from gateway.workbench.site_setup.addresses import Accounting

Direction = Literal["out", "in"]
NO_FORMAT = "no format is known"
_FOR_ACCOUNTING: dict[tuple[str, Accounting], tuple[str, str]] = {
    ("order", "pohoda"): ("pohoda/order", "pohoda/data"),
    ("order", "profit"): ("profit/order", "profit/order"),
    ("invoice", "pohoda"): ("pohoda/invoice", "pohoda/data"),
    ("invoice", "profit"): ("profit/invoice", "profit/invoice"),
    ("product", "pohoda"): ("pohoda/offer", "pohoda/data"),
}
_FROM_POHODA = {
    "order_state": ("pohoda/order_state", "pohoda-ask/request-orders"),
    "product": ("pohoda/product", "pohoda-ask/request-stock"),
}
_KINDS_OUT = {"orders out": "order", "products out": "product", "stock out": "stock"}


class Journey(msgspec.Struct, frozen=True):
    """One row of a platform: what travels together, by which files. words: those that name it for `--what`."""

    platform: Platform
    row: RowModel

    @property
    def direction(self) -> Direction:
        """`out` of the shop, or `in` to it."""
        return "out" if self.row.what[0].endswith(" out") else "in"

    @property
    def words(self) -> str:
        """What travels, for people."""
        return ", ".join(self.row.what)

    @property
    def cargo(self) -> str:
        """What travels, without the way."""
        return ", ".join(what.removesuffix(" out").removesuffix(" in") for what in self.row.what)

    @property
    def kind(self) -> str:
        """The kind of the documents that the route reads."""
        if self.direction == "out":
            return _KINDS_OUT[self.row.what[0]]
        return "order_state" if "order states in" in self.row.what else "product"

    @property
    def is_event(self) -> bool:
        """Whether each document travels once; of the others only the newest counts."""
        return self.kind in ("order", "invoice", "order_state")

    @property
    def slug(self) -> str:
        """A short name of what travels, for routes and targets."""
        if self.direction == "in" and self.row.template and "feed" in self.row.what:
            return self.row.template.rpartition("/")[2].partition("-")[2] or "feed"
        return {"order states in": "states"}.get(self.row.what[0], self.row.what[0].rpartition(" ")[0])

    @property
    def by_api(self) -> bool:
        """Whether it goes by the API of the shop and no other way."""
        return self.row.way == ("API",)


def journeys(platform: Platform) -> list[Journey]:
    """All journeys of a platform of which the format is known."""
    return [Journey(platform, row) for row in platform.model.travels if NO_FORMAT not in row.way]


def chosen(known: Iterable[Journey], word: str) -> list[Journey]:
    """The journeys that a word names: `orders`, `orders out`, `stock-in`. Raises UsageError."""
    every = list(known)
    wanted = " ".join(word.lower().replace("-", " ").replace("_", " ").split())
    wanted = "order states in" if wanted in ("order states", "states", "state") else wanted
    exact = [each for each in every if wanted in each.row.what or wanted == each.words]
    begun = [each for each in every if any(_short(what) in (wanted, f"{wanted}s") for what in each.row.what)]
    found = exact or begun
    names = list(dict.fromkeys(what for each in every for what in each.row.what))
    if not found:
        raise UsageError(f"--what {word}: {every[0].platform.id if every else 'it'} has {_listed(names)}")
    if len({each.direction for each in found}) > 1:
        both = [what for what in names if _short(what) == wanted]
        raise UsageError(
            f"--what {word}: say which way, {' or '.join(f'`--what {_dashed(what)}`' for what in both)}"
        )
    return found


def _short(what: str) -> str:
    return what.removesuffix(" out").removesuffix(" in")


def _dashed(what: str) -> str:
    return what.replace(" ", "-")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{_dashed(name)}`" for name in names) or "nothing that can be taken or written"


def for_accounting(journey: Journey, accounting: Accounting) -> tuple[str, str]:
    """The template and schema by which a program is written what comes out of the shop. Raises UsageError."""
    found = _FOR_ACCOUNTING.get((journey.kind, accounting))
    if found is not None:
        return found
    program = accounting.upper()
    if journey.kind == "stock":
        raise UsageError(
            f"`{journey.words}` cannot go into {program}: its import cannot set how many "
            "pieces there are (docs/offers.md)"
        )
    raise UsageError(f"`{journey.words}` cannot go into {program}: there is no template for it (docs/profit.md)")


def out_of_pohoda(journey: Journey) -> tuple[str, str]:
    """The mapping that reads what POHODA answers, and the request that asks for it."""
    return _FROM_POHODA[journey.kind]


def mask_of(mapping: str, site: Path) -> str:
    """The mask of the files that a mapping reads, such as `*.xml`."""
    for _ in range(9):
        path = library.find("mappings", mapping, ".yaml", site)
        try:
            data = yamlfile.read(path).data if path is not None else None
        except ProblemsFound:
            data = None
        data = data if isinstance(data, dict) else {}
        source = data.get("source")
        if isinstance(source, dict) and source.get("format"):
            return f"*.{source['format']}"
        mapping = str(data.get("extends") or "")
        if not mapping:
            break
    return "*.xml"
