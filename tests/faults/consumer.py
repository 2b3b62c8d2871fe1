"""An accounting program as unpleasant as they come: it takes a file the moment it appears, whole or not."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

_NUMBER = re.compile(rb"<ord:numberOrder>([^<]*)</ord:numberOrder>")


@dataclass
class Consumer:
    """What it took: the order numbers, one for each time an order came, and the files that were no whole XML."""

    folder: Path
    taken: Path
    numbers: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Take what is there now."""
        for path in sorted(self.folder.glob("*.xml")):
            own = self.taken / f"{len(list(self.taken.iterdir()))}-{path.name}"
            with contextlib.suppress(FileNotFoundError):
                path.rename(own)
                self._read(own)

    def leftovers(self) -> list[str]:
        """What lies in its folder that nobody will ever take."""
        return sorted(path.name for path in self.folder.iterdir())

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        self.numbers += [number.decode() for number in _NUMBER.findall(content)]
        try:
            etree.fromstring(content)
        except etree.XMLSyntaxError:
            self.halves.append(path.name)


@contextmanager
def consuming(folder: Path, taken: Path) -> Iterator[Consumer]:
    """A consumer at work in a thread of its own until the block ends."""
    consumer, stop = Consumer(folder, taken), threading.Event()

    def work() -> None:
        while not stop.is_set():
            consumer.look()
            stop.wait(0.002)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield consumer
    finally:
        stop.set()
        thread.join(timeout=10)
        consumer.look()
