"""How the API of one platform is spoken: `mappings/<platform>/api.yaml`, so that a platform needs no code.

Where its lists stand, how they are paged, which linked documents belong to a record, how one logs in, and how fast
one may ask. The secrets and the address are the endpoint's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lxml import etree
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway import library, yamlfile
from gateway.diagnostics import Problem
from gateway.errors import ProblemsFound
from gateway.mapping.complaints import Complaints

FILE = "api"
PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
OF_A_LIST = ("since", "offset", "page", "size")
"""What `path` and `query` of a list may ask for besides the endpoint's own values."""
OF_THE_ENDPOINT = ("user", "password", "key")


def _path(value: str) -> str:
    if not value.startswith("/") or value.startswith("//") or "?" in value or "#" in value:
        raise ValueError("a path begins with one `/`; what follows the `?` goes under `query:`")
    return value


def _way(value: str) -> str:
    try:
        etree.XPath(value)(etree.Element("probe"))
    except etree.XPathError:
        raise ValueError("this is no path of elements, such as `/prestashop/orders/order` or `id`") from None
    return value


def _zone(value: str) -> str:
    try:
        if not PLACEHOLDER.search(value):
            ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("a time zone has a name such as `Europe/Prague`, or is `${settings.timezone}`") from None
    return value


Address = Annotated[str, AfterValidator(_path)]
Way = Annotated[str, AfterValidator(_way)]
Ways = Annotated[
    tuple[Way, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Zone = Annotated[str, AfterValidator(_zone)]
Number = Annotated[int, WithJsonSchema({"type": "integer"})]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, populate_by_name=True)


class LoginModel(_Strict):
    """A call that gives a token for the calls after it."""

    path: Address = Field(description="The path that is called by POST.")
    send: Literal["basic", "json", "form"] = Field(
        description="How user and password are handed over: in the head, or as `fields` of a JSON or form body."
    )
    fields: dict[str, str] = Field(
        default={}, description="The fields of the body; `${user}`, `${password}` and `${key}` are the endpoint's."
    )
    token: Way = Field(description="The path to the token in the answer.")
    expires_in: Way | None = Field(default=None, description="The path to the seconds for which it is good.")


class FollowModel(_Strict):
    """A linked document that is put into the record."""

    as_: str = Field(alias="as", pattern=r"^[A-Za-z_][\w.-]*$", description="The name that it gets there.")
    each: Way = Field(default=".", description="The parts of the record that it is put into; the record itself.")
    path: Address = Field(description="Its path; `${id_customer}` is the text at a path within that part.")
    query: dict[str, str] = Field(default={}, description="What follows the `?`.")
    take: Way = Field(description="The path to what is taken of the answer, such as `/prestashop/customer`.")
    after_last: str | None = Field(
        default=None,
        description="Of a placeholder only what stands behind the last such text, such as `/`.",
    )
    size: Number | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Records in an answer, where `query` asks page by page.",
    )
    empty: list[str] = Field(default=["", "0"], description="Texts of a placeholder that mean that there is none.")
    keep_hours: Number | None = Field(
        default=None,
        ge=1,
        le=720,
        description="For code lists: how long the answer is kept and not asked for again.",
    )


class ListModel(_Strict):
    """One kind of records that can be asked for."""

    about: str = Field(default="", description="What it is, in a line.")
    path: Address = Field(description="The path of the list.")
    query: dict[str, str] = Field(
        default={},
        description="What follows the `?`: `${since}`, `${offset}`, `${page}` and `${size}` are filled in.",
    )
    records: Way = Field(description="The path to the records in an answer.")
    id: Way = Field(description="The path within a record to its id.")
    changed: Ways = Field(
        default=(), description="The path within a record to the time of its change, or several of such paths."
    )
    times: str = Field(
        default="%Y-%m-%d %H:%M:%S", description="How times are written: a strptime pattern, `iso` or `unix`."
    )
    since_as: str | None = Field(default=None, description="How `${since}` is written, where it is otherwise.")
    timezone: Zone = Field(default="UTC", description="The zone of times that name none.")
    paging: Literal["changes", "pages", "none"] = Field(
        default="pages",
        description="`changes`: sorted by change, the next page begins at the last time; `pages`: page by page "
        "of one question; `none`: one answer has all.",
    )
    size: Number = Field(default=50, ge=1, le=1000, description="Records in a page.")
    first: Number = Field(default=1, ge=0, le=1, description="The number of the first page.")
    inclusive: bool = Field(
        default=True, description="Whether a record of the very time `${since}` is listed as well (`changes`)."
    )
    overlap_minutes: Number = Field(
        default=10, ge=0, le=1440, description="How far `${since}` is put back each time, for clocks that differ."
    )
    expect: Way | None = Field(
        default=None, description="A path that every proper answer has; without it the answer is a refusal."
    )
    detail: Address | None = Field(
        default=None, description="The path of the whole record, where lists are short."
    )
    detail_take: Way | None = Field(default=None, description="The path to the record in that answer.")
    follow: list[FollowModel] = Field(default=[], description="Linked documents, in their order.")
    wrap: str = Field(
        default="",
        pattern=r"^(/[A-Za-z_][\w.-]*)*$",
        description="The elements around a record in the archived input.",
    )
    whole: bool = Field(
        default=False, description="True: all pages make one input, which has all records (for stock and prices)."
    )


class ApiModel(_Strict):
    """The whole of an api.yaml."""

    version: Literal["1"] = Field(description="The version of this format: 1.")
    about: str = Field(description="Which API that is.")
    source: str = Field(description="Where these facts come from.")
    format: Literal["xml", "json"] = Field(description="The form of its answers.")
    key_is_user: bool = Field(default=False, description="The key is the user of HTTP Basic, without a password.")
    login: LoginModel | None = Field(default=None, description="A login that gives a token.")
    headers: dict[str, str] = Field(default={}, description="Headers of every call, such as `Accept`.")
    requests_per_second: float | None = Field(default=None, gt=0, le=100, description="How fast one may ask.")
    probe: Address = Field(description="A path that answers whoever may ask, and changes nothing.")
    probe_query: dict[str, str] = Field(default={}, description="What follows the `?` of it.")
    errors: Way | None = Field(default=None, description="The path to the words of a refusal in its answer.")
    settings: dict[str, str | None] = Field(
        default={}, description="Texts that an endpoint may change, `${settings.NAME}`; empty = it must say it."
    )
    lists: dict[str, ListModel] = Field(default={}, description="What can be asked for.")


def load_description(platform: str, site: Path | None) -> ApiModel:
    """The API of a platform. Raises ProblemsFound."""
    path = library.find("mappings", f"{platform}/{FILE}", ".yaml", site)
    if path is None:
        known = platforms(site)
        near = library.similar(platform, known)
        problem = Problem(
            code="C004",
            message=f"there is no API of a platform `{platform}`",
            help=f"there is one with a similar name: `{near}`"
            if near
            else f"known: {', '.join(known)}; a file `mappings/{platform}/api.yaml` of your own makes one",
        )
        raise ProblemsFound([problem])
    return read_description(path)


def platforms(site: Path | None) -> list[str]:
    """The platforms whose API is described."""
    found = library.names("mappings", f"/{FILE}.yaml", site)
    return sorted(found)


def read_description(path: Path) -> ApiModel:
    """An api.yaml. Raises ProblemsFound with every problem of it."""
    file = yamlfile.read(path)
    complaints = Complaints.about(file)
    model = complaints.validated(ApiModel, file.data, (), "the description")
    if model is not None:
        _check_calls(model, complaints)
        for name, each in model.lists.items():
            _check_list(model, each, ("lists", name), complaints)
    if complaints.problems or model is None:
        raise ProblemsFound(complaints.problems)
    return model


def _check_calls(model: ApiModel, complaints: Complaints) -> None:
    """Placeholders of what is said of all calls."""
    settings = tuple(f"settings.{name}" for name in model.settings)
    _check_names(model.headers, ("headers",), (*OF_THE_ENDPOINT, *settings), complaints)
    _check_names(model.probe_query, ("probe_query",), (*OF_THE_ENDPOINT, *settings), complaints)
    if model.login is not None:
        _check_names(model.login.fields, ("login", "fields"), (*OF_THE_ENDPOINT, *settings), complaints)


def _check_names(
    texts: Mapping[str, str], at: tuple[str, ...], known: tuple[str, ...], complaints: Complaints
) -> None:
    for key, text in texts.items():
        for name in PLACEHOLDER.findall(text):
            if name not in known:
                complaints.add(
                    "M025",
                    f"nothing is called `{name}` here",
                    (*at, key),
                    hint=f"there are {', '.join(sorted(known))}",
                )


def _check_list(model: ApiModel, each: ListModel, at: tuple[str, ...], complaints: Complaints) -> None:
    """Placeholders that nobody fills, and options that do not fit together."""
    settings = tuple(f"settings.{name}" for name in model.settings)
    known = (*OF_A_LIST, *OF_THE_ENDPOINT, *settings)
    _check_names({"path": each.path}, at, known, complaints)
    _check_names(each.query, (*at, "query"), known, complaints)
    _check_names({"timezone": each.timezone}, at, settings, complaints)
    if each.paging == "changes" and not each.changed:
        complaints.add("M003", "`paging: changes` needs `changed`", (*at, "paging"), hint="add `changed:`")
    if each.detail is not None and each.detail_take is None:
        complaints.add("M003", "`detail` needs `detail_take`", (*at, "detail"), hint="add `detail_take:`")
    if each.whole and (each.follow or each.detail):
        complaints.add(
            "M005", "one input of all pages has no linked documents", (*at, "whole"), hint="leave `whole` out"
        )
