"""What an accounting unit remembers: its orders, and which items of which packs it has imported ever."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True)
class BookedOrder:
    """One received order as it stands in the agenda."""

    id: int
    number: str
    order: str  # numberOrder: the shop's own number
    pack: str
    item: str
    total: Decimal  # of the items, in the prices as they were written: with VAT where the request says payVAT
    payment: str
    imported_on: date


class Books:
    """A journal, one JSON line for each event: what was written stays after a kill, a torn last line does not.

    One process at a time writes, as with a unit of POHODA; others may read meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._read = 0  # bytes of whole lines
        self._orders: list[BookedOrder] = []
        self._deleted: set[int] = set()
        self._by_item: defaultdict[tuple[str, str], list[BookedOrder]] = defaultdict(list)
        self._numbers: defaultdict[str, int] = defaultdict(int)  # of each series
        self.refresh()

    def refresh(self) -> None:
        """Read what another process has written since."""
        with self._lock:
            if not self.path.exists() or self.path.stat().st_size <= self._read:
                return
            with self.path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._take(json.loads(line))
                    self._read += len(line)

    def orders(self) -> dict[str, list[BookedOrder]]:
        """What is in the agenda now, by the shop's number: one list entry for each time it was booked."""
        with self._lock:
            self.refresh()
            found: dict[str, list[BookedOrder]] = {}
            for booked in self._orders:
                if booked.id not in self._deleted:
                    found.setdefault(booked.order, []).append(booked)
            return found

    def imported(self, pack: str, item: str) -> list[BookedOrder]:
        """What this pair of ids has led to, deleted or not."""
        with self._lock:
            return list(self._by_item[pack, item])

    def is_there(self, booked: BookedOrder) -> bool:
        return booked.id not in self._deleted

    def book(
        self, *, series: str, order: str, pack: str, item: str, total: Decimal, payment: str, imported_on: date
    ) -> BookedOrder:
        """Give an order its id and number, and write it down."""
        with self._lock:
            self.refresh()
            count = self._numbers[series] + 1
            booked = BookedOrder(
                id=len(self._orders) + 1,
                number=f"{series}{count:05}",
                order=order,
                pack=pack,
                item=item,
                total=total,
                payment=payment,
                imported_on=imported_on,
            )
            as_text = asdict(booked) | {"total": str(total), "imported_on": imported_on.isoformat()}
            self._write({"booked": as_text, "series": series})
            return booked

    def delete(self, number: str) -> None:
        """A person deletes an order; that it was imported once stays known."""
        with self._lock:
            self.refresh()
            meant = [each for each in self._orders if each.number == number and self.is_there(each)]
            if not meant:
                raise LookupError(f"there is no order {number}")
            self._write({"deleted": meant[0].id})

    def _write(self, event: dict[str, object]) -> None:
        line = json.dumps(event, ensure_ascii=False).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        with self.path.open("r+b", buffering=0) as file:
            file.truncate(self._read)
            file.seek(self._read)
            file.write(line)
        self._read += len(line)
        self._take(json.loads(line))

    def _take(self, event: dict[str, object]) -> None:
        if "deleted" in event:
            assert isinstance(event["deleted"], int)
            self._deleted.add(event["deleted"])
            return
        values = event["booked"]
        assert isinstance(values, dict)
        values |= {"total": Decimal(values["total"]), "imported_on": date.fromisoformat(values["imported_on"])}
        booked = BookedOrder(**values)
        self._orders.append(booked)
        self._by_item[booked.pack, booked.item].append(booked)
        self._numbers[str(event["series"])] += 1
