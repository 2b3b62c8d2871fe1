"""Python source while it is written: lines, indentation, fresh names, and the objects that it uses by name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any


class Script:
    """One function that is being written. Foreign texts get into it by `repr`, everything else by name."""

    def __init__(self, head: str, constants: dict[str, Any]) -> None:
        self._lines = [head]
        self._depth = 1
        self._names = 0
        self._constants = constants
        self._shared: dict[Hashable, str] = {}

    def write(self, line: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + line)

    def use(self, name: str, value: Any) -> None:
        """Give an object a name that the writer chose, for what stands in lines as it is."""
        self._constants[name] = value

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines below a head such as `if x:`."""
        self.write(head)
        self._depth += 1
        yield
        self._depth -= 1

    def name(self, stem: str) -> str:
        """A name that is not used yet."""
        self._names += 1
        return f"{stem}{self._names}"

    def constant(self, stem: str, value: Any) -> str:
        """A name for an object."""
        name = self.name(stem.upper())
        self._constants[name] = value
        return name

    def shared(self, stem: str, key: Hashable, make: Callable[[], Any]) -> str:
        """The name of an object that is made once for a key."""
        if key not in self._shared:
            self._shared[key] = self.constant(stem, make())
        return self._shared[key]

    def compiled(self, name: str, shown_as: str) -> Any:
        """The function of that name."""
        source = "\n".join([*self._lines, ""])
        exec(compile(source, shown_as, "exec"), self._constants)  # noqa: S102 - ours; data comes in by name only
        return self._constants[name]
