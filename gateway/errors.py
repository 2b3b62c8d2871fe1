"""The exceptions of the gateway.

    GatewayError                     1  a bug, or something that nobody foresaw
    ├── UsageError                   2  the command was called in a wrong way
    ├── ProblemsFound                3  a file, a mapping or a template has problems (they are carried along)
    │   └── SourceProblems           3  an input cannot be read as a whole
    ├── ConfigError                  4  config.yaml does not load (its problems are carried along)
    ├── ExchangesFailed              5  some exchanges failed
    ├── EndpointError                6  a partner did not do what was asked; `retryable` says if waiting helps
    │   ├── EndpointUnreachable      6  time-out, cut line, a passing refusal: retryable
    │   │   ├── HostUnreachable      6  no connection to the host at all
    │   │   └── DiskTrouble          6  the spool's own disk: it may pass
    │   ├── EndpointRefused          6  rights, name: permanent
    │   │   └── PartnerRefused       6  whatever goes there is refused: three in a row hold the route or target
    │   │       ├── LoginRefused     6  the account
    │   │       └── HostNotTrusted   6  the server's key or certificate is not the known one
    │   └── OutcomeUnknown           6  the line was cut before the answer: look before repeating
    └── SpoolInUse                   7  another daemon holds the spool

Whether an error is retryable is decided where the protocol is known, never by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from gateway.diagnostics import Problem


class GatewayError(Exception):
    """The root of all errors that the gateway raises on purpose."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class UsageError(GatewayError):
    """A command was called with words that do not fit together."""

    exit_code = 2


class ProblemsFound(GatewayError):
    """Something a person wrote or sent has problems; `problems` holds each of them."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels from a worker process."""
        return type(self), (self.problems,)


class SourceProblems(ProblemsFound):
    """An input cannot be read to its end, or is not what the mapping reads; nothing of it may be used."""


class ConfigError(ProblemsFound):
    """The configuration does not load."""

    exit_code = 4


class ExchangesFailed(GatewayError):
    """A run ended and some exchanges failed for good."""

    exit_code = 5


class EndpointError(GatewayError):
    """A partner's side did not do what was asked."""

    exit_code = 6

    def __init__(self, message: str, *, code: str, help: str | None = None) -> None:  # noqa: A002 - the word of diagnostics
        self.message = message
        self.code = code
        self.help = help
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels from a worker process."""
        return partial(type(self), code=self.code, help=self.help), (self.message,)


class EndpointUnreachable(EndpointError):
    """No connection, a time-out, a cut line or a passing refusal: trying again later may help."""

    retryable = True


class HostUnreachable(EndpointUnreachable):
    """Not even a connection: whatever else goes to that host would wait for the same time-out."""


class DiskTrouble(EndpointUnreachable):
    """The spool's own disk did not do what was asked; waiting may help, and what waits for it waits in order."""


class EndpointRefused(EndpointError):
    """The other side answered and refuses: trying again without a change will not help."""


class PartnerRefused(EndpointRefused):
    """Whatever else goes there would be refused too; the route or target is held, nobody is hammered."""


class LoginRefused(PartnerRefused):
    """The account is refused. Three in a row hold the route or target, because servers ban who insists."""


class HostNotTrusted(PartnerRefused):
    """The server's key or certificate is not the known one: nothing may be sent there until a person compares."""


class OutcomeUnknown(EndpointError):
    """The line broke before the answer came: the step may have been done. Look before repeating it."""

    retryable = True


class SpoolInUse(GatewayError):
    """Another daemon holds the spool."""

    exit_code = 7
