"""What `gateway add route` was told and what it asked: all answers as one wish."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from gateway.clock import SystemClock
from gateway.diagnostics import printable
from gateway.errors import UsageError

if TYPE_CHECKING:
    from gateway.cli.questions import Questions
    from gateway.workbench.platforms import Platform
    from gateway.workbench.site_setup.addresses import Accounting, Address
    from gateway.workbench.site_setup.journeys import Journey
    from gateway.workbench.site_setup.standing import Standing
    from gateway.workbench.site_setup.wishes import Wish

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_COMPANY = re.compile(r"[0-9 ]{1,15}")
_PROGRAMS: tuple[Accounting, ...] = ("pohoda", "profit")
_EXAMPLE_FROM = "folder, exports/, ftp://user@host/path, ftps://, sftp://, https://shop/feed.xml, api https://shop"
_EXAMPLE_TO = "out/pohoda, ftp://user@host/path, ftps://, sftp://"


class Given(msgspec.Struct, frozen=True):
    """The options of the command; what is empty was not given."""

    name: str = ""
    platform: str = ""
    what: str = ""
    source: str = ""
    target: str = ""
    url: str = ""
    accounting: str = ""
    company_id: str = ""
    merchant: str = ""
    origin: str = ""
    files: tuple[str, ...] = ()
    every: str = ""
    schedule: tuple[str, ...] = ()
    since: str = ""
    mapping: str = ""
    template: str = ""
    user: str = ""
    key_file: str = ""
    rehearsal: bool | None = None


class Answers:
    """The answers to all that a route needs, each from an option, a default or a person."""

    def __init__(self, given: Given, standing: Standing, questions: Questions) -> None:
        self._given = given
        self._standing = standing
        self._ask = questions

    def wish(self) -> Wish:
        """All of them. Raises UsageError, ProblemsFound."""
        from gateway.workbench.site_setup.wishes import Wish

        given, ask = self._given, self._ask
        platform = self._platform()
        found = self._journeys(platform)
        merchant = self._merchant()
        out = found[0].direction == "out"
        accounting = self._program(given.accounting)
        shop_side = self._source(found, merchant, accounting) if out else self._target(found, merchant, accounting)
        journey = self._one(found, shop_side)
        accounting = accounting or self._accounting(shop_side, merchant)
        if out:
            source, target = shop_side, self._target([journey], merchant, accounting)
        else:
            source, target = self._source([journey], merchant, accounting), shop_side
        accounting = accounting or self._accounting(target if out else source, merchant) or self._asked_program()
        self._needs_mapping(journey, accounting, source)
        name = self._read_name(given.name) if given.name else ""
        name = name or ask.answer("Name of the route", "NAME", self._read_name, default=self._free(journey))
        wish = Wish(
            journey=journey,
            accounting=accounting,
            source=source,
            target=target,
            name=name,
            origin=self._origin(journey, merchant, accounting),
            merchant=merchant,
            company_id=self._company(merchant, accounting, source, target),
            schedule=given.schedule,
            files=self._files(journey, source),
            mapping=given.mapping,
            user=given.user or None,
            key_file=given.key_file or None,
        )
        return self._with_care(self._with_times(wish))

    # -- what travels --------------------------------------------------------------------------------------

    def _platform(self) -> Platform:
        from gateway.workbench.platforms import load_platform, platforms

        site = self._standing.site
        if not self._given.platform:
            known = [each for each in platforms(site) if each.has_format]
            names = [(each.id, each.model.name) for each in known]
            return load_platform(self._ask.choice("Which platform?", "--platform", names), site)
        platform = load_platform(self._given.platform, site)
        if not platform.has_format:
            raise UsageError(f"no format of `{platform.id}` is known yet; {platform.next}")
        return platform

    def _journeys(self, platform: Platform) -> list[Journey]:
        """What is wanted, still with every way that it can go."""
        from gateway.workbench.site_setup.journeys import chosen, journeys

        known = journeys(platform)
        if self._given.what:
            return self._with_template(chosen(known, self._given.what))
        if not self._ask.asks:
            names = [(each.words.replace(" ", "-").partition(",")[0], "") for each in known]
            return chosen(known, self._ask.choice("What travels", "--what", list(dict.fromkeys(names))))
        return [self._chosen_row(known)]

    def _chosen_row(self, known: list[Journey]) -> Journey:
        labels = [
            (
                str(n),
                f"{each.words}  ({', '.join(each.row.way)})  {each.row.template or ', '.join(each.row.mapping)}",
            )
            for n, each in enumerate(known, 1)
        ]
        if len(known) == 1:
            return known[0]
        hints = [f"{number:>2}  {label}" for number, label in labels]
        numbers = {number for number, _ in labels}

        def read(text: str) -> Journey:
            if text not in numbers:
                raise UsageError(f"`{printable(text)}` is none of them; give a number")
            return known[int(text) - 1]

        return self._ask.answer("What is to travel?", "--what", read, hints=hints)

    def _with_template(self, found: list[Journey]) -> list[Journey]:
        """Those that are written by the template that was named."""
        wanted = self._given.template
        if not wanted:
            return found
        kept = [each for each in found if each.row.template == wanted]
        if not kept:
            known = ", ".join(f"`{each.row.template}`" for each in found if each.row.template)
            raise UsageError(
                f"--template {wanted}: {f'there is {known}' if known else 'it is for the way to the shop'}"
            )
        return kept

    def _one(self, found: list[Journey], shop_side: Address) -> Journey:
        """The journey that goes that way. Raises UsageError where none does, or several."""
        options = self._standing.endpoints.get(shop_side.name)
        is_api = shop_side.kind == "api" or getattr(options, "type", None) == "api"
        option = "--from" if found[0].direction == "out" else "--to"
        fitting = [each for each in found if any((way == "API") is is_api for way in each.row.way)]
        if not fitting:
            ways = ", ".join(dict.fromkeys(way for each in found for way in each.row.way))
            other = (
                f'`{option} "api https://shop.example.cz"`' if not is_api else f"`{option}` a folder or an address"
            )
            raise UsageError(
                f"{option}: `{found[0].words}` of {found[0].platform.id} goes by {ways}: take {other}"
            )
        if len({each.row.template for each in fitting}) == 1 and len({each.row.mapping for each in fitting}) == 1:
            return fitting[0]
        names = [(each.row.template or each.row.mapping[0], each.row.missing or "") for each in fitting]
        chosen = self._ask.choice("Which one?", "--template" if fitting[0].row.template else "--mapping", names)
        return next(each for each in fitting if chosen in (each.row.template, *each.row.mapping))

    # -- whose it is ---------------------------------------------------------------------------------------

    def _merchant(self) -> str:
        given, standing = self._given.merchant, self._standing
        if not standing.has_several:
            if given:
                raise UsageError(
                    f"--merchant {given}: this site has a single merchant, without a name; leave it out"
                )
            return next(iter(standing.merchants))
        if given and given not in standing.merchants:
            known = ", ".join(standing.merchants)
            raise UsageError(
                f"there is no merchant `{given}`; known: {known}. A new one is written under `merchants:` first"
            )
        names = [(name, merchant.company_id or "") for name, merchant in standing.merchants.items()]
        return given or self._ask.choice("Which merchant?", "--merchant", names)

    def _program(self, given: str) -> Accounting | None:
        if not given:
            return None
        for program in _PROGRAMS:
            if given.lower() == program:
                return program
        raise UsageError(f"--accounting {given}: there are `pohoda` and `profit`")

    def _accounting(self, address: Address, merchant: str) -> Accounting | None:
        """The program that an address speaks of, or that is behind a target that is there."""
        if address.accounting is not None:
            return address.accounting
        if address.kind == "named" and address.name in self._standing.merchants[merchant].targets:
            return self._standing.accounting_of(merchant, address.name)
        return None

    def _asked_program(self) -> Accounting:
        names = [("pohoda", "POHODA (Stormware)"), ("profit", "PROFIT (LPsoft)")]
        return (
            "profit"
            if self._ask.choice("Which accounting program?", "--accounting", names) == "profit"
            else "pohoda"
        )

    def _company(self, merchant: str, accounting: Accounting, source: Address, target: Address) -> str | None:
        given = self._given.company_id
        if given:
            return self._read_company(given)
        known = self._standing.merchants[merchant].company_id
        needs = accounting == "pohoda" or "mserver" in (source.kind, target.kind)
        if known is not None or not needs:
            return known
        question = "Company number (IČO) of the accounting unit"
        return self._ask.answer(question, "--company-id", self._read_company)

    def _origin(self, journey: Journey, merchant: str, accounting: Accounting) -> str:
        """Which shop numbers the documents. Raises UsageError where nobody says whether it is another one."""
        given, standing = self._given.origin, self._standing
        if given:
            return self._named("--origin", given)
        if journey.kind == "product" and journey.direction == "in":
            return accounting
        usual = f"{journey.platform.id}-main"
        there = standing.origins_of(merchant, journey.platform.id)
        if not there or (journey.direction == "in" and len(there) == 1):
            return there[0] if there else usual
        if not self._ask.asks:
            raise UsageError(
                f"--origin is missing: there are routes of this platform; `--origin {there[0]}` is the same shop, "
                "any other name another shop (two shops may use the same numbers)"
            )
        hints = [
            f"of this platform there is {', '.join(f'`{name}`' for name in there)}: the same name is the same shop"
        ]
        return self._ask.answer(
            "Name of the shop that numbers them", "--origin", lambda text: self._named("--origin", text),
            default=there[0], hints=hints,
        )  # fmt: skip

    # -- where from, where to ------------------------------------------------------------------------------

    def _source(self, found: list[Journey], merchant: str, accounting: Accounting | None) -> Address:
        known = list(self._standing.endpoints)
        if found[0].direction == "in":
            own = self._standing.merchants[merchant].targets
            asked = [name for name in own if self._standing.can_be_asked(merchant, name)]
            hints = [f"targets that can be asked: {', '.join(asked)}"] if asked else []
            hints.append(
                "or: folder, pohoda-mserver http://user@host:444, pohoda-folder PATH, ftp://user@host/path"
            )
            default = asked[0] if asked and self._ask.offers and accounting != "profit" else ""
            return self._address(
                "Where from?", "--from", self._given.source, [*asked, *own, *known], default, hints
            )
        by_api = all(each.by_api for each in found)
        apis = self._apis(found[0].platform.id) if by_api else []
        hints = [f"connections that are there: {', '.join(known)}"] if known else []
        hints.append("or: api https://shop.example.cz" if by_api else f"or: {_EXAMPLE_FROM}")
        default = (apis[0] if apis else "") if by_api else "folder"
        return self._address(
            "Where from?", "--from", self._given.source, known, default if self._ask.offers else "", hints
        )

    def _target(self, found: list[Journey], merchant: str, accounting: Accounting | None) -> Address:
        standing = self._standing
        targets = standing.merchants[merchant].targets
        known = [*targets, *standing.endpoints]
        if found[0].direction == "in":
            by_api = all(each.by_api for each in found)
            apis = self._apis(found[0].platform.id) if by_api else []
            hint = "api https://shop.example.cz" if by_api else f"{_EXAMPLE_TO} of the web host"
            default = (apis[0] if apis else "") if by_api else f"out/{found[0].platform.id}"
        else:
            wants_offers = found[0].kind == "product"
            fitting = [
                name
                for name, written in targets.items()
                if ("offers" in written) is wants_offers
                and standing.accounting_of(merchant, name) in ((accounting,) if accounting else _PROGRAMS)
            ]
            hint = f'{_EXAMPLE_TO}, "pohoda-mserver http://user@host:444"'
            default = fitting[0] if fitting else f"out/{accounting or 'pohoda'}"
        hints = [f"targets that are there: {', '.join(targets)}"] if targets else []
        return self._address(
            "Where to?",
            "--to",
            self._given.target,
            known,
            default if self._ask.offers else "",
            [*hints, f"or: {hint}"],
        )

    def _address(
        self, question: str, option: str, given: str, known: list[str], default: str, hints: list[str]
    ) -> Address:
        from gateway.workbench.site_setup.addresses import read_address

        url = self._given.url

        def read(text: str) -> Address:
            found = read_address(text, option, list(dict.fromkeys(known)), url)
            if found.kind == "http" and option == "--to" and self._given.accounting == "pohoda":
                raise UsageError(f'--to: an mServer of POHODA is named by `--to "pohoda-mserver {found.url}"`')
            return found

        return read(given) if given else self._ask.answer(question, option, read, default=default, hints=hints)

    def _apis(self, platform: str) -> list[str]:
        """The endpoints of the API of a platform."""
        endpoints = self._standing.endpoints.items()
        return [name for name, options in endpoints if getattr(options, "platform", None) == platform]

    def _files(self, journey: Journey, source: Address) -> tuple[str, ...]:
        """The masks: those that were given, that of the address, or what the mapping reads if that is no XML."""
        from gateway.workbench.site_setup.journeys import mask_of

        if self._given.files or source.files:
            return self._given.files or (str(source.files),)
        if journey.direction == "in" or journey.by_api or source.kind == "http":
            return ()
        mask = mask_of(self._given.mapping or journey.row.mapping[0], self._standing.site)
        return () if mask == "*.xml" else (mask,)

    def _needs_mapping(self, journey: Journey, accounting: Accounting, source: Address) -> None:
        """Raise UsageError where the gateway has no mapping for it, or cannot read it that way."""
        if journey.direction == "in" and accounting == "profit" and not self._given.mapping:
            raise UsageError(
                "--mapping is missing: what PROFIT exports is described by a mapping of your own "
                "(docs/profit.md#price-list-back-to-the-shop)"
            )
        if journey.direction == "out":
            from gateway.workbench.site_setup.journeys import for_accounting

            for_accounting(journey, accounting)
        if source.kind == "mserver" and journey.direction == "out":
            raise UsageError(
                "--from: an mServer is POHODA's; the shop's documents come from a folder or an address"
            )

    # -- when, and with which care -------------------------------------------------------------------------

    def _with_times(self, wish: Wish) -> Wish:
        from gateway.workbench.site_setup.composing import usual_interval

        if self._given.every and wish.schedule:
            raise UsageError("--every and --schedule: take one of them")
        for text in wish.schedule:
            _checked(text, "--schedule", _schedule_of)
        usual = usual_interval(wish, self._standing)
        if wish.schedule or (usual is None and not self._given.every):
            return wish
        every = self._given.every or self._ask.answer(
            "How often is it asked?", "--every", _interval, default=usual or ""
        )
        return replace(wish, every=_interval(every))

    def _with_care(self, wish: Wish) -> Wish:
        """Rehearsal and the first day: the first run of a new shop must not send years of orders."""
        from gateway.documents import KINDS

        kind = KINDS[wish.journey.kind]
        rehearsal = self._given.rehearsal
        if rehearsal is None:
            question = "Begin in rehearsal, so that nothing is shipped until you say so?"
            rehearsal = wish.journey.is_event and self._ask.agrees(question, default=True)
        if kind.dated is None:
            if self._given.since and self._given.since != "all":
                raise UsageError(f"--since: `{wish.journey.words}` has no day to go by; leave it out")
            return replace(wish, rehearsal=rehearsal)
        today = SystemClock().now().astimezone().date()
        question = "Orders from which day on (a day, or `all`)?"
        since = self._given.since or self._ask.answer(question, "--since", _day_or_all, default=today.isoformat())
        day = None if since == "all" else date.fromisoformat(_day_or_all(since))
        return replace(wish, rehearsal=rehearsal, since=day)

    # -- names ---------------------------------------------------------------------------------------------

    def _free(self, journey: Journey) -> str:
        return self._standing.free_route(f"{journey.platform.id}-{journey.slug}")

    def _read_name(self, text: str) -> str:
        name = self._named("NAME", text)
        free = self._standing.free_route(name)
        if free != name:
            raise UsageError(
                f"there is a route `{name}` already, or the name is the gateway's own; `{free}` is free"
            )
        return name

    def _named(self, option: str, text: str) -> str:
        if not _NAME.fullmatch(text):
            raise UsageError(f"{option}: `{printable(text)}` is no name: letters, digits, `-` and `_`, at most 60")
        return text

    def _read_company(self, text: str) -> str:
        if not _COMPANY.fullmatch(text.strip()):
            raise UsageError(f"--company-id: `{printable(text)}` is no company number: digits, such as 12345678")
        return text.strip()


def _interval(text: str) -> str:
    return _checked(text, "--every", _duration_of)


def _day_or_all(text: str) -> str:
    if text == "all":
        return text
    return _checked(text, "--since", date.fromisoformat, "a day is written like 2026-11-01; `all` takes every one")


def _duration_of(text: str) -> Any:
    from pydantic import TypeAdapter

    from gateway.config.durations import Duration

    return TypeAdapter(Duration).validate_python(text)


def _schedule_of(text: str) -> Any:
    from gateway.config.schedule import parse

    return parse(text)


def _checked(text: str, option: str, read: Callable[[str], Any], told: str = "") -> str:
    """The text, once `read` has taken it. Raises UsageError with what is wrong."""
    from pydantic import ValidationError

    try:
        read(text)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{option}: {told or why}") from None
    except ValueError as error:
        raise UsageError(f"{option}: {told or error}") from None
    return text
