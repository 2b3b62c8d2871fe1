"""How a request gets to a program and its answer back: in one call, or by two folders."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Protocol

from lxml import etree

from gateway.endpoints import Entry, Look, Outcome, Service, Source, Target, Written


class Carrier(Protocol):
    """Brings a request and fetches its answer."""

    waits: bool
    """Whether an answer may come much later than its request, which then keeps its name."""

    def ask(self, name: str, request: bytes) -> bytes | None:
        """The answer; None where it has not come yet. The same request under the same name is brought once.

        Raises EndpointError.
        """
        ...

    def done(self, name: str, size: int) -> None:
        """The answer was used: nothing of the two need lie anywhere. Idempotent. Raises EndpointError.

        size: of the request.
        """
        ...

    def close(self) -> None:
        """Give connections back. Never raises."""
        ...


class Calls:
    """A program that answers at once."""

    waits = False

    def __init__(self, service: Service) -> None:
        self._service = service

    def ask(self, name: str, request: bytes) -> bytes | None:
        """As the protocol says."""
        return self._service.call(name, request)

    def done(self, name: str, size: int) -> None:
        """There is nothing to remove."""

    def close(self) -> None:
        """As the protocol says."""
        self._service.close()


class Folders:
    """A program that reads one folder from time to time and writes answers of the same names into another.

    One connection at a time is open: many servers allow no second one.
    """

    waits = True

    def __init__(
        self,
        requests: Callable[[], AbstractContextManager[Target]],
        answers: Callable[[str], AbstractContextManager[Source]],
    ) -> None:
        self._requests = requests
        self._answers = answers

    def ask(self, name: str, request: bytes) -> bytes | None:
        """As the protocol says; an answer that is being written is none yet."""
        with self._answers(name) as answers:
            for entry in answers.list():
                content = BytesIO()
                answers.read(entry, content)
                return content.getvalue() if _is_whole(content.getvalue()) else None
        with self._requests() as requests:
            staged = requests.named(name, len(request), attempt="ask")
            if requests.look(staged) in (Look.ABSENT, Look.STAGED):
                requests.discard(staged)
                requests.publish(requests.stage(name, request, attempt="ask"))
        return None

    def done(self, name: str, size: int) -> None:
        """The program reads again whatever lies in its folder, so the request is removed first."""
        with self._requests() as requests:
            requests.take_away(Written(name, size))
        with self._answers(name) as answers:
            for entry in list[Entry](answers.list()):
                answers.ack(entry, Outcome.DONE)

    def close(self) -> None:
        """Nothing is open between two steps."""


def _is_whole(content: bytes) -> bool:
    try:
        etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError:
        return False
    return True
