"""What the gateway does for each platform and how sure that is: `mappings/<platform>/platform.yaml`.

One row says what travels, which way, by which mapping or template, and what it was verified on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway import library, yamlfile
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound, UsageError
from gateway.mapping.complaints import Complaints
from gateway.yamlfile import Location

FILE = "platform"
VERIFIED = "verified on real files"
What = Literal[
    "orders out",
    "products out",
    "stock out",
    "feed",
    "products in",
    "stock in",
    "prices in",
    "order states in",
]
"""What travels, as the shop sees it: out of the shop, into it, or a feed that others fetch."""
Way = Literal["file", "feed", "API", "webhook", "by hand", "no format is known"]
Status = Literal[
    "verified on real files", "written from documentation", "a template waiting for a merchant's file"
]


def _tests(value: tuple[str, ...]) -> tuple[str, ...]:
    if any("::test_" not in each or not each.startswith("tests/") for each in value):
        raise ValueError("a test is named as in `tests/platforms/test_products.py::test_a_list_is_read`")
    return value


def _several(inner: dict[str, Any]) -> Any:
    """The schema of one value or a list of them."""
    return WithJsonSchema({"anyOf": [inner, {"type": "array", "items": inner}]})


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_WHATS: list[str] = list(get_args(What))
_WAYS: list[str] = list(get_args(Way))
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list), _several({"type": "string"})]
Tests = Annotated[tuple[str, ...], BeforeValidator(_as_list), AfterValidator(_tests), _several({"type": "string"})]
Whats = Annotated[tuple[What, ...], BeforeValidator(_as_list), _several({"enum": _WHATS})]
Ways = Annotated[tuple[Way, ...], BeforeValidator(_as_list), _several({"enum": _WAYS})]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class RowModel(_Strict):
    """One thing that travels, and how."""

    what: Whats = Field(min_length=1, description="What travels, seen from the shop.")
    way: Ways = Field(min_length=1, description="The way that it goes; several where all of them do.")
    mapping: Texts = Field(default=(), description="The mapping that reads it, such as `shoptet/order`.")
    list: str | None = Field(default=None, description="The list of the platform's api.yaml that it comes from.")
    template: str | None = Field(default=None, description="The template that writes it, such as `shoptet/offer`.")
    schema_: str | None = Field(default=None, alias="schema", description="The schema that it is checked by.")
    status: Status = Field(description="How sure that is.")
    verified_on: str | None = Field(
        default=None, description="Which real file of the platform or its vendor the tests read."
    )
    verified_by: Tests = Field(default=(), description="The tests that read it.")
    missing: str | None = Field(default=None, description="What is not known or not done, in a line.")

    @property
    def standing(self) -> str:
        """The status, with what it was verified on."""
        return f"{self.status}: {self.verified_on}" if self.verified_on else self.status


class PlatformModel(_Strict):
    """The whole of a platform.yaml."""

    version: Literal["1"] = Field(description="The version of this format: 1.")
    name: str = Field(description="The name of the platform for people.")
    countries: list[Country] = Field(default=[], description="Where it is met; none = anywhere.")
    about: str = Field(description="What it is, in a line.")
    source: str = Field(description="Where these facts come from.")
    page: str = Field(pattern=r"^docs/.+\.md$", description="Its page of the documentation.")
    travels: list[RowModel] = Field(min_length=1, description="What travels, and how sure that is.")
    limits: list[str] = Field(default=[], description="What cannot be done or asked for, each in a line.")

    @property
    def has_format(self) -> bool:
        """Whether anything of it can be read or written."""
        return any(row.mapping or row.template for row in self.travels)


class Platform(msgspec.Struct, frozen=True):
    """One platform by the name of its folder; `drafted`: the site has a mapping of it where none ships."""

    id: str
    model: PlatformModel
    drafted: bool = False

    @property
    def has_format(self) -> bool:
        """Whether anything of it can be read or written."""
        return self.model.has_format

    @property
    def countries(self) -> str:
        """Where it is met, in a line."""
        return " ".join(self.model.countries) or "any"

    @property
    def next(self) -> str:
        """The command that comes next."""
        if self.drafted:
            return f"`gateway test {self.id}/order`, then a route with that mapping as {self.model.page} has it"
        if not self.has_format:
            return (
                f"`gateway new platform {self.id} --kind order --from FILE` drafts the mapping from the "
                f"merchant's file; {self.model.page}"
            )
        return f"`gateway add route --platform {self.id}` writes a route into config.yaml; {self.model.page}"

    def as_json(self) -> dict[str, Any]:
        """All of it for `--json`."""
        told = self.model.model_dump(exclude={"version"}, by_alias=True)
        return {"platform": self.id, **told, "next": self.next}


def platforms(site: Path | None) -> list[Platform]:
    """All platforms, sorted by their names. Raises ProblemsFound."""
    return [_platform(path, site) for _, path in sorted(_described(site).items())]


def load_platform(name: str, site: Path | None) -> Platform:
    """The platform of a name. Raises UsageError, ProblemsFound."""
    is_name = re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) is not None
    path = library.find("mappings", f"{name}/{FILE}", ".yaml", site) if is_name else None
    if path is not None:
        return _platform(path, site)
    folders = _described(site)
    near = library.similar(name.lower(), folders)
    more = f"there is one with a similar name: `{near}`" if near else "`gateway platforms` lists all"
    if near is None and is_name:
        more = f"`gateway new platform {name} --from FILE` drafts a mapping for it; {more}"
    raise UsageError(f"there is no platform `{name}`; {more}")


def read_platform(path: Path) -> PlatformModel:
    """A platform.yaml. Raises ProblemsFound with every problem of its form."""
    model, complaints = _read(path)
    if complaints.problems or model is None:
        raise ProblemsFound(complaints.problems)
    return model


def check_platform(path: Path, site: Path | None) -> PlatformModel:
    """A platform.yaml whose mappings, lists, templates and schemas are there. Raises ProblemsFound."""
    model, complaints = _read(path)
    if model is not None:
        for number, row in enumerate(model.travels):
            _check_names(path.parent, row, ("travels", number), complaints, site)
    if complaints.problems or model is None:
        raise ProblemsFound(complaints.problems)
    return model


def platform_tables() -> Mapping[str, Callable[[], str]]:
    """The tables of the documentation by the names that pages call them: of all platforms, and of each."""
    known = platforms(None)
    return {
        "platforms": lambda: _table_of_all(known),
        **{f"platform {each.id}": _TableOfOne(each.model) for each in known},
    }


def _platform(path: Path, site: Path | None) -> Platform:
    name, model = path.parent.name, read_platform(path)
    drafted = not model.has_format and library.find("mappings", f"{name}/order", ".yaml", site) is not None
    return Platform(name, model, drafted)


def _described(site: Path | None) -> dict[str, Path]:
    """The files by the names of their platforms; one of the site stands before the shipped one."""
    found: dict[str, Path] = {}
    for place in library.search_path("mappings", site):
        for path in place.glob(f"*/{FILE}.yaml"):
            found.setdefault(path.parent.name, path)
    return found


# -- checking ----------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[PlatformModel | None, Complaints]:
    file = yamlfile.read(path)
    if not isinstance(file.data, dict):
        problem = Problem(
            code="M002",
            message="the description of the platform is empty",
            span=Span(file=file.path, line=1),
            help="start with `version: 1`, `name:` and `travels:`",
        )
        raise ProblemsFound([problem])
    complaints = Complaints.about(file)
    model = complaints.validated(PlatformModel, file.data, (), "the description")
    if model is not None:
        for number, row in enumerate(model.travels):
            _check_row(row, ("travels", number), complaints)
    return model, complaints


def _check_row(row: RowModel, at: Location, complaints: Complaints) -> None:
    """A row says by what it travels, and is verified only with the file and the test that say so."""
    if row.status == VERIFIED:
        for key, value in (("verified_on", row.verified_on), ("verified_by", row.verified_by)):
            if not value:
                complaints.add(
                    "M003",
                    f"a row that is verified lacks the key `{key}`",
                    (*at, "status"),
                    hint=f"add `{key}:`, or another status",
                )
    elif row.verified_on or row.verified_by:
        complaints.add(
            "M005",
            "`verified_on` and `verified_by` are of rows that are verified",
            (*at, "status"),
            hint=f"remove them, or say `status: {VERIFIED}`",
        )
    if row.way == ("no format is known",):
        if row.mapping or row.template:
            complaints.add(
                "M005",
                "what has a mapping or a template has a known format",
                (*at, "way"),
                hint="say which way it goes",
            )
        return
    for what in row.what:
        needed = "mapping" if what.endswith(" out") else "template"
        if not (row.mapping if needed == "mapping" else row.template):
            complaints.add("M003", f"`{what}` lacks the key `{needed}`", at, hint=f"add `{needed}:`")


def _check_names(folder: Path, row: RowModel, at: Location, complaints: Complaints, site: Path | None) -> None:
    kinds = (
        ("mapping", "M001", "mappings", ".yaml", row.mapping),
        ("template", "T008", "templates", ".xml.j2", (row.template,)),
        ("schema", "X002", "xsd", ".xsd", (row.schema_,)),
    )
    for key, code, place, suffix, names in kinds:
        for name in names:
            if name is not None and library.find(place, name, suffix, site) is None:
                near = library.similar(name, library.names(place, suffix, site))
                hint = f"there is a {key} with a similar name: `{near}`" if near else "check the name"
                complaints.add(code, f"there is no {key} `{name}`", (*at, key), hint=hint)
    if row.list is not None:
        lists = _lists_of(folder)
        if row.list not in lists:
            known = f"its api.yaml has {', '.join(lists)}" if lists else "it has no api.yaml"
            complaints.add("C004", f"there is no list `{row.list}` of this platform", (*at, "list"), hint=known)


def _lists_of(folder: Path) -> list[str]:
    from gateway.endpoints.api_description import read_description

    path = folder / "api.yaml"
    return list(read_description(path).lists) if path.is_file() else []


# -- tables of the documentation ---------------------------------------------------------------------------


def _table_of_all(known: list[Platform]) -> str:
    rows = ["| platform | countries | what travels | how | status |", "|---|---|---|---|---|"]
    for each in known:
        for number, row in enumerate(each.model.travels):
            name = f"[{each.model.name}]({each.model.page})" if number == 0 else ""
            countries = each.countries if number == 0 else ""
            cells = (name, countries, ", ".join(row.what), ", ".join(row.way), row.standing)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


class _TableOfOne(msgspec.Struct, frozen=True):
    model: PlatformModel

    def __call__(self) -> str:
        rows = ["| what travels | how | by | status | what is missing |", "|---|---|---|---|---|"]
        for row in self.model.travels:
            by = ", ".join(f"`{name}`" for name in (*row.mapping, row.template) if name is not None)
            cells = (", ".join(row.what), ", ".join(row.way), by or "-", row.standing, row.missing or "")
            rows.append(f"| {' | '.join(cells)} |")
        return "\n".join(rows)
