"""What config.yaml has already: names that are taken, targets and endpoints that can be used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gateway import yamlfile
from gateway.errors import ProblemsFound
from gateway.store.spool import is_reserved
from gateway.workbench.site_setup.addresses import Accounting

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.endpoints.options import AnyOptions

SINGLE = "main"
"""How the gateway calls the only merchant of a site."""


class Merchant(msgspec.Struct, frozen=True):
    """One merchant as it stands there. targets: those that its routes can name, as they are written."""

    name: str
    company_id: str | None
    targets: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class Standing(msgspec.Struct, frozen=True):
    """A site as it stands. routes: as they are written; endpoints: checked."""

    config: Path
    masks: tuple[str, ...]
    merchants: dict[str, Merchant]
    has_several: bool
    has_single: bool
    endpoints: dict[str, AnyOptions]
    routes: dict[str, dict[str, Any]]
    targets: frozenset[str]
    spool: str = "spool"

    @property
    def site(self) -> Path:
        """The folder that everything counts from."""
        return self.config.parent

    def includes(self, file: Path) -> bool:
        """Whether config.yaml takes in what stands in that file."""
        try:
            name = file.resolve().relative_to(self.site).as_posix()
        except ValueError:
            return False
        return any(
            fnmatch(name, mask) and ("**" in mask or name.count("/") == mask.count("/")) for mask in self.masks
        )

    def free_route(self, name: str) -> str:
        """A name for a route that no other one has, also where capital and small letters are the same."""
        taken = {route.lower() for route in self.routes}
        return _free(name, lambda each: each.lower() in taken or is_reserved(each))

    def free_endpoint(self, name: str) -> str:
        """A name for an endpoint that no other one has."""
        return _free(name, self.endpoints.__contains__)

    def free_target(self, name: str) -> str:
        """A name for a target that no other one has."""
        return _free(name, self.targets.__contains__)

    def routes_of(self, merchant: str, platform: str) -> dict[str, dict[str, Any]]:
        """The routes of a merchant that read what a platform exports."""
        return {
            name: route
            for name, route in self.routes.items()
            if (route.get("merchant") or SINGLE) in (merchant, SINGLE)
            and str(route.get("mapping") or "").partition("/")[0] == platform
        }

    def origins_of(self, merchant: str, platform: str) -> list[str]:
        """The shops of that platform that number documents here already."""
        found = (str(route.get("origin")) for route in self.routes_of(merchant, platform).values())
        return list(dict.fromkeys(found))

    def accounting_of(self, merchant: str, target: str) -> Accounting | None:
        """The program behind a target: by the templates that are sent there, by its endpoint, by its name."""
        for route in self.routes.values():
            for to in route.get("to") or ():
                program = str(to.get("template")).partition("/")[0] if isinstance(to, dict) else ""
                if isinstance(to, dict) and to.get("target") == target and program in ("pohoda", "profit"):
                    return "pohoda" if program == "pohoda" else "profit"
        written = self.merchants[merchant].targets.get(target, {})
        options = self.endpoints.get(str(written.get("endpoint")))
        if getattr(options, "type", None) == "mserver" or "pohoda" in target.lower():
            return "pohoda"
        return "profit" if "profit" in target.lower() else None

    def can_be_asked(self, merchant: str, target: str) -> bool:
        """Whether a program behind a target can be asked for its data."""
        written = self.merchants[merchant].targets.get(target, {})
        options = self.endpoints.get(str(written.get("endpoint")))
        answers = written.get("answers")
        return getattr(options, "type", None) == "mserver" or (isinstance(answers, dict) and "folder" in answers)


def standing_of(config: Config) -> Standing:
    """A site that loads, as it is written in config.yaml and in what that includes."""
    path = config.path.resolve()
    root = _table(path)
    masks = tuple(str(mask) for mask in root.get("include") or () if mask)
    parts = [root, *(_table(file) for file in _included(path, masks))]
    routes = {name: route for part in parts for name, route in _members(part, "routes")}
    shared = {name: target for part in parts for name, target in _members(part, "targets")}
    several = {name: merchant for part in parts for name, merchant in _members(part, "merchants")}
    single = root.get("merchant")
    if several:
        merchants = {name: _merchant(name, written, shared) for name, written in several.items()}
    else:
        merchants = {SINGLE: _merchant(SINGLE, single if isinstance(single, dict) else {}, shared)}
    return Standing(
        config=path,
        masks=masks,
        merchants=merchants,
        has_several=bool(several),
        has_single=isinstance(single, dict),
        endpoints=dict(config.endpoints),
        routes=routes,
        targets=frozenset(name for merchant in merchants.values() for name in merchant.targets)
        | frozenset(shared),
        spool=str(root.get("spool") or "spool"),
    )


def _merchant(name: str, written: dict[str, Any], shared: dict[str, dict[str, Any]]) -> Merchant:
    own = dict(_members(written, "targets"))
    company_id = written.get("company_id")
    return Merchant(name, str(company_id) if company_id else None, {**shared, **own})


def _members(part: dict[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    members = part.get(section)
    for name, value in members.items() if isinstance(members, dict) else ():
        yield name, value if isinstance(value, dict) else {}


def _table(path: Path) -> dict[str, Any]:
    try:
        data = yamlfile.read(path).data
    except ProblemsFound:  # told by the check; of a file that is included only its own routes are held
        return {}
    return data if isinstance(data, dict) else {}


def _included(path: Path, masks: tuple[str, ...]) -> list[Path]:
    found = [file.resolve() for mask in masks for file in sorted(path.parent.glob(mask)) if file.is_file()]
    return [file for file in dict.fromkeys(found) if file != path]


def _free(name: str, is_taken: Callable[[str], bool]) -> str:
    number, tried = 1, name
    while is_taken(tried):
        number += 1
        tried = f"{name}-{number}"
    return tried
