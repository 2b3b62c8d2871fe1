"""What a route or target asks for that the API of a shop cannot do: it has lists and calls, and no files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway import library
from gateway.config.model import FromModel, TargetModel
from gateway.config.over_http import Impossible, impossible_without_files, refused
from gateway.errors import ProblemsFound

if TYPE_CHECKING:
    from gateway.endpoints.api import ApiOptions
    from gateway.endpoints.api_description import ApiModel

_NO_FOLDER = {
    "folder": "an API has lists and no folders",
    "files": "an API has lists and no files",
    "sort": "the order is the list's own",
    "done_file": "an API has lists and no files",
    "after": "what is taken from an API stays there; the gateway remembers how far it has read",
    "give_up": "what an API answers is whole",
}
_NO_FILES = {
    "folder": "an API has no folders",
    "file_name": "an API gets no files, so that they need no names",
    "window": "an API is told each record once",
    "temporary": "an API gets no files, so that they need no names",
    "done_file": "an API gets no files, and none beside them",
}


def impossible_for_lists(source: FromModel, options: ApiOptions, site: Path) -> list[Impossible]:
    """What a route asks of an API in vain, also where its platform has no such list."""
    found = refused(source.model_fields_set, _NO_FOLDER)
    description = _description(options, site)
    if isinstance(description, Impossible):
        return [*found, description]
    known = ", ".join(description.lists) or "none"
    if source.list_ is None:
        found.append(
            Impossible("endpoint", "`list` is missing: an API has several", f"add `list:`, one of {known}")
        )
    elif source.list_ not in description.lists:
        near = library.similar(source.list_, description.lists)
        told = f"there is one with a similar name: `{near}`" if near else f"there are {known}"
        found.append(Impossible("list", f"`{options.platform}` has no list `{source.list_}`", told))
    return found + _settings(options, description)


def impossible_for_records(max_new: int | None) -> list[Impossible]:
    """What a route asks in vain where every record is an input of its own."""
    if max_new is None:
        return []
    message = "`max_new` counts the new documents of one input, and from an API every record is one"
    return [Impossible("max_new", message, "leave it out; `since:` and `rehearsal:` keep the first run small")]


def impossible_without_lists(source: FromModel, name: str | None) -> list[Impossible]:
    """A `list` of what is no API; without a name the drop folder is meant."""
    if source.list_ is None:
        return []
    what = "the drop folder" if name is None else f"`{name}`"
    message = f"`list` is for the API of a shop, and {what} is none"
    return [Impossible("list", message, "leave `list:` out, or take an endpoint of `type: api`")]


def impossible_for_writing(target: TargetModel, options: ApiOptions, site: Path) -> list[Impossible]:
    """What a target asks of an API in vain."""
    found = impossible_without_files(target, "an API", _NO_FILES)
    description = _description(options, site)
    if isinstance(description, Impossible):
        return [*found, description]
    return found + _settings(options, description)


def _description(options: ApiOptions, site: Path) -> ApiModel | Impossible:
    from gateway.endpoints.api_description import load_description

    try:
        return load_description(options.platform, site)
    except ProblemsFound as error:
        problem = error.problems[0]
        where = f" ({problem.span.file}:{problem.span.line})" if problem.span else ""
        return Impossible("endpoint", f"{problem.message}{where}", problem.help or "mend it there")


def _settings(options: ApiOptions, description: ApiModel) -> list[Impossible]:
    """Settings that the platform does not know, and those that it needs."""
    found = []
    known = ", ".join(description.settings) or "none"
    for name in options.settings:
        if name not in description.settings:
            message = f"the API of `{options.platform}` has no setting `{name}`"
            found.append(Impossible("endpoint", message, f"there are {known}; correct it at the endpoint"))
    for name, default in description.settings.items():
        if default is None and name not in options.settings:
            message = f"the API of `{options.platform}` must be told `{name}`"
            found.append(Impossible("endpoint", message, f"add `settings: {{{name}: …}}` to the endpoint"))
    return found
