"""What a route or target asks for that HTTP cannot do: there are no folders there, and no files beside a file.

A service, such as mServer, has no files at all: it is called, and answers in the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

import msgspec

from gateway.config.model import FromModel, TargetModel

if TYPE_CHECKING:
    from gateway.endpoints.http import HttpOptions
    from gateway.endpoints.mserver import MServerOptions

_QUERY = "`folder`: what follows the `?` goes under `query:` of the endpoint"
_QUERY_HELP = 'there it may be a secret, such as `query: {hash: "${env:SHOP_HASH}"}`'

_NO_FILES = {
    "folder": "an mServer has no folders",
    "file_name": "an mServer gets no files, so that they need no names",
    "window": "an mServer gets every order once and keeps it",
    "temporary": "an mServer gets no files, so that they need no names",
    "done_file": "an mServer gets no files, and none beside them",
}
_NO_FILES_OF_ANSWERS = ("folder", "files", "every", "after", "take_away", "ini")


class Impossible(msgspec.Struct, frozen=True):
    """One option that cannot be had, and what to do instead. option: with a dot for one within another."""

    option: str
    message: str
    help: str


def impossible_for_a_feed(source: FromModel) -> list[Impossible]:
    """What a route asks of its feed in vain."""
    found = []
    if "?" in source.folder:
        found.append(Impossible("folder", _QUERY, _QUERY_HELP))
    if source.after is not None and source.after.action != "keep":
        found.append(
            Impossible(
                "after",
                "`after`: a feed can be neither deleted nor moved",
                "leave `after:` out; the gateway remembers what it has taken in",
            )
        )
    if source.done_file is not None:
        found.append(
            Impossible("done_file", "`done_file`: a feed has no files beside it", "leave `done_file:` out")
        )
    return found


def impossible_for_uploads(target: TargetModel, options: HttpOptions) -> list[Impossible]:
    """What a target asks of uploads in vain."""
    found = []
    if "?" in target.folder:
        found.append(Impossible("folder", _QUERY, _QUERY_HELP))
    if target.answers is not None:
        found.append(
            Impossible("answers", "`answers`: an HTTP server has no folder of answers", "leave `answers:` out")
        )
    if target.done_file is not None and options.method == "POST":
        found.append(
            Impossible(
                "done_file",
                "`done_file`: what is sent by POST has no files beside it",
                "leave `done_file:` out, or set `method: PUT` of the endpoint if the server takes it",
            )
        )
    return found


def impossible_for_a_source(name: str) -> list[Impossible]:
    """What a route asks in vain of an endpoint that is only called."""
    return [
        Impossible(
            "endpoint",
            f"`{name}` is an mServer, and nothing can be taken from one: it answers what it is sent",
            "take `from:` another endpoint, or none for the drop folder; its answers are read by themselves",
        )
    ]


def refused(given: Set[str], reasons: Mapping[str, str]) -> list[Impossible]:
    """The options that were given and cannot be had, with the reason of each."""
    return [
        Impossible(name, f"`{name}`: {why}", f"leave `{name}:` out")
        for name, why in reasons.items()
        if name in given
    ]


def impossible_without_files(target: TargetModel, who: str, reasons: Mapping[str, str]) -> list[Impossible]:
    """What a target asks in vain of what is called and answers in the call. who: such as `an mServer`."""
    found = refused(target.model_fields_set, reasons)
    if "answers" in target.model_fields_set and target.answers is None:
        found.append(Impossible("answers", f"`answers`: {who} always answers", "leave `answers:` out"))
    asked = frozenset() if target.answers is None else target.answers.model_fields_set
    for name in _NO_FILES_OF_ANSWERS:
        if name in asked:
            message = f"`{name}` of `answers`: {who} answers in the call, and there is no file of it"
            found.append(Impossible(f"answers.{name}", message, f"leave `{name}:` out there"))
    return found


def impossible_for_calls(target: TargetModel, options: MServerOptions, company_id: object) -> list[Impossible]:
    """What a target asks in vain of an mServer. company_id: whose orders are written, where that is said."""
    found = impossible_without_files(target, "an mServer", _NO_FILES)
    if company_id is not None and str(company_id).strip() != options.company_id.strip():
        message = (
            f"the orders are of the company {company_id}, and this mServer's `company_id` is {options.company_id}"
        )
        found.append(Impossible("endpoint", message, "choose the mServer of that company, or correct the number"))
    return found
