"""What the fault tests have done, added up over a whole run and printed at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

Figures = Counter[str]
PROPERTY = "faults"


def of_orders(expected: Iterable[str], arrived: Sequence[str]) -> Figures:
    """How many orders there were, and how many of them were lost or came twice."""
    wanted, got = set(expected), set(arrived)
    return Counter(orders=len(wanted), lost=len(wanted - got), doubled=len(arrived) - len(got))


def told(figures: Figures) -> str:
    """The figures of a run in one line."""
    counted = ", ".join(f"{figures[name]} {name}" for name in ("faults", "kills", "orders"))
    return f"injected: {counted}; {figures['lost']} orders lost, {figures['doubled']} doubled"
