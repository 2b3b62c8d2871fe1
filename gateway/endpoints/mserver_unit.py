"""What mServer tells of the accounting unit that it works on, and whether that is the one that is meant.

The shape of /status?companyDetail differs between releases and is described nowhere in full (UNCONFIRMED), so each
fact is looked for by the name of its element, wherever it stands; releases of old answer with a line of text.
"""

from __future__ import annotations

import re

import msgspec
from lxml import etree

from gateway.endpoints.http_answer import is_page
from gateway.errors import EndpointUnreachable, PartnerRefused

_DATABASE = re.compile(r"StwPh_(\d{6,10})_(\d{4})(?:\.mdb)?", re.IGNORECASE)
_LONGEST = 100
_NOTHING_SENT = "nothing was sent"


class Unit(msgspec.Struct, frozen=True):
    """One accounting unit as it describes itself; None for what it does not tell."""

    company_id: str | None = None
    company: str | None = None
    year: int | None = None
    database: str | None = None
    program: str | None = None
    status: str | None = None

    def described(self) -> str:
        """The unit in one line."""
        number = f"company {self.company_id or '?'}"
        facts = (
            self.program and f"POHODA {self.program}",
            number + (f" ({self.company})" if self.company else ""),
            f"year {self.year or '?'}",
            self.status,
        )
        return ", ".join(fact for fact in facts if fact)


class Expected(msgspec.Struct, frozen=True):
    """The unit that is meant; any year where None."""

    company_id: str
    year: int | None = None


def read_unit(content: bytes, shown: str) -> Unit:
    """What an answer to /status tells; nothing where it is a text. Raises EndpointUnreachable for a web page."""
    if is_page(content[:2048]):
        raise EndpointUnreachable(
            f"{shown}: a web page came where mServer tells which unit it works on",
            code="E014",
            help="mServer has no pages: look which proxy or program answers under `url:` of the endpoint",
        )
    facts = _facts(content)
    database = facts.get("databasename")
    named = _DATABASE.fullmatch(database or "")
    number = _digits(facts.get("ico") or facts.get("ic") or "") or (named.group(1) if named else None)
    year = re.search(r"\b(\d{4})\b", facts.get("year", ""))
    return Unit(
        company_id=number,
        company=facts.get("company") or facts.get("companyname"),
        year=int(year.group(1)) if year else (int(named.group(2)) if named else None),
        database=database,
        program=facts.get("programversion"),
        status=facts.get("status"),
    )


def check(unit: Unit, expected: Expected, shown: str) -> str | None:
    """What of the unit cannot be checked; None where all of it is right. Raises PartnerRefused (E017).

    A year that is asked for must be told: nothing else guards it. The company number stands in every dataPack too,
    and POHODA imports nothing that bears another one.
    """
    if unit.company_id is not None and _plain(unit.company_id) != _plain(expected.company_id):
        whose = f" ({unit.company})" if unit.company else ""
        raise _another(
            f"{shown}: mServer works on the company {unit.company_id}{whose}, and `company_id:` of the endpoint "
            f"is {expected.company_id}",
            "start mServer on the right unit, or correct `company_id:`",
        )
    if expected.year is not None and unit.year is None:
        raise _another(
            f"{shown}: mServer does not tell its year, and `year:` of the endpoint is {expected.year}",
            "leave `year:` out where the release cannot tell it, and mind the year yourself",
        )
    if expected.year is not None and unit.year != expected.year:
        raise _another(
            f"{shown}: mServer works on the year {unit.year}, and `year:` of the endpoint is {expected.year}",
            "start mServer on the right year, or correct `year:`",
        )
    if unit.company_id is None:
        return "it does not tell its company, so that alone the number in each dataPack guards it"
    return None


def _another(message: str, advice: str) -> PartnerRefused:
    return PartnerRefused(
        message, code="E017", help=f"{_NOTHING_SENT}; {advice}, then `gateway release` the target if it is held"
    )


def _facts(content: bytes) -> dict[str, str]:
    """The texts of an answer by the names of their elements and attributes, in small letters; first ones win."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    for element in root.iter(etree.Element):
        here = [(etree.QName(element).localname, element.text or "")]
        here += [(etree.QName(name).localname, value) for name, value in element.attrib.items()]
        for name, value in here:
            text = " ".join(str(value).split())[:_LONGEST]
            if text:
                found.setdefault(str(name).lower(), text)
    return found


def _digits(text: str) -> str | None:
    return re.sub(r"\D", "", text) or None


def _plain(number: str) -> str:
    return re.sub(r"\D", "", number).lstrip("0")
