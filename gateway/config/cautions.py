"""What works but should not stay so: a password that stands in the file, a connection that anybody can read."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from gateway.diagnostics import Problem
from gateway.endpoints import AnyOptions
from gateway.endpoints.ftp import FtpOptions
from gateway.yamlfile import YamlFile


def inline_secrets(data: Any) -> frozenset[tuple[str, str]]:
    """The (endpoint, option) pairs whose secret stands in the file itself; the secrets are not kept."""
    endpoints = data.get("endpoints") if isinstance(data, dict) else None
    secret = {
        name
        for model in get_args(AnyOptions)
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret") is True
    }
    return frozenset(
        (name, key)
        for name, options in (endpoints.items() if isinstance(endpoints, dict) else ())
        for key, value in (options.items() if isinstance(options, dict) else ())
        if key in secret and isinstance(value, str) and "${" not in value
    )


def cautions(
    file: YamlFile, inline: frozenset[tuple[str, str]], endpoints: dict[str, AnyOptions]
) -> Iterator[Problem]:
    """Warnings about one file of a configuration that loads."""
    readable = ", which others can read" if _others_can_read(Path(file.path)) else ""
    for name, key in sorted(inline):
        yield Problem(
            code="C009",
            level="warning",
            message=f"the secret `{key}` of `{name}` stands in the file{readable}",
            span=file.span(("endpoints", name, key), key=True),
            help=f"write `{key}: ${{file:secrets/{name}}}` (or env, cred), and put it there",
        )
    for name, options in endpoints.items():
        here = ("endpoints", name) in file.spans
        if here and isinstance(options, FtpOptions) and options.tls == "none":
            yield Problem(
                code="C010",
                level="warning",
                message=f"`{name}` is plain FTP: the password and the orders travel readable",
                span=file.span(("endpoints", name), key=True),
                help="write `tls: explicit` if the server knows TLS (`gateway probe` tells)",
            )


def _others_can_read(path: Path) -> bool:
    if sys.platform == "win32" or not path.is_file():
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
