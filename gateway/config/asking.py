"""A route that asks a program for its data, instead of waiting for files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from gateway.config.durations import Duration
from gateway.diagnostics import Span
from gateway.endpoints import AfterWork, Dropoff, EndpointModel, Pickup
from gateway.rendering.identity import Implied

if TYPE_CHECKING:
    from gateway.config.model import TargetModel
    from gateway.config.over_http import Impossible


class AskModel(BaseModel):
    """What is asked for, whom, and how much at a time."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    target: str = Field(description="the target whose program is asked, such as `pohoda`")
    template: str = Field(description="the template of the request, such as `pohoda-ask/request-stock`")
    cursor: Literal["changes", "none"] = Field(
        default="changes", description="`changes` asks for what was changed since the last time, `none` for all"
    )
    overlap: Duration = Field(
        default=timedelta(minutes=5), description="how far the cursor of `changes` is put back each time"
    )
    page: int = Field(default=500, ge=1, le=10_000, description="how many records an answer holds at most")
    settings: dict[str, Any] = Field(default={}, description="settings of the template, such as `storage: ZBOŽÍ`")


class PrintModel(BaseModel):
    """Whose invoices are printed, by whom."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    target: str = Field(description="the target whose program prints, such as `pohoda`")
    template: str = Field(default="pohoda-ask/request-print", description="the template of the request")
    most: int = Field(default=20, ge=1, le=500, description="how many are printed at each look")
    settings: dict[str, Any] = Field(default={}, description='settings of the template, such as `report: "1055"`')


class PrintSpec(msgspec.Struct, frozen=True):
    """What is printed, resolved. name: of the target, for people."""

    name: str
    template: str
    most: int
    settings: dict[str, Any]
    span: Span | None


class AskSpec(msgspec.Struct, frozen=True):
    """What a route asks for, resolved. name: of the target, for people.

    within: after that a request without an answer is told. folders: where requests are put and answers are found,
    where the program is not called.
    """

    name: str
    template: str
    cursor: Literal["changes", "none"]
    overlap: timedelta
    page: int
    settings: dict[str, Any]
    within: timedelta
    span: Span | None
    folders: tuple[Dropoff, Pickup] | None = None


def ask_spec(
    model: AskModel | PrintModel,
    company_id: str | None,
    targets: Mapping[str, TargetModel],
    endpoints: Mapping[str, EndpointModel],
    span: Span | None,
) -> tuple[AskSpec | PrintSpec, str] | Impossible:
    """What is asked for and the endpoint that is asked, or why that is not possible."""
    from gateway.config.over_http import Impossible

    at = "ask.target" if isinstance(model, AskModel) else "print.target"
    target = targets.get(model.target)
    if target is None:
        known = f"known: {', '.join(targets)}" if targets else "there is none under `targets:`"
        return Impossible(at, f"there is no target `{model.target}`", known)
    options = endpoints.get(target.endpoint)
    answers = target.answers
    if options is not None and options.has_lists:
        return Impossible(
            at,
            f"`{model.target}` is the API of a shop, which has lists and answers no request of this kind",
            "take `from:` its endpoint with `list:` instead",
        )
    if options is None or (not options.is_service and (answers is None or answers.folder is None)):
        return Impossible(
            at,
            f"`{model.target}` says nowhere where its answers are found, so nothing can be asked there",
            "add `answers: {folder: …}` to the target",
        )
    if not options.is_service and isinstance(model, PrintModel):
        return Impossible(
            at,
            f"`{model.target}` is a folder, and PDFs are handed over by an mServer only",
            "let POHODA print into a folder, and take `from:` that folder instead",
        )
    whose = {} if company_id is None else {"company_id": Implied(company_id)}
    own = {name: value for name, value in target.settings.items() if name in ("company_id", "encoding")}
    settings = {**whose, **own, **model.settings}
    if isinstance(model, PrintModel):
        return PrintSpec(model.target, model.template, model.most, settings, span), target.endpoint
    folders, within = None, timedelta(days=1)
    if answers is not None:
        within = answers.within
    if not options.is_service and answers is not None:
        dropoff = Dropoff(target.folder, target.temporary, target.done_file)
        after = AfterWork(action="delete")
        folders = (dropoff, Pickup(folder=answers.folder or "", after=after))
    asked = AskSpec(
        name=model.target,
        template=model.template,
        cursor=model.cursor,
        overlap=model.overlap,
        page=model.page,
        settings=settings,
        within=within,
        span=span,
        folders=folders,
    )
    return asked, target.endpoint
