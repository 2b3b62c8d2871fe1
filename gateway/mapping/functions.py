"""What expressions may call: filters, tests and functions, each with its types, its meaning and an example.

docs/mapping.md has the same list; `reference` writes its rows, and a test compares.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, get_type_hints

import msgspec

from gateway.mapping.numbers import read_number
from gateway.mapping.places import read_country, read_currency
from gateway.mapping.unreadable import Unreadable

Kind = Literal["text", "number", "yes/no", "time", "anything"]
Role = Literal["filter", "test", "function"]

_LONGEST_PAD = 100
_KINDS: dict[Any, Kind] = {
    str: "text",
    str | None: "text",
    Decimal: "number",
    Decimal | None: "number",
    int: "number",
    bool: "yes/no",
}


class Function(msgspec.Struct, frozen=True):
    """One entry of the registry.

    takes: the kinds of the arguments, the one before the bar or `is` first; a last one that may come again
    counts `many` times. needed: how many must be given. gives: the kind of the result.
    example, result: an expression and its value as text.
    """

    name: str
    role: Role
    takes: tuple[Kind, ...]
    needed: int
    many: bool
    gives: Kind
    says: str
    example: str
    result: str
    call: Callable[..., Any]

    def reference(self) -> str:
        """The row of docs/mapping.md."""
        shown = self.example.replace("|", "\\|")
        result = f"`{self.result}`" if self.result else "nothing"
        return f"| `{self.name}` | {', '.join(self.takes)} → {self.gives} | {self.says} | `{shown}` is {result} |"


FILTERS: dict[str, Function] = {}
TESTS: dict[str, Function] = {}
FUNCTIONS: dict[str, Function] = {}
_TABLES: dict[Role, dict[str, Function]] = {"filter": FILTERS, "test": TESTS, "function": FUNCTIONS}


def as_text(value: object) -> str:
    """A value as the text that texts are made of: nothing is `""`, a number has no exponent."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def as_number(value: object) -> Decimal | int:
    """A value that must be a number. Raises TypeError."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return value
    raise TypeError(f"a number is needed, not {value!r}"[:80])


def number_of(text: str) -> Decimal | None:
    """What `number('PATH')` is: the number in the text of the path. Raises Unreadable (D002)."""
    return read_number(text) if text else None


def divide(left: Decimal | int, right: Decimal | int) -> Decimal:
    """`/`, never by way of a float."""
    return Decimal(left) / right


def joined(*parts: object) -> str:
    """`~`."""
    return "".join([as_text(part) for part in parts])


def _listed(role: Role, example: str, result: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function: its name is the Python one without `_`, its kinds are its annotations."""

    def enter(call: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(call)
        parameters = list(inspect.signature(call).parameters.values())
        takes = tuple(_KINDS.get(hints[each.name], "anything") for each in parameters)
        texts = frozenset(index for index, kind in enumerate(takes) if kind == "text")
        name = call.__name__.strip("_")
        many = parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
        _TABLES[role][name] = Function(
            name=name,
            role=role,
            takes=takes,
            needed=sum(each.default is inspect.Parameter.empty for each in parameters),
            many=many,
            gives=_KINDS.get(hints["return"], "anything"),
            says=inspect.cleandoc(call.__doc__ or "").rstrip("."),
            example=example,
            result=result,
            call=_with_texts(call, texts) if texts else call,
        )
        return call

    return enter


def _with_texts(call: Callable[..., Any], texts: frozenset[int]) -> Callable[..., Any]:
    """An absent text is an empty one; a number is taken as it is written."""
    if texts == {0}:
        return lambda subject, *rest: call(as_text(subject), *rest)
    return lambda *given: call(*[as_text(each) if at in texts else each for at, each in enumerate(given)])


# -- filters: texts ------------------------------------------------------------------------------------------


@_listed("filter", "'Dlouhá' | upper", "DLOUHÁ")
def upper(text: str) -> str:
    """in capitals"""
    return text.upper()


@_listed("filter", "'KČ' | lower", "kč")
def lower(text: str) -> str:
    """in small letters"""
    return text.lower()


@_listed("filter", "' a  b ' | trim", "a b")
def trim(text: str) -> str:
    """without white space at the ends, runs of it within are one blank"""
    return " ".join(text.split())


@_listed("filter", "'Brno' | length", "4")
def length(text: str) -> int:
    """how many characters"""
    return len(text)


@_listed("filter", "'602-100-200' | replace('-', ' ')", "602 100 200")
def replace(text: str, old: str, new: str) -> str:
    """every first one replaced by the second one"""
    if not old:
        raise ValueError("`replace` needs a text to look for")
    return text.replace(old, new)


@_listed("filter", "'CZ 123 45' | digits", "12345")
def digits(text: str) -> str:
    """the digits alone"""
    return "".join([each for each in text if each in "0123456789"])


@_listed("filter", "'CZ27082440' | first(2)", "CZ")
def first(text: str, count: int = 1) -> str:
    """the first character, or that many"""
    return text[:count]


@_listed("filter", "'2026000124' | last(4)", "0124")
def last(text: str, count: int = 1) -> str:
    """the last character, or that many"""
    return text[-count:] if count > 0 else ""


@_listed("filter", "'Jan Novák' | before(' ')", "Jan")
def before(text: str, separator: str) -> str:
    """what stands before the separator; the whole text where there is none"""
    return text.partition(_given(separator))[0].strip()


@_listed("filter", "'Jan Karel Novák' | after(' ')", "Karel Novák")
def after(text: str, separator: str) -> str:
    """what stands after the separator; nothing where there is none"""
    return text.partition(_given(separator))[2].strip()


@_listed("filter", "'Jan Karel Novák' | before_last(' ')", "Jan Karel")
def before_last(text: str, separator: str) -> str:
    """what stands before the last separator; the whole text where there is none"""
    head, found, _ = text.rpartition(_given(separator))
    return head.strip() if found else text


@_listed("filter", "'Jan Karel Novák' | after_last(' ')", "Novák")
def after_last(text: str, separator: str) -> str:
    """what stands after the last separator; nothing where there is none"""
    _, found, tail = text.rpartition(_given(separator))
    return tail.strip() if found else ""


@_listed("filter", "'Z-BOX (id 4711)' | between('(id', ')')", "4711")
def between(text: str, left: str, right: str) -> str:
    """what stands between the two; nothing where one of them is not there"""
    _, _, tail = text.partition(_given(left))
    inner, found, _ = tail.partition(_given(right))
    return inner.strip() if found else ""


@_listed("filter", "'PPL Parcel CZ' | word(-1)", "CZ")
def word(text: str, number: int) -> str:
    """the word of that number, from 1; -1 is the last one; nothing where there is none"""
    words = text.split()
    if number == 0 or abs(number) > len(words):
        return ""
    return words[number - 1 if number > 0 else number]


@_listed("filter", "'CZ27082440' | without_prefix('CZ')", "27082440")
def without_prefix(text: str, prefix: str) -> str:
    """without that beginning, in capitals or small"""
    has = bool(prefix) and text.casefold().startswith(prefix.casefold())
    return text[len(prefix) :].strip() if has else text


@_listed("filter", "'12 ks' | without_suffix('ks')", "12")
def without_suffix(text: str, suffix: str) -> str:
    """without that end, in capitals or small"""
    has = bool(suffix) and text.casefold().endswith(suffix.casefold())
    return text[: -len(suffix)].strip() if has else text


@_listed("filter", "'42' | pad(6, '0')", "000042")
def pad(text: str, count: int, filling: str = " ") -> str:
    """filled up on the left to that many characters"""
    if not 0 <= count <= _LONGEST_PAD or len(filling) != 1:
        raise ValueError(f"`pad` fills with one character, to at most {_LONGEST_PAD}")
    return text.rjust(count, filling)


@_listed("filter", "'17. listopadu 1234/5a' | street", "17. listopadu")
def street(text: str) -> str:
    """a street without its house number; see `house_number`"""
    return " ".join(text.split()[: _house_at(text)]).rstrip(",")


@_listed("filter", "'17. listopadu 1234/5a' | house_number", "1234/5a")
def house_number(text: str) -> str:
    """from the first word on that begins with a digit; not the first word, nor an ordinal such as `28.` before a name"""  # noqa: E501 - one row of the reference
    return " ".join(text.split()[_house_at(text) :])


@_listed("filter", "'1 210 Kč' | currency", "CZK")
def currency(text: str) -> str:
    """the ISO code of the currency that stands beside a number, or alone; nothing where there is none"""
    left = "".join([" " if each.isdigit() or each in "-+.,'’%\u2212" else each for each in text])
    return read_currency(" ".join(left.split())) if left.strip() else ""


@_listed("filter", "'Česká republika' | country", "CZ")
def country(text: str) -> str:
    """the ISO code of a country; an unknown one is a problem (D005)"""
    return read_country(text.strip()) if text.strip() else ""


# -- filters: numbers and whatever there is ------------------------------------------------------------------


@_listed("filter", "'1 210,50 Kč' | number", "1210.50")
def number(text: str) -> Decimal | None:
    """the number in a text; none where it is empty"""
    folded = " ".join(text.split())
    return read_number(folded) if folded else None


@_listed("filter", "2.345 | round(2)", "2.35")
def _round(number: Decimal, places: int = 0) -> Decimal:
    """rounded, halves away from zero"""
    return Decimal(as_number(number)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@_listed("filter", "(0 - 5) | abs", "5")
def _abs(number: Decimal) -> Decimal:
    """without its sign"""
    return abs(Decimal(as_number(number)))


@_listed("filter", "7.9 | int", "7")
def _int(number: Decimal) -> int:
    """the whole part"""
    return int(as_number(number))


@_listed("filter", "text('MISSING') | default('CZ')", "CZ")
def default(value: object, other: object) -> object:
    """the other one where there is nothing"""
    return other if value is None or value == "" else value


# -- tests ---------------------------------------------------------------------------------------------------


@_listed("test", "text('MISSING') is none", "false")
def none(value: object) -> bool:
    """there is no value; the text of a path is never none but empty"""
    return value is None


@_listed("test", "number('MISSING') is defined", "false")
def defined(value: object) -> bool:
    """there is a value"""
    return value is not None


@_listed("test", "'0123' is digits", "true")
def _digits(text: str) -> bool:
    """nothing but digits"""
    return text.isascii() and text.isdigit()


@_listed("test", "'1 210 Kč' is number", "true")
def _number(value: object) -> bool:
    """a number, or a text that reads as one"""
    if not isinstance(value, str):
        return isinstance(value, Decimal | int) and not isinstance(value, bool)
    try:
        return number(value) is not None
    except Unreadable:
        return False


@_listed("test", "'Osobní odběr' is starting_with 'osobní'", "true")
def starting_with(text: str, start: str) -> bool:
    """begins so, in capitals or small"""
    return text.casefold().startswith(start.casefold())


@_listed("test", "'Balík PPL' is ending_with 'ppl'", "true")
def ending_with(text: str, end: str) -> bool:
    """ends so, in capitals or small"""
    return text.casefold().endswith(end.casefold())


@_listed("test", "'Platba kartou online' is containing 'KART'", "true")
def containing(text: str, part: str) -> bool:
    """has it somewhere, in capitals or small"""
    return part.casefold() in text.casefold()


@_listed("test", "4 is divisibleby 2", "true")
def divisibleby(number: Decimal, by: Decimal) -> bool:
    """divided without a remainder"""
    return as_number(number) % as_number(by) == 0


# -- functions -----------------------------------------------------------------------------------------------


@_listed("function", "min(3, 1.5)", "1.5")
def _min(*numbers: Decimal) -> Decimal:
    """the smallest; what is none is left out"""
    return min(_numbers(numbers))


@_listed("function", "max(number('A'), 2)", "2")
def _max(*numbers: Decimal) -> Decimal:
    """the largest; what is none is left out"""
    return max(_numbers(numbers))


@_listed("function", "sum(number('A'), 2, 0.5)", "2.5")
def _sum(*numbers: Decimal) -> Decimal:
    """added up; what is none is left out"""
    return sum(_numbers(numbers), Decimal(0))


@_listed("function", "vat_rate('CZ', 'standard', '2026-11-20')", "21")
def vat_rate(country: str, name: str, day: object) -> Decimal | None:
    """the VAT rate of a country (`shared/vat_rates`) on a day; the names are `standard`, `reduced`, `second_reduced`, `zero`"""  # noqa: E501 - one row of the reference
    from gateway.mapping.tables import vat_rate_of

    return vat_rate_of(country, name, day if isinstance(day, date) else date.fromisoformat(as_text(day)[:10]))


@_listed("function", "vat_rate_between('CZ', 41.31, 49.99, '2026-11-20')", "21")
def vat_rate_between(
    country: str, net: Decimal | None, gross: Decimal | None, day: object, unit: Decimal = Decimal("0.01")
) -> Decimal | None:
    """the VAT rate of a country (`shared/vat_rates`) on a day that leads from a net to a gross amount which are rounded to a unit (0.01) or finer; none where none does, and where both are 0"""  # noqa: E501 - one row of the reference
    from gateway.mapping.tables import vat_rate_leading

    if net is None or gross is None:
        return None
    on = day if isinstance(day, date) else date.fromisoformat(as_text(day)[:10])
    amounts = Decimal(as_number(net)), Decimal(as_number(gross))
    return vat_rate_leading(country, *amounts, on, Decimal(as_number(unit)))


def _numbers(given: tuple[object, ...]) -> list[Decimal]:
    return [Decimal(as_number(each)) for each in given if each is not None]


def _given(separator: str) -> str:
    if not separator:
        raise ValueError("the separator is empty")
    return separator


def _house_at(text: str) -> int:
    """The index of the word that the house number begins with; behind the last word where there is none."""
    words = text.split()
    for at, each in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        ordinal = each.endswith(".") and each[:-1].isdigit() and following[:1].isalpha()
        if at > 0 and each[0].isdigit() and not ordinal:
            return at
    return len(words)
