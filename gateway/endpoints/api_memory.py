"""What is remembered between the files of calls of one target: ids over there, what was told, how far a file came.

All of it belongs to one address and platform: another shop is looked at anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from gateway.clock import Clock, from_text, to_text
from gateway.endpoints.base import Memory, ShortMemory

_KEPT = timedelta(hours=24)
_PROGRESS = "progress"


class Progress(msgspec.Struct):
    """How far a file came: the answers so far, and how often the call after them failed."""

    content: str
    answers: list[str] = msgspec.field(default_factory=list)
    failures: int = 0


class CallMemory:
    """The memory of one target for one shop."""

    def __init__(self, memory: Memory | None, clock: Clock, *shop: str) -> None:
        """shop: its address and platform."""
        self._memory = ShortMemory() if memory is None else memory
        self._clock = clock
        self._shop = shop

    def key(self, kind: str, *parts: object) -> str:
        """The key for what is remembered of these parts at this shop."""
        return f"{kind}-{sha256(repr((self._shop, parts)).encode()).hexdigest()[:20]}"

    def found(self, key: str) -> str | None:
        """The id that was found in the last 24 hours: empty where there was none, None where nobody looked."""
        kept = self._read(key)
        if not isinstance(kept, dict) or self._is_old(kept.get("at")):
            return None
        return str(kept.get("id", ""))

    def keep(self, key: str, record: str, holder: str | None = None) -> None:
        """Remember an id. holder: the key of what is known of that record; what it had before is forgotten."""
        if holder is not None:
            before = self._memory.get(holder)
            if before and before != key:
                self._memory.put(before, "")
            if before != key:
                self._memory.put(holder, key)
        self._memory.put(key, json.dumps({"id": record, "at": to_text(self._clock.now())}))

    def forget(self, keys: Iterable[str]) -> None:
        """These are looked for again."""
        for key in keys:
            self._memory.put(key, "")

    def was_told(self, key: str, value: str) -> bool:
        """Whether this is what was told last."""
        return self._memory.get(key) == value

    def tell(self, key: str, value: str) -> None:
        """Remember what was told last."""
        if self._memory.get(key) != value:
            self._memory.put(key, value)

    def progress(self, content: bytes) -> Progress:
        """How far this file came the last time; what is known of another file is of no use any more.

        Once another file was carried out, the same content is a wish to set the same values again.
        """
        digest = sha256(repr(self._shop).encode() + content).hexdigest()
        kept = self._read(_PROGRESS)
        if isinstance(kept, dict):
            if kept.get("content") == digest and not self._is_old(kept.get("at")):
                return Progress(digest, [str(each) for each in kept["answers"]], int(kept["failures"]))
            self.end_progress()
        return Progress(digest)

    def keep_progress(self, progress: Progress) -> None:
        """Remember how far the file came."""
        kept = {"content": progress.content, "answers": progress.answers, "failures": progress.failures}
        self._memory.put(_PROGRESS, json.dumps({**kept, "at": to_text(self._clock.now())}))

    def end_progress(self) -> None:
        """The file is through."""
        if self._memory.get(_PROGRESS):
            self._memory.put(_PROGRESS, "")

    def _read(self, key: str) -> object:
        text = self._memory.get(key)
        if not text:
            return None
        try:
            kept: object = json.loads(text)
        except ValueError:
            return None
        return kept

    def _is_old(self, at: object) -> bool:
        moment: datetime = from_text(str(at))
        return not timedelta() <= self._clock.now() - moment < _KEPT
