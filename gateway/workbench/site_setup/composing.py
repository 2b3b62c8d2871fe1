"""From all answers to the entries of config.yaml: what is there is used again, what is missing is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from gateway.endpoints.api_description import PLACEHOLDER, load_description
from gateway.errors import UsageError
from gateway.workbench.site_setup.addresses import Address
from gateway.workbench.site_setup.endpoint_text import Wanted, endpoint_entry, is_same, needs_user, secrets_of
from gateway.workbench.site_setup.insertion import CannotInsert, Entry, Path, inserted
from gateway.workbench.site_setup.journeys import for_accounting, out_of_pohoda
from gateway.workbench.site_setup.route_text import Followed, route_entry
from gateway.workbench.site_setup.secret_files import Secret
from gateway.workbench.site_setup.standing import Standing
from gateway.workbench.site_setup.target_text import accounting_target, asked_target, shop_target
from gateway.workbench.site_setup.wishes import Wish
from gateway.workbench.site_setup.yaml_text import line, said_by, scalar

_SUFFIX = {"local": "folder", "ftp": "ftp", "sftp": "sftp", "http": "feed", "api": "api", "mserver": "server"}


class End(msgspec.Struct, frozen=True):
    """One end of the way: the endpoint there, and the target where it is one that is there already.

    endpoint: None for a drop folder. wanted: the endpoint that must be made for it.
    """

    endpoint: str | None
    target: str | None = None
    wanted: Wanted | None = None
    is_service: bool = False


class Ends(msgspec.Struct, frozen=True):
    """Both ends of a wish, with everything that is to be made for them."""

    source: End
    target: End

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """The endpoints that must be made."""
        return tuple(end.wanted for end in (self.source, self.target) if end.wanted is not None)

    @property
    def touched(self) -> tuple[str, ...]:
        """The endpoints that the route will use."""
        return tuple(dict.fromkeys(end.endpoint for end in (self.source, self.target) if end.endpoint is not None))

    def with_user(self, wanted: Wanted, user: str) -> Ends:
        """The same with a login name for one of the endpoints that must be made."""

        def named(end: End) -> End:
            return replace(end, wanted=replace(wanted, user=user)) if end.wanted is wanted else end

        return Ends(named(self.source), named(self.target))


def ends_of(wish: Wish, standing: Standing) -> Ends:
    """Where the way begins and ends. Raises UsageError for what cannot be."""
    out = wish.journey.direction == "out"
    shop, books = wish.journey.platform.id, wish.accounting
    source = _end(wish.source, wish, standing, shop if out else books, is_target=False)
    taken = {source.wanted.name} if source.wanted is not None else set()
    target = _end(wish.target, wish, standing, books if out else shop, is_target=True, taken=taken)
    if source.wanted is not None and target.wanted is not None and source.wanted.address == target.wanted.address:
        target = replace(target, endpoint=source.endpoint, wanted=None)
    return _with_user(Ends(source, target), wish, standing)


def secrets_needed(ends: Ends, standing: Standing) -> list[Secret]:
    """The secrets of all endpoints that are to be made."""
    return [secret for wanted in ends.wanted for secret in secrets_of(wanted, standing.site)]


def lacks_user(ends: Ends, standing: Standing) -> list[Wanted]:
    """The endpoints that need a login name which nobody has given."""
    return [wanted for wanted in ends.wanted if needs_user(wanted, standing.site)]


def usual_interval(wish: Wish, standing: Standing) -> str | None:
    """How often the source is asked where nobody says it; None where it is watched or only pushes."""
    if wish.journey.direction == "in" and _is_asked(wish, standing):
        return "5 min"
    if wish.source.kind == "api" or (
        wish.source.kind == "named" and wish.journey.by_api and wish.journey.row.list
    ):
        listed = load_description(wish.journey.platform.id, standing.site).lists[wish.journey.row.list or ""]
        names = {name for text in listed.query.values() for name in PLACEHOLDER.findall(text)}
        return "5 min" if "since" in names else "1 h"  # each look would go through everything
    options = standing.endpoints.get(wish.source.name)
    is_feed = wish.source.kind == "http" or getattr(options, "type", None) == "http"
    is_watched = not wish.source.by_network or getattr(options, "type", None) == "local"
    return None if is_watched else "15 min" if is_feed else "5 min"


def composed(
    wish: Wish, ends: Ends, standing: Standing, reference: Callable[[Secret], str], raw: bytes, *, apart: bool
) -> list[Entry]:
    """The entries in the order of writing. raw: the file that they go into; apart: it is one that is included."""
    site = standing.site
    entries = [endpoint_entry(wanted, site, reference) for wanted in ends.wanted]
    company_id, told = _company(wish, standing, apart=apart)
    entries = [*told, *entries]
    block = _block_of_targets(wish, standing, raw, apart=apart)
    out = wish.journey.direction == "out"
    asked = None
    if not out and _is_asked(wish, standing):
        asked = ends.source.target or standing.free_target(_target_name(wish, standing, "pohoda"))
        if ends.source.target is None:
            service = ends.source.is_service
            entries.append(
                asked_target(block, asked, str(ends.source.endpoint), wish, company_id, is_service=service)
            )
    target = ends.target.target
    if target is None:
        endpoint, service = str(ends.target.endpoint), ends.target.is_service
        usual = wish.accounting if out else f"{wish.journey.platform.id}-{wish.journey.slug}"
        target = standing.free_target(_target_name(wish, standing, usual))
        entries.append(
            accounting_target(block, target, endpoint, wish, company_id, is_service=service)
            if out
            else shop_target(block, target, endpoint, wish, is_service=service)
        )
    names = _followed(wish, ends, standing, asked, target)
    entries.append(route_entry(wish, names, with_merchant=standing.has_several))
    return entries


def as_a_file(entries: Sequence[Entry]) -> bytes:
    """The entries as a file of their own."""
    return inserted(b"version: 1\n", entries, "the new file")


# -- the ends ------------------------------------------------------------------------------------------------


def _end(
    address: Address, wish: Wish, standing: Standing, whose: str, *, is_target: bool, taken: set[str] | None = None
) -> End:
    """One end. whose: the platform or program there, after which a new endpoint is called."""
    if address.kind == "drop":
        if is_target:
            raise UsageError("--to: a drop folder is where files come from; name a folder such as `out/pohoda`")
        return End(None)
    targets = standing.merchants[wish.merchant].targets
    may_be_target = is_target or wish.journey.direction == "in"
    if address.kind == "named" and may_be_target and address.name in targets and not address.folder:
        return _known_target(address.name, wish, standing, is_target=is_target)
    if address.kind == "named":
        options = standing.endpoints.get(address.name)
        if options is None:
            raise UsageError(
                f"{'--to' if is_target else '--from'}: `{address.name}` is no endpoint of config.yaml"
            )
        return End(address.name, is_service=is_target and options.is_service)
    is_shop = whose == wish.journey.platform.id
    wanted = Wanted(
        name="",
        address=address,
        about=f"{address.shown[0].upper()}{address.shown[1:]}",
        platform=wish.journey.platform.id if address.kind == "api" else "",
        company_id=wish.company_id or "",
        user=address.user,
        key_file=wish.key_file if address.kind == "sftp" else None,
    )
    service = address.kind in ("api", "mserver")
    for name, options in standing.endpoints.items():
        if is_same(wanted, options, standing.site):
            return End(
                name, target=_target_there(name, address, wish, standing, is_target=is_target), is_service=service
            )
    suffix = (
        "web"
        if is_target and is_shop and address.kind in ("http", "local", "ftp", "sftp")
        else _SUFFIX[address.kind]
    )
    name = standing.free_endpoint(f"{whose}-{suffix}")
    while taken and name in taken:
        name = standing.free_endpoint(f"{name}-to")
    return End(name, wanted=replace(wanted, name=name), is_service=service)


def _known_target(name: str, wish: Wish, standing: Standing, *, is_target: bool) -> End:
    """A target that is there, where it can be what it is to be. Raises UsageError."""
    written = standing.merchants[wish.merchant].targets[name]
    endpoint = str(written.get("endpoint"))
    if not is_target:
        if not standing.can_be_asked(wish.merchant, name):
            raise UsageError(
                f"--from: `{name}` says nowhere where its answers are found, so it cannot be asked; add `answers: "
                "{folder: …}` to it (docs/pohoda-folder.md), or take `--from folder`"
            )
        return End(endpoint, target=name)
    has_offers, needs_offers = "offers" in written, wish.journey.kind == "product"
    if has_offers != needs_offers:
        told = "is told of products alone" if has_offers else "has no `offers:`, and products need them"
        raise UsageError(f"--to: `{name}` {told}; `--to {endpoint}` makes a target of its own there")
    options = standing.endpoints.get(endpoint)
    return End(endpoint, target=name, is_service=options is not None and options.is_service)


def _target_there(
    endpoint: str, address: Address, wish: Wish, standing: Standing, *, is_target: bool
) -> str | None:
    """The target of the same accounting program at that very place, for what travels once."""
    if not is_target or wish.journey.direction == "in" or wish.journey.kind == "product":
        return None
    for name, written in standing.merchants[wish.merchant].targets.items():
        same = written.get("endpoint") == endpoint and str(written.get("folder") or "").strip(
            "/"
        ) == address.folder.strip("/")
        if same and "offers" not in written and standing.accounting_of(wish.merchant, name) == wish.accounting:
            return name
    return None


def _with_user(ends: Ends, wish: Wish, standing: Standing) -> Ends:
    """The ends with the login name that was given apart from the addresses."""
    lacking = lacks_user(ends, standing)
    if not wish.user:
        return ends
    if not lacking:
        lacking = [wanted for wanted in ends.wanted if wanted.address.kind == "http" and not wanted.user]
    if len(lacking) != 1:
        raise UsageError(
            "--user: there is no new connection that lacks a login name"
            if not lacking
            else "--user: two connections lack a login name; write it into their addresses, as in `ftp://user@host/folder`"
        )
    return ends.with_user(lacking[0], wish.user)


def _is_asked(wish: Wish, standing: Standing) -> bool:
    """Whether POHODA is asked for its data, instead of files being waited for."""
    if wish.source.kind == "mserver":
        return True
    if wish.source.kind == "named":
        targets = standing.merchants[wish.merchant].targets
        return wish.source.name in targets and not wish.source.folder
    return wish.source.accounting == "pohoda"


# -- the parts of the entries --------------------------------------------------------------------------------


def _company(wish: Wish, standing: Standing, *, apart: bool) -> tuple[str | None, list[Entry]]:
    """The company number that the target itself must say, and the merchant where there is none yet."""
    known = standing.merchants[wish.merchant].company_id if wish.merchant in standing.merchants else None
    if wish.company_id is None or wish.company_id == known:
        return None, []
    if known is None and not standing.has_single and not standing.has_several and not apart:
        lines = [
            line(0, f"company_id: {scalar(wish.company_id)}", "the company number (IČO) of the accounting unit")
        ]
        return None, [Entry(("merchant",), "company_id", tuple(lines), said_by("company_id", lines))]
    return wish.company_id, []


def _block_of_targets(wish: Wish, standing: Standing, raw: bytes, *, apart: bool) -> Path:
    """Where a new target is written: to its merchant's own where that can be, else to those of all."""
    own = ("merchants", wish.merchant, "targets")
    if not standing.has_several or apart:
        return ("targets",)
    trial = Entry(own, "trial", ("trial: x",), "x")
    try:
        inserted(raw, [trial], "")
    except CannotInsert:
        return ("targets",)
    return own


def _target_name(wish: Wish, standing: Standing, usual: str) -> str:
    return f"{wish.merchant}-{usual}" if standing.has_several else usual


def _followed(wish: Wish, ends: Ends, standing: Standing, asked: str | None, target: str) -> Followed:
    row = wish.journey.row
    out = wish.journey.direction == "out"
    if out:
        mapping = wish.mapping or row.mapping[0]
        template, schema = _as_others(wish, standing, target) or for_accounting(wish.journey, wish.accounting)
        request = ""
    else:
        read, request = out_of_pohoda(wish.journey)
        mapping, template, schema = wish.mapping or read, row.template or "", row.schema_ or ""
    return Followed(
        endpoint=None if asked is not None else ends.source.endpoint,
        asked=(asked, request) if asked is not None else None,
        listing=row.list if out and wish.journey.by_api else None,
        mapping=mapping,
        target=target,
        template=template,
        schema=schema or None,
        drop_folder=f"{standing.spool}/{wish.name}/in",
    )


def _as_others(wish: Wish, standing: Standing, target: str) -> tuple[str, str] | None:
    """The template and schema by which other routes of the same kind write to that target."""
    own = standing.merchants[wish.merchant].targets
    for route in standing.routes.values():
        for to in route.get("to") or () if target in own else ():
            template = str(to.get("template")) if isinstance(to, dict) else ""
            kind = "offer" if wish.journey.kind == "product" else wish.journey.kind
            if template.rpartition("/")[2].partition("-")[0] == kind and to.get("target") == target:
                return template, str(to.get("schema") or "")
    return None
