"""Work that is done by another process at the same time, where that is safe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Begin some work in a copy of this process; gives what waits for its result, and raises what it raised.

    Where copying is not safe, or there is one core only, the work is done here when its result is asked for.
    """
    from gateway.exchange.crew import is_safe_to_copy

    if not is_safe_to_copy() or (os.cpu_count() or 1) < 2:
        yield work
        return
    import multiprocessing

    context: Any = multiprocessing.get_context("fork")
    sys.stdout.flush()  # a copy would write it once more
    sys.stderr.flush()
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(there, work), daemon=True)
    process.start()
    there.close()
    try:
        yield lambda: _result(here, work)
    finally:
        here.close()
        process.terminate()
        process.join(timeout=10)


def _do(pipe: Any, work: Callable[[], object]) -> None:
    try:
        result = work()
    except KeyboardInterrupt:
        return
    except Exception as error:  # noqa: BLE001 - raised where the result is asked for
        pipe.send((False, error))
    else:
        pipe.send((True, result))


def _result(pipe: Any, work: Callable[[], T]) -> T:
    try:
        is_good, result = pipe.recv()
    except (EOFError, OSError):  # it was ended by somebody
        return work()
    if not is_good:
        raise result
    found: T = result
    return found
