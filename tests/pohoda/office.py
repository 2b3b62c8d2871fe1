"""One accounting unit that works through a folder, as `Pohoda.exe /XML` does: every *.xml in it, pass after pass.

The requests stay where they are, so whatever still lies there is imported again by the next pass; only the check
for duplicates keeps it from being booked twice. An answer has the name of its request, in the folder `response`.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.pohoda.answering import Manners, Mood, Unit
from tests.pohoda.books import BookedOrder, Books

__all__ = ["BAD_MOODS", "BookedOrder", "Manners", "Mood", "Office", "working"]

BAD_MOODS = tuple(mood for mood in Mood if mood is not Mood.FINE)
PAGE = b"<!DOCTYPE html>\n<html><head><title>502</title></head><body><p>Bad Gateway<br></body></html>\n"


@dataclass
class _Owed:
    """An answer that is not out yet, and how many passes it still takes."""

    answer: bytes
    passes: int


class Office:
    """The unit, its folders and its moods. What it owes lives in memory, what it booked in its journal.

    The journal lies beside the folder unless `books` says where. `unknown_stock` and `unknown_payments` are codes
    that the unit lacks (it knows all others; `office.unit` takes other sets later); `vendor` is a folder with
    POHODA's own schemas, by which items are checked besides ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        answers: Path | None = None,
        books: Path | None = None,
        company_id: str = "12345678",
        check_duplicity: bool = True,
        unknown_stock: Iterable[str] = (),
        unknown_payments: Iterable[str] = (),
        payment_instead: str = "",
        vendor: Path | None = None,
        manners: Manners | None = None,
        slow_passes: int = 2,
        today: Callable[[], date] = lambda: date(2026, 11, 20),
    ) -> None:
        self.folder = folder
        self.answers = answers or folder / "response"
        if self.answers.resolve() == folder.resolve():
            raise ValueError("the answers need a folder of their own: they bear the names of the requests")
        self.check_duplicity = check_duplicity
        self.slow_passes = slow_passes
        self.log: list[tuple[str, Mood]] = []  # every file of every pass, and how it went
        self.unit = Unit(
            Books(books or folder.with_name(f"{folder.name}.books.jsonl")),
            company_id=company_id,
            unknown_stock=unknown_stock,
            unknown_payments=unknown_payments,
            payment_instead=payment_instead,
            vendor=vendor,
            manners=manners,
            today=today,
        )
        self._mood: Callable[[str], Mood] = lambda _: Mood.FINE
        self._owed: dict[str, _Owed] = {}
        self._lock = threading.Lock()

    # -- its books -----------------------------------------------------------------------------------------

    @property
    def orders(self) -> dict[str, list[BookedOrder]]:
        """What is in the agenda, by the shop's number; also what another process has booked into it."""
        return self.unit.books.orders()

    def doubled(self) -> list[str]:
        """The shop's numbers that are in the agenda more than once."""
        return sorted(order for order, booked in self.orders.items() if len(booked) > 1)

    def delete(self, number: str) -> None:
        """A person deletes the order with this number of POHODA's. Raises LookupError where there is none."""
        self.unit.books.delete(number)

    # -- its moods -----------------------------------------------------------------------------------------

    def always(self, mood: Mood) -> None:
        """From now on every file goes like this."""
        self._mood = lambda _: mood

    def in_turn(self, *moods: Mood) -> None:
        """The next files go like these, one after the other; then all is fine again."""
        left = iter(moods)
        self._mood = lambda _: next(left, Mood.FINE)

    def for_file(self, decide: Callable[[str], Mood]) -> None:
        """The name of a file decides how it goes, each time it is read."""
        self._mood = decide

    def by_chance(self, seed: int, *, percent: int = 40, among: Sequence[Mood] = BAD_MOODS) -> None:
        """So many of a hundred files go one of these ways, by a seed."""
        chance = random.Random(seed)

        def draw(_: str) -> Mood:
            return chance.choice(among) if chance.randrange(100) < percent else Mood.FINE

        self._mood = draw

    # -- its work ------------------------------------------------------------------------------------------

    def work(self) -> int:
        """One pass over the folder; how many answers it wrote (a half one does not count)."""
        with self._lock:
            self.answers.mkdir(parents=True, exist_ok=True)
            waiting = set(self._owed)
            answered = self._pay()
            for path in self._requests():
                if path.name in waiting:
                    continue
                try:
                    request = path.read_bytes()
                except FileNotFoundError:  # taken away since the folder was listed
                    continue
                mood = self._mood(path.name)
                self.log.append((path.name, mood))
                answer = self.unit.answer(request, check_duplicity=self.check_duplicity, mood=mood)
                if mood is Mood.CRASH:
                    self._owed.clear()
                    break
                answered += self._put_out(path.name, answer, mood)
            return answered

    def _requests(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        names = [path for path in self.folder.iterdir() if path.suffix.lower() == ".xml" and path.name[0] != "."]
        return sorted(path for path in names if path.is_file())

    def _pay(self) -> int:
        """The answers that are due by now."""
        for owed in self._owed.values():
            owed.passes -= 1
        due = [name for name, owed in self._owed.items() if owed.passes <= 0]
        for name in due:
            self._write(name, self._owed.pop(name).answer)
        return len(due)

    def _put_out(self, name: str, answer: bytes, mood: Mood) -> int:
        if mood is Mood.SILENT:
            return 0
        if mood is Mood.SLOW:
            self._owed[name] = _Owed(answer, self.slow_passes)
            return 0
        if mood is Mood.CUT:
            self._owed[name] = _Owed(answer, 1)
            (self.answers / name).write_bytes(answer[: len(answer) // 2])
            return 0
        self._write(name, PAGE if mood is Mood.HTML else answer)
        return 1

    def _write(self, name: str, answer: bytes) -> None:
        temporary = self.answers / f".{name}.tmp"
        temporary.write_bytes(answer)
        os.replace(temporary, self.answers / name)  # noqa: PTH105 -- it must replace the answer of an earlier pass


@contextmanager
def working(office: Office, *, every: int = 20) -> Iterator[Office]:
    """The office at work in a thread of its own until the block ends, with a pause of so many milliseconds."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                office.work()
                stop.wait(every / 1000)
        except BaseException as error:  # noqa: BLE001 -- told by the block, not lost in the thread
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield office
    finally:
        stop.set()
        thread.join(timeout=30)
    if failures:
        raise failures[0]
