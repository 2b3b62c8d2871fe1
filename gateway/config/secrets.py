"""Values that do not stand in config.yaml itself: `${env:NAME}`, `${file:PATH}`, `${cred:NAME}`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.diagnostics import Problem
from gateway.yamlfile import Location, YamlFile

_REFERENCE = re.compile(r"\$\{(?:(\w+):)?([^}]*)\}")
_FORMS = "`${env:NAME}`, `${file:PATH}` or `${cred:NAME}`"


def fill_in(
    file: YamlFile, root: Path, problems: list[Problem], environment: Mapping[str, str] = os.environ
) -> Any:
    """The file's data with every reference replaced; what cannot be found becomes a problem at its place."""

    def walk(value: Any, location: Location) -> Any:
        if isinstance(value, dict):
            return {key: walk(member, (*location, key)) for key, member in value.items()}
        if isinstance(value, list):
            return [walk(member, (*location, index)) for index, member in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _replaced(value, location)
        return value

    def _replaced(text: str, location: Location) -> str:
        def one(match: re.Match[str]) -> str:
            found = _look_up(match.group(1), match.group(2), root, environment)
            if isinstance(found, str):
                return found
            problems.append(Problem(code="C005", message=found[0], span=file.span(location), help=found[1]))
            return ""

        return _REFERENCE.sub(one, text)

    return walk(file.data, ())


def _look_up(form: str | None, name: str, root: Path, environment: Mapping[str, str]) -> str | tuple[str, str]:
    """The value, or what is wrong and what to do."""
    if form == "env":
        if name in environment:
            return environment[name]
        return f"the environment variable `{name}` is not set", "set it for the gateway's service"
    if form == "file":
        return _content(root / name, name)
    if form == "cred":
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            return (
                "there are no systemd credentials here",
                "add `LoadCredential=` to the service, or use `${file:…}`",
            )
        return _content(Path(folder) / name, name)
    return f"`${{{form + ':' if form else ''}{name}}}` is no reference", f"write {_FORMS}"


def _content(path: Path, shown: str) -> str | tuple[str, str]:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        return (
            f"the secret file `{shown}` cannot be read: {reason}",
            "check its name and that the gateway may read it",
        )
