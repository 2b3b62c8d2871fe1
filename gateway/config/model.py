"""What may stand in config.yaml: one table of options that makes validation, documentation and redaction."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from gateway.config.asking import AskModel, PrintModel
from gateway.config.durations import Duration, KeptFor
from gateway.config.offers import OffersModel
from gateway.config.schedule import parse as parse_schedule
from gateway.endpoints import AfterWork, EndpointModel, cannot_be_asked_for, name_trouble
from gateway.offers import StateModel


def _masks(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _after(value: Any) -> Any:
    """`delete` and `keep` are words, `{move: done}` names a folder."""
    if value in ("delete", "keep", "move"):
        return {"action": value}
    if isinstance(value, dict) and set(value) == {"move"} and isinstance(value["move"], str | None):
        return {"action": "move", "folder": value["move"]}
    raise ValueError("write `delete`, `keep` or `{move: FOLDER}`")


def _answers(value: Any) -> Any:
    return None if value == "none" else value


def _or_none(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"const": "none"})


_AFTER = {
    "anyOf": [
        {"enum": ["delete", "keep", "move"]},
        {"type": "object", "properties": {"move": {"type": ["string", "null"]}}, "additionalProperties": False},
    ]
}
_SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


def _size(value: Any) -> Any:
    match = re.fullmatch(r"\s*(\d{1,6})\s*(kB|MB|GB)\s*", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a size is a whole number and a unit, such as `200 MB` or `1 GB`")
    return int(match.group(1)) * _SIZES[match.group(2)]


def _done_file(value: str) -> str:
    parts = _PLACEHOLDER.findall(value)
    if parts not in (["name"], ["stem"]) or value == "{name}" or cannot_be_asked_for(value):
        raise ValueError("a done-file is named after its file: `{name}.done` or `{stem}.ok`")
    return value


def _temporary(value: str) -> str:
    folder, _, name = value.rpartition("/")
    wanted = sorted(_PLACEHOLDER.findall(value)) == ["attempt", "name"] and "{" not in folder
    if not wanted or folder in (".", "..") or any(cannot_be_asked_for(part) for part in value.split("/", 1)):
        raise ValueError("a temporary name has both `{name}` and `{attempt}`, such as `{name}.{attempt}.part`")
    if not folder and name.endswith("{name}"):
        raise ValueError("a temporary name that ends like the file would be taken for it; add a suffix")
    return value


def _file_name(value: str) -> str:
    trouble = name_trouble(_PLACEHOLDER.sub("x", value))
    if trouble is not None:
        raise ValueError(f"this cannot be a file's name: {trouble}")
    unknown = sorted(set(_PLACEHOLDER.findall(value)) - {"origin", "kind", "key"})
    if unknown or "{" in _PLACEHOLDER.sub("", value):
        raise ValueError("a file name may have the placeholders `{origin}`, `{kind}` and `{key}`")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("a time zone has a name such as `Europe/Prague` or `Europe/Bucharest`") from None
    return value


def _ini_name(value: str) -> str:
    trouble = name_trouble(value)
    if trouble is not None:
        raise ValueError(f"this cannot be a file's name: {trouble}")
    if not value.lower().endswith(".ini"):
        raise ValueError("the name ends in `.ini`, such as `pohoda.ini`: POHODA would import another file")
    return value


_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
DoneFile = Annotated[str, AfterValidator(_done_file)]
Temporary = Annotated[str, AfterValidator(_temporary)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
FileName = Annotated[str, AfterValidator(_file_name)]
IniName = Annotated[str, AfterValidator(_ini_name)]
Size = Annotated[
    int, BeforeValidator(_size), WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,6}\s*(kB|MB|GB)\s*$"})
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]


class Model(BaseModel):
    """Unknown keys are problems; nothing can be changed after loading."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class AfterModel(Model):
    """What happens to an input at its source."""

    action: Literal["delete", "move", "keep"]
    folder: str | None = None

    def work(self) -> AfterWork:
        """As the endpoints take it."""
        return AfterWork(action=self.action, folder=self.folder)


class FromModel(Model):
    """Where a route takes its inputs from."""

    endpoint: str | None = Field(default=None, description="an endpoint's name; none = the route's drop folder")
    ask: AskModel | None = Field(
        default=None, description="a program that is asked for its data, instead of a folder with files"
    )
    print: PrintModel | None = Field(
        default=None, description="a program that prints the invoices which the route's origin knows"
    )
    list_: str | None = Field(
        default=None,
        alias="list",
        description="which list of a shop's API is taken, such as `orders` (`type: api`)",
    )
    folder: str = Field(default="", description="the folder on that endpoint")
    files: Annotated[list[str], BeforeValidator(_masks)] = Field(
        default=["*.xml"], min_length=1, description="one mask or several, such as `orders*.xml`"
    )
    sort: Literal["oldest", "name"] = Field(
        default="oldest", description="the order of reading: oldest first, or by name (`2` before `10`)"
    )
    done_file: DoneFile | None = Field(
        default=None,
        description="a file is read only once a file of this name is beside it: `{name}.done` or `{stem}.ok`; "
        "it is removed after the file",
    )
    after: Annotated[AfterModel, BeforeValidator(_after), WithJsonSchema(_AFTER)] | None = Field(
        default=None,
        description="`delete`, `keep` or `{move: FOLDER}`, with the date as in `{move: archive/%Y-%m}`; "
        "default `{move: done}`",
    )
    give_up: Duration = Field(
        default=timedelta(minutes=10),
        description="how long an unfinished file is waited for before it is set aside",
    )


class ToModel(Model):
    """One target of a route."""

    target: str = Field(description="a target's name")
    template: str = Field(description="the template, such as `pohoda/order`")
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description="the schema that every record is checked against, such as `pohoda/data`",
    )
    settings: dict[str, Any] = Field(
        default={}, description="settings of the template that differ from the target's"
    )
    lookups: dict[str, dict[str, str]] = Field(
        default={}, description="the target's own codes, such as `payment: {cash_on_delivery: Dobírkou}`"
    )


class ExpectModel(Model):
    """How often a route is expected to bring something."""

    every: Duration = Field(description="an input is expected at least this often")
    warn_after: Duration = Field(
        default=timedelta(0), description="how much later than that it is told as a warning; default at once"
    )
    error_after: Duration | None = Field(
        default=None, description="how much later it is told as an error; default after `every` once more"
    )


class RouteModel(Model):
    """One configured exchange: from where, by which mapping, to which targets."""

    merchant: str | None = Field(default=None, description="whose it is; may be left out with a single merchant")
    origin: Name = Field(description="the shop or marketplace account that numbers the documents")
    from_: FromModel = Field(default=FromModel(), alias="from", description="where inputs come from")
    every: Duration | None = Field(default=None, description="how often a remote source is asked; default 5 min")
    schedule: Annotated[tuple[str, ...], BeforeValidator(parse_schedule)] | None = Field(
        default=None,
        description="set times instead of `every`: `06:00`, `14:30 mon-fri`, a cron line, or a list of them",
    )
    timezone: TimeZone = Field(default="Europe/Prague", description="the time zone of `schedule`")
    expect: ExpectModel | None = Field(
        default=None, description="how often an input is expected; a route that brings none is late"
    )
    mapping: str = Field(description="the mapping, such as `shoptet/order`")
    lookups: dict[str, dict[str, str]] = Field(
        default={}, description="additions to the mapping's lookups, such as `payment: {Bitcoin: online}`"
    )
    settings: dict[str, str] = Field(
        default={}, description="settings of the mapping, such as `timezone: Europe/Bratislava`"
    )
    totals: Literal["error", "warn"] | None = Field(
        default=None, description="what lines that do not add up to the total are; default as the mapping says"
    )
    since: date | None = Field(default=None, description="orders of earlier days are left out")
    max_new: int | None = Field(
        default=None, ge=1, description="hold an input that brings more new documents than this"
    )
    rehearsal: bool = Field(default=False, description="do everything but ship")
    on_change: Literal["hold", "ignore", "replace"] | None = Field(
        default=None,
        description="what happens when a document that was sent comes again with another content; default `hold`, "
        "for states of orders `replace`",
    )
    on_cancel: Literal["hold", "ignore"] = Field(
        default="hold", description="what happens when a document that was sent is cancelled in the shop"
    )
    complete: bool = Field(
        default=False,
        description="every input of products, stock or prices has all of them: what it lacks is gone",
    )
    states: list[StateModel] = Field(
        default=[],
        description="for states of orders: the shop's own names of them, the first whose condition holds",
    )
    enabled: bool = Field(default=True, description="false = the route does nothing")
    to: list[ToModel] = Field(min_length=1, description="the targets")


class AnswersModel(Model):
    """Where the receiver puts its answers, and how they are read."""

    folder: str | None = Field(
        default=None,
        description="the folder of the answers, on the same endpoint; an mServer has none: it answers in the call",
    )
    files: Annotated[list[str], BeforeValidator(_masks)] = Field(
        default=["*.xml"], min_length=1, description="the masks of the answers' names"
    )
    mapping: str | None = Field(
        default=None,
        description="a mapping of the kind `receipt`; default `pohoda/response`, of a shop's API `shop/answer`",
    )
    every: Duration | None = Field(
        default=None, description="how often the folder is looked at; default 30 s, 5 min on a server"
    )
    within: Duration = Field(
        default=timedelta(days=1), description="how long an answer may take before somebody is told"
    )
    after: Annotated[AfterModel, BeforeValidator(_after), WithJsonSchema(_AFTER)] | None = Field(
        default=None, description="what happens to an answer that was read, as in `from`; default `{move: done}`"
    )
    take_away: bool = Field(
        default=True,
        description="remove a file from the target once it is answered; POHODA reads again whatever lies there",
    )
    ini: IniName | None = Field(
        default=None,
        description="the ini of Pohoda.exe /XML in the target's folder, such as `pohoda.ini`; `gateway probe` "
        "looks whether it switches the duplicate check on",
    )


class TargetModel(Model):
    """Where deliveries go: an endpoint, a folder, and the settings of that accounting unit."""

    endpoint: str = Field(description="an endpoint's name")
    folder: str = Field(default="", description="the folder on that endpoint")
    file_name: FileName = Field(
        default="{origin}_{kind}_{key}.xml",
        description="how files are named there; without `{key}` it is one fixed name, and a file waits until the "
        "receiver has taken the one before",
    )
    window: Duration | None = Field(
        default=None,
        description="with one fixed name: every file carries all documents of this time and replaces the one "
        "before, for a receiver that never removes it; such as `7 d`",
    )
    temporary: Temporary = Field(
        default=".{name}.{attempt}.tmp",
        description="the name of a file until it is whole; `tmp/{name}.{attempt}` puts it into a folder",
    )
    done_file: DoneFile | None = Field(
        default=None, description="an empty file of this name follows every file: `{name}.done` or `{stem}.ok`"
    )
    answers: Annotated[AnswersModel | None, BeforeValidator(_answers)] = Field(
        default=None,
        description="where the receiver's answers are found; none = it does not answer. An mServer always does",
        json_schema_extra=_or_none,
    )
    offers: OffersModel | None = Field(
        default=None, description="what the target is told of products, stock and prices, and when"
    )
    settings: dict[str, Any] = Field(default={}, description="settings of the templates")
    lookups: dict[str, dict[str, str]] = Field(default={}, description="the target's own codes")


class MerchantModel(Model):
    """One company and its accounting unit."""

    company_id: str | None = Field(default=None, description="the company number (IČO)")
    targets: dict[Name, TargetModel] = Field(default={}, description="the targets of this merchant")


class AlertsModel(Model):
    """Who is told when something is wrong."""

    notify: Annotated[list[SecretStr], BeforeValidator(_masks)] = Field(
        min_length=1,
        description="addresses as Apprise writes them, such as `mailto://…`; keep secrets in `${env:NAME}`",
    )
    name: str = Field(default="gateway", min_length=1, description="what the messages call this site")
    daily: Annotated[tuple[str, ...], BeforeValidator(parse_schedule)] | None = Field(
        default=None, description="when the summary of the day is sent, such as `07:00`; default: none is sent"
    )
    timezone: TimeZone = Field(default="Europe/Prague", description="the time zone of `daily`")
    patience: Duration = Field(
        default=timedelta(minutes=15), description="how long a partner may not answer before that is told"
    )
    again: Duration = Field(
        default=timedelta(hours=1), description="how soon it is told again when more is added to a cause"
    )


class RetentionModel(Model):
    """How long the contents of exchanges are kept. Nothing that is not settled is ever removed."""

    keep_for: KeptFor = Field(
        default=timedelta(days=400),
        description="inputs, deliveries, stored contents and timelines older than this are removed; the numbers "
        "of documents and what became of them are never",
    )
    keep_exchanges: int = Field(
        default=200_000, ge=1, description="the inputs whose contents are kept at most; the oldest go first"
    )
    keep_bytes: Size = Field(
        default=10 * 10**9,
        description="what stored inputs and deliveries may take on the disk; the oldest go first",
    )


class ConfigModel(Model):
    """The whole of config.yaml."""

    version: Literal["1"] = Field(description="the version of this format: 1")
    spool: str = Field(default="spool", description="the spool folder; relative ones count from config.yaml")
    workers: int = Field(default=4, ge=1, le=64, description="how many lanes are worked on at the same time")
    minimum_free: Size = Field(
        default=200 * 10**6, description="nothing is taken in while the spool's disk has less room than this"
    )
    retention: RetentionModel = Field(
        default=RetentionModel(), description="how long the contents of exchanges are kept"
    )
    alerts: AlertsModel | None = Field(default=None, description="who is told when something is wrong")
    include: list[str] = Field(default=[], description="further files such as `routes/*.yaml`")
    merchant: MerchantModel | None = Field(default=None, description="short form for a single merchant")
    merchants: dict[Name, MerchantModel] = Field(default={}, description="the merchants by name")
    endpoints: dict[Name, EndpointModel] = Field(default={}, description="connections by name")
    targets: dict[Name, TargetModel] = Field(default={}, description="targets of the single merchant")
    routes: dict[Name, RouteModel] = Field(default={}, description="routes by name")
