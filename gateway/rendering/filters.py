"""The filters of templates: a typed, documented list, and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date as day_type
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.documents import Invoice, Order, OrderLine, Price
from gateway.rendering.desk import Desk, tell_replaced
from gateway.rendering.money import (
    absent,
    amount,
    deduction,
    fixed,
    historical,
    plain_number,
    quantity,
    remainder,
    rounding_rule,
    unit_price,
    vat_slot,
)
from gateway.rendering.user_fields import FilledField, UserField
from gateway.rendering.user_fields import filled as filled_of

_TEXTS = {str, type(None)}


class Filter(msgspec.Struct, frozen=True):
    """One filter.

    takes: the types of value it works on; gives: the type of its result, item: of each one of several; optional:
    whether the result may be None.
    plain: the result needs no escaping. arguments: as people write them. line: its documentation, one sentence.
    least, most: how many arguments it may have.
    """

    name: str
    call: Callable[..., Any]
    takes: tuple[type, ...]
    gives: type
    line: str
    example: str
    arguments: str = ""
    least: int = 0
    most: int = 0
    plain: bool = False
    optional: bool = False
    item: type | None = None


def text(desk: Desk, value: str | None, longest: int | None = None, *, site: int) -> str:
    """One line, fitted into the character set and cut; see the registry for the promise."""
    if type(value) is str and (longest is None or len(value) <= longest) and desk.charset.fits_line(value):
        return value
    return _fitted(desk, value, longest, site, lines=False)


def memo(desk: Desk, value: str | None, longest: int | None = None, *, site: int) -> str:
    """Like `text`, with the line breaks kept."""
    return _fitted(desk, value, longest, site, lines=True)


def code(desk: Desk, value: str | None, longest: int | None = None, *, site: int) -> str:
    """One line that must not change: what is too long or has foreign characters is refused."""
    if type(value) is str and (longest is None or len(value) <= longest) and desk.charset.fits_line(value):
        return value
    if not isinstance(value, str):
        return absent(desk, value, site)
    whole = value.strip()
    if longest is not None and len(whole) > longest:
        return desk.refuse(
            site,
            "T015",
            f"{{field}} has {len(whole)} characters, the target keeps {longest}",
            "shorten it in the shop: a cut code would name something else",
            f"value: {whole}",
        )
    if not desk.charset.holds(whole):
        return desk.refuse(
            site,
            "T015",
            f"{{field}} holds characters that {desk.charset.encoding} lacks",
            "change it in the shop: a replaced character would name something else",
            f"value: {whole}",
        )
    return whole


def date(desk: Desk, value: day_type | None, *, site: int) -> str:
    """The day in the value's own time zone: `2026-11-21`."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, day_type) else absent(desk, value, site)


def moment(desk: Desk, value: datetime | None, form: str = "zoned", *, site: int) -> str:
    """The time in the value's own time zone; see the registry for its forms."""
    if not isinstance(value, datetime):
        return absent(desk, value, site)
    if form == "zoned":
        return value.isoformat(timespec="seconds")
    return value.replace(tzinfo=None).isoformat(" ", "minutes" if form == "minutes" else "seconds")


def boolean(desk: Desk, value: bool | None, *, site: int) -> str:  # noqa: FBT001 - a filter's value
    """`true` or `false`."""
    if value is True:
        return "true"
    return "false" if value is False else absent(desk, value, site)


def lookup(desk: Desk, value: str | None, table: str, *default: str | None, site: int) -> str | None:
    """The target's own code for a canonical one."""
    if value is None:
        return absent(desk, value, site)
    rows = desk.lookups.get(table, {})
    found = rows.get(str(value))
    if found is not None:
        return found
    if default:
        return None if default[0] is None else str(default[0])
    known = ", ".join(f"{key} → {own}" for key, own in rows.items()) or "(nothing)"
    return desk.refuse(
        site,
        "T005",
        f"`{value}` has no entry in the lookup `{table}`",
        f"add `{value}: …` below `lookups: {{{table}: …}}` in the route's `to:` block",
        f"known: {known}",
    )


def user_fields(
    desk: Desk, document: msgspec.Struct, fields: tuple[UserField, ...], *, site: int
) -> tuple[FilledField, ...]:
    """The user fields for which the document has a value."""
    del desk, site
    return filled_of(document, fields, plain_number)


def joined(desk: Desk, parts: list[Any], separator: str = ", ", *, site: int) -> str:
    """The parts that are there, as one text."""
    if _TEXTS.issuperset(map(type, parts)):
        return separator.join(filter(None, parts))
    there = [part for part in parts if part is not None and part != ""]
    return separator.join([part if type(part) is str else desk.join((part,), site) for part in there])


def compact(desk: Desk, value: str | None, *, site: int) -> str:
    """Without any white space."""
    return "".join(value.split()) if isinstance(value, str) else absent(desk, value, site)


def digits(desk: Desk, value: str | None, longest: int | None = None, *, site: int) -> str:
    """The digits of a text; too many are refused."""
    if not isinstance(value, str):
        return absent(desk, value, site)
    found = "".join(character for character in value if character in "0123456789")
    return code(desk, found, longest, site=site)


def is_none(value: object) -> bool:
    """Whether there is no value."""
    return value is None


TESTS: Mapping[str, Callable[[Any], bool]] = {"none": is_none, "historical": historical}
"""The tests of templates: `x is none`, `slot is historical`."""

FILTERS: Mapping[str, Filter] = {
    entry.name: entry
    for entry in (
        Filter(
            "text",
            text,
            (str,),
            str,
            "one line of text: white space collapsed, characters that the target's character set lacks replaced "
            "(T007), cut to `longest` characters (T006)",
            "{{ line.name | text(90) }}",
            "longest",
            most=1,
        ),
        Filter(
            "memo",
            memo,
            (str,),
            str,
            "like `text`, with line breaks kept",
            "{{ document.customer_note | memo }}",
            "longest",
            most=1,
        ),
        Filter(
            "code",
            code,
            (str,),
            str,
            "a code of at most `longest` characters; it is trimmed, but never cut or changed: what does not "
            "fit is refused (T015)",
            "{{ line.sku | code(64) }}",
            "longest",
            most=1,
        ),
        Filter(
            "digits",
            digits,
            (str,),
            str,
            "the digits of a text, at most `longest` of them (T015); an empty text where it has none",
            "{{ document.number | digits(10) }}",
            "longest",
            most=1,
        ),
        Filter("compact", compact, (str,), str, "the text without white space", "{{ party.vat_id | compact }}"),
        Filter(
            "joined",
            joined,
            (list, tuple),
            str,
            "the parts of a list that are there, with the separator between them (a comma and a blank)",
            '{{ [line.name, line.variant] | joined(" ") }}',
            "separator",
            most=1,
        ),
        Filter(
            "amount",
            amount,
            (Decimal,),
            str,
            "a decimal number without exponent and trailing zeros, rounded half up to `places` (told as T014)",
            "{{ line.unit_price.given | amount(4) }}",
            "places = 4",
            most=1,
            plain=True,
        ),
        Filter(
            "fixed",
            fixed,
            (Decimal,),
            str,
            "a decimal number with exactly so many places, `242.00`, rounded half up (told as T014)",
            "{{ document.price.gross | fixed(2) }}",
            "places = 2",
            most=1,
            plain=True,
        ),
        Filter(
            "unit_price",
            unit_price,
            (OrderLine,),
            str,
            "the unit price of a line (`basis` is `net` or `gross`) with up to four places; refused where it does "
            "not lead to the line's total within one minor unit of the currency (T017), or told if `row_totals` "
            "is `warn`",
            '{{ line | unit_price("gross", document.currency) }}',
            "basis, currency, row_totals = `error`",
            least=2,
            most=3,
            plain=True,
        ),
        Filter(
            "remainder",
            remainder,
            (Order, Invoice),
            Decimal,
            "what an item for the rounding holds, 0 where none is needed: the declared rounding if the rule is "
            "`item`, and the cents between POHODA's sum of the written prices and the shop's amount; with "
            "`rest` as `note`, and where an item cannot make them equal, the difference is told (T018)",
            '{{ document | remainder("none", settings.prices) | amount(4) }}',
            "rule, prices, rest = `item`",
            least=2,
            most=3,
        ),
        Filter(
            "quantity",
            quantity,
            (Decimal,),
            str,
            "a decimal number without exponent and trailing zeros, never rounded",
            "{{ line.quantity | quantity }}",
            plain=True,
        ),
        Filter(
            "date",
            date,
            (day_type, datetime),
            str,
            "the day in the document's own time zone, `2026-11-21`",
            "{{ document.ordered_at | date }}",
            plain=True,
        ),
        Filter(
            "moment",
            moment,
            (datetime,),
            str,
            "the time in the document's own time zone, `2026-11-21T08:00:00+01:00`; `plain` writes "
            "`2026-11-21 08:00:00`, and `minutes` that without the seconds",
            "{{ document.special_price_until | moment }}",
            "form = `zoned`",
            most=1,
            plain=True,
        ),
        Filter(
            "boolean", boolean, (bool,), str, "`true` or `false`", "{{ settings.reserve | boolean }}", plain=True
        ),
        Filter(
            "lookup",
            lookup,
            (str,),
            str,
            "the target's code for a canonical one, from the route's `lookups:`; a missing entry is an error "
            "(T005) unless a default is given, such as `none`",
            '{{ document.payment.method | lookup("payment") }}',
            "table, default",
            least=1,
            most=2,
        ),
        Filter(
            "vat_slot",
            vat_slot,
            (Decimal,),
            str,
            "the VAT slot of a rate on a day in a country (`vat_rates.yaml` of the template's folder): `none`, "
            "`high`, `low`, `third`, or `historyHigh` and so on for a rate of another time; another country's "
            "rate is an error (T012) unless `foreign` is `history`. With `none` as the day the latest rates "
            "count; with `abroad` it is `historyHigh` for the country's standard rate, else `historyLow`",
            "{{ line.vat_rate | vat_slot(document.ordered_at, settings.home_country) }}",
            "day, country, foreign = `error`",
            least=2,
            most=3,
        ),
        Filter(
            "rounding_rule",
            rounding_rule,
            (Order, Invoice),
            str,
            "POHODA's rule that leads from the order's total to the amount to pay; `none` where nothing was "
            "rounded, `item` where no rule does",
            "{{ document | rounding_rule }}",
        ),
        Filter(
            "deduction",
            deduction,
            (Invoice,),
            Price,
            "what earlier advances have paid, as a negative price; none where nothing was, refused (T021) if "
            "`advances` is `error`, told if it is `note`; `taxed` takes the VAT of the lines, `untaxed` none",
            "{{ (document | deduction(settings.advances)).gross | amount }}",
            "advances",
            least=1,
            most=1,
            optional=True,
        ),
        Filter(
            "user_fields",
            user_fields,
            (msgspec.Struct,),
            tuple,
            "the user fields of a table of settings for which the document has a value: `name`, `type`, `text`, "
            "and `list` where the value is of one",
            "{% for field in document | user_fields(settings.parameters) %}",
            "fields",
            least=1,
            most=1,
            item=FilledField,
        ),
    )
}
"""All filters by name."""


def _fitted(desk: Desk, value: str | None, longest: int | None, site: int, *, lines: bool) -> str:
    if not isinstance(value, str):
        return absent(desk, value, site)
    given = str(value)
    fitted = desk.charset.lines(given) if lines else desk.charset.line(given)
    if fitted.replaced:
        tell_replaced(desk, site, desk.charset.encoding, given, fitted.text, fitted.replaced)
    if longest is None or len(fitted.text) <= longest:
        return fitted.text
    cut = fitted.text[:longest].rstrip()
    desk.note(
        site,
        "T006",
        f"{{field}} has {len(fitted.text)} characters and was cut to {longest}",
        None,
        f"before: {fitted.text}",
        f"after: {cut}",
    )
    return cut
