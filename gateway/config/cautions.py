"""What works but should not stay so: a password that stands in the file, a connection that anybody can read."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.clock import SystemClock
from gateway.config.specs import RouteSpec
from gateway.diagnostics import Problem
from gateway.endpoints.options import TYPES, options_type
from gateway.yamlfile import YamlFile

if TYPE_CHECKING:
    from gateway.endpoints.options import AnyOptions


def inline_secrets(data: Any) -> frozenset[tuple[str, ...]]:
    """The places (endpoint, option, and name in a table) whose secret stands in the file itself, without it."""
    endpoints = data.get("endpoints") if isinstance(data, dict) else None
    return frozenset(
        (name, *place)
        for name, options in (endpoints.items() if isinstance(endpoints, dict) else ())
        for place, value in _given(options)
        if isinstance(value, str) and "${" not in value
    )


def _given(options: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What was given to an endpoint for its secret options, and what may be secret of their tables."""
    if not isinstance(options, dict):
        return
    named = options.get("type")
    types: tuple[Any, ...] = TYPES  # an option of another transport may hold a secret as well
    if named in TYPES and options.keys() <= options_type(named).model_fields.keys():
        types = (named,)
    secret, secrets = _options_with("secret", types), _options_with("secrets", types)
    for option, value in options.items():
        if option in secret:
            yield (option,), value
        elif option in secrets and isinstance(value, dict):
            from gateway.endpoints.http import may_be_secret

            found = ((name, inner) for name, inner in value.items() if may_be_secret(name, str(inner)))
            yield from (((option, name), inner) for name, inner in found)


def _options_with(mark: str, types: Iterable[str]) -> frozenset[str]:
    return frozenset(
        name
        for each in types
        for name, field in options_type(each).model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get(mark) is True
    )


def cautions(
    file: YamlFile,
    inline: frozenset[tuple[str, ...]],
    endpoints: Mapping[str, AnyOptions],
    routes: Mapping[str, RouteSpec],
) -> Iterator[Problem]:
    """Warnings about one file of a configuration that loads."""
    readable = ", which others can read" if _others_can_read(Path(file.path)) else ""
    for name, *place in sorted(inline):
        key = place[-1]
        secret = name if len(place) == 1 else f"{name}-{key}"
        yield Problem(
            code="C009",
            level="warning",
            message=f"the secret `{key}` of `{name}` stands in the file{readable}",
            span=file.span(("endpoints", name, *place), key=True),
            help=f"write `{key}: ${{file:secrets/{secret}}}` (or env, cred), and put it there",
        )
    for name, options in endpoints.items():
        here = ("endpoints", name) in file.spans
        if here and options.type == "ftp" and options.tls == "none":
            yield Problem(
                code="C010",
                level="warning",
                message=f"`{name}` is plain FTP: the password and the orders travel readable",
                span=file.span(("endpoints", name), key=True),
                help="write `tls: explicit` if the server knows TLS (`gateway probe` tells)",
            )
        if here and (options.type == "http" or options.type == "api") and options.tells_secrets_openly:
            yield Problem(
                code="C010",
                level="warning",
                message=f"`{name}` is plain HTTP: its secrets and the orders travel readable",
                span=file.span(("endpoints", name), key=True),
                help="write `https://` if the server knows it (`gateway probe` tells)",
            )
        if here and options.type == "mserver" and options.tells_secrets_openly:
            yield Problem(
                code="C010",
                level="warning",
                message=f"`{name}` is plain HTTP: its password and the orders travel readable",
                span=file.span(("endpoints", name), key=True),
                help="set mServer up for HTTPS and write `https://`; without it only within your own network",
            )
    for name, route in routes.items():
        slot = route.schedule.doubtful(SystemClock().now()) if route.schedule else None
        if slot is not None and ("routes", name) in file.spans:
            yield Problem(
                code="C011",
                level="warning",
                message=f"`schedule` of `{name}` has a run at {slot}, when the clock is changed: "
                "that minute comes twice or never",
                span=file.span(("routes", name, "schedule"), key=True),
                help="it is run once, perhaps an hour late; choose a time before 02:00 or after 04:00",
            )


def _others_can_read(path: Path) -> bool:
    if sys.platform == "win32" or not path.is_file():
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
