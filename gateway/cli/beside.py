"""Works that a copy of this process does its part of, where that is safe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_MOST = 4096
"""How many works are shared out, the others are done here: a pipe takes a token of each at once on every Linux."""


def shared_out(works: Sequence[Callable[[], T]]) -> list[T]:
    """The results of works, in their order. Raises what one of them raised.

    This process begins with the first and its copy with the last, until they meet: works that have something in
    common should stand together. Where copying is not safe, or there is one core only, all are done here.
    """
    from gateway.exchange.crew import is_safe_to_copy

    if not is_safe_to_copy() or (os.cpu_count() or 1) < 2:
        return [work() for work in works]
    import multiprocessing

    context: Any = multiprocessing.get_context("fork")
    sys.stdout.flush()  # a copy would write it once more
    sys.stderr.flush()
    tokens = _tokens(min(len(works), _MOST))
    here, there = context.Pipe(duplex=False)
    copy = context.Process(target=_do, args=(there, tokens, works[::-1]), daemon=True)
    copy.start()
    there.close()
    try:
        first = _done(tokens, works)
        last = _answer(here)[::-1]
        between = works[len(first) : len(works) - len(last)]  # there are some where the copy was ended by somebody
        return [*first, *(work() for work in between), *last]
    finally:
        os.close(tokens)
        here.close()
        copy.terminate()
        copy.join(timeout=10)


def _tokens(count: int) -> int:
    """A pipe with so many tokens in it: whoever takes one does the next work from his end."""
    reading, writing = os.pipe()
    os.write(writing, b"." * count)
    os.close(writing)
    return reading


def _done(tokens: int, works: Sequence[Callable[[], T]]) -> list[T]:
    """The results of works from the first one on, while there are tokens."""
    results: list[T] = []
    while os.read(tokens, 1):
        results.append(works[len(results)]())
    return results


def _do(pipe: Any, tokens: int, works: Sequence[Callable[[], object]]) -> None:
    try:
        results = _done(tokens, works)
    except KeyboardInterrupt:
        return
    except Exception as error:  # noqa: BLE001 - raised where the results are waited for
        pipe.send((False, error))
    else:
        pipe.send((True, results))


def _answer(pipe: Any) -> list[Any]:
    """The results of the copy; none where it has ended without a word. Raises what it raised."""
    try:
        is_good, answer = pipe.recv()
    except (EOFError, OSError):
        return []
    if not is_good:
        raise answer
    results: list[Any] = answer
    return results
