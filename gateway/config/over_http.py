"""What a route or target asks for that HTTP cannot do: there are no folders there, and no files beside a file."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.model import FromModel, TargetModel
from gateway.endpoints.http import HttpOptions

_QUERY = "`folder`: what follows the `?` goes under `query:` of the endpoint"
_QUERY_HELP = 'there it may be a secret, such as `query: {hash: "${env:SHOP_HASH}"}`'


@dataclass(frozen=True)
class Impossible:
    """One option that cannot be had, and what to do instead."""

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
