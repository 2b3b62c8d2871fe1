"""Messages to people by Apprise: mail, chat, SMS; each address is one URL with its secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from urllib.parse import unquote

from gateway.errors import EndpointUnreachable
from gateway.telemetry import emit


class Notices:
    """The addresses that messages go to."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    def send(self, title: str, text: str) -> None:
        """Send to every address. Raises EndpointUnreachable where none of them took it.

        Once one has taken it, it counts as told: repeating it would tell that one twice.
        """
        refused = []
        for number, address in enumerate(self._addresses, start=1):
            reason = self._send_to(address, title, text)
            if reason is not None:
                refused.append(f"address {number} ({_scheme(address)}): {reason}")
        if len(refused) == len(self._addresses):
            raise EndpointUnreachable(
                f"nobody could be told: {'; '.join(refused)}",
                code="G016",
                help="check `notify:` under `alerts:`; `gateway probe alerts` sends a test message",
            )
        for reason in refused:
            emit("alert_refused", level="warning", reason=reason)

    def _send_to(self, address: str, title: str, text: str) -> str | None:
        """Why it was not taken; None where it was."""
        import apprise

        heard = _Heard()
        logger = logging.getLogger("apprise")
        logger.addHandler(heard)
        try:
            service = apprise.Apprise()
            if not service.add(address):
                return "the address cannot be understood"
            for server in service:
                server.notify_format = apprise.NotifyFormat.TEXT  # mail would be HTML otherwise
            done = service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT)
        finally:
            logger.removeHandler(heard)
        return None if done else _without_secrets(heard.last or "no reason is given", address)


def why_no_address(address: str) -> str | None:
    """Why an address is none that messages can be sent to; None where it is one. It is not repeated."""
    import apprise

    logging.getLogger("apprise").addHandler(logging.NullHandler())
    if apprise.Apprise().add(address):
        return None
    return "it is no address that Apprise knows, such as `mailto://user:password@example.cz?to=office@example.cz`"


class _Heard(logging.Handler):
    """Keeps the last warning: Apprise tells its reasons to the log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())[:200]


def _scheme(address: str) -> str:
    return address.partition("://")[0]


def _without_secrets(text: str, address: str) -> str:
    """A reason without any part of the address but its kind."""
    rest = unquote(address.partition("://")[2])
    for part in sorted({rest, *re.split(r"[@/:?&=]", rest)}, key=len, reverse=True):
        if len(part) > 3:
            text = text.replace(part, "***")
    return text
