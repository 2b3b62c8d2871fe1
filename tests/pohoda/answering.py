"""How an accounting unit answers: the bytes of a dataPack become the bytes of a responsePack.

Nothing here knows how the two travel; folders are the matter of `tests.pohoda.office`. UNCONFIRMED marks what no
official text says of POHODA.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from lxml import etree

from tests.pohoda.books import BookedOrder, Books

OWN_SCHEMA = Path(__file__).resolve().parents[2] / "xsd" / "pohoda" / "data.xsd"
ENVELOPE = Path(__file__).with_name("envelope.xsd")
PROGRAM = "14302.10 SQL (1.9.2026)"
UNIT_KEY = "0f6e2c1a-5b7d-4c3e-9a81-2d4f6b8c0e13"
SERIES = "26OP"
FILES = {
    "dat": "data",
    "ord": "order",
    "typ": "type",
    "rsp": "response",
    "rdc": "documentresponse",
}
NAMESPACES = {prefix: f"http://www.stormware.cz/schema/version_2/{file}.xsd" for prefix, file in FILES.items()}
_SAID = {prefix: uri for prefix, uri in NAMESPACES.items() if prefix != "dat"}  # declared in every answer

NOT_XML = "Soubor nelze načíst: není to správně utvořené XML."
NOT_A_PACK = "Dávka neodpovídá schématu."
NOT_VALID = "Nepodařila se validace dokumentu podle schématu."
OTHER_COMPANY = "Dávka je určena jiné účetní jednotce."
MAY_NOT = "Uživatel nesmí importovat XML."
THERE_ALREADY = "Záznam už v agendě je."
TRY_AGAIN = "Při zpracování došlo k chybě."
NOT_KNOWN = "Tato hodnota není známá."
CHANGED = "Hodnota byla při importu změněna."


class Mood(Enum):
    """How it goes with one file. What stands below the line is the matter of who carries the answers."""

    FINE = "fine"
    BUSY = "busy"  # 556 for every item, nothing is booked
    PARTLY_BUSY = "partly busy"  # 556 for every second item, the others are booked
    DENIED = "denied"  # the whole pack is refused, and its id not even repeated
    # ---
    CUT = "cut"  # booked; the answer breaks off in the middle, the next pass writes it whole
    HTML = "html"  # booked; where the answer should be stands a page of some server on the way
    SILENT = "silent"  # booked; there is no answer
    SLOW = "slow"  # booked; the answer comes some passes later
    CRASH = "crash"  # booked; the program ends before it answers, and leaves the other files for the next pass


@dataclass(frozen=True)
class Manners:
    """How POHODA words what happened, where releases differ or nobody knows. UNCONFIRMED, all but the first."""

    old_release: bool = False  # of what was made it tells id and number only
    pack_tells: bool = True  # a failed item makes the pack's state an error too
    errors_inside: bool = False  # an item whose record failed is `ok` itself, only the answer in it is `error`


@dataclass(frozen=True)
class Detail:
    """One remark on an import: a warning or an error, and what it is about."""

    state: str
    errno: int
    note: str
    path: str
    requested: str = ""
    produced: str | None = None


class Unit:
    """One accounting unit: it imports what it is handed, one pack after the other."""

    def __init__(
        self,
        books: Books,
        *,
        company_id: str = "12345678",
        unknown_stock: Iterable[str] = (),
        unknown_payments: Iterable[str] = (),
        payment_instead: str = "",
        vendor: Path | None = None,
        manners: Manners | None = None,
        today: Callable[[], date] = lambda: date(2026, 11, 20),
    ) -> None:
        self.books = books
        self.company_id = company_id
        self.unknown_stock = set(unknown_stock)
        self.unknown_payments = set(unknown_payments)
        self.payment_instead = payment_instead
        self.manners = manners or Manners()
        self._today = today
        self._lock = threading.Lock()
        self._envelope = _schema(ENVELOPE)
        self._schemas = [_schema(OWN_SCHEMA)]
        if vendor is not None and (vendor / "data.xsd").is_file():
            self._schemas.append(_schema(vendor / "data.xsd"))

    def answer(self, request: bytes, *, check_duplicity: bool = True, mood: Mood = Mood.FINE) -> bytes:
        """Import a pack, one request after the other, and say what became of it."""
        with self._lock:
            self.books.refresh()
            return self._answer(request, check_duplicity, mood)

    def _answer(self, request: bytes, check_duplicity: bool, mood: Mood) -> bytes:
        if mood is Mood.DENIED:
            return _written(self._pack("", "error", MAY_NOT))
        try:
            root = etree.fromstring(request, _parser())
        except etree.XMLSyntaxError as error:
            return _written(self._pack("", "error", _note(NOT_XML, [str(error)])))
        pack_id = root.get("id", "")
        docinfo: Any = root.getroottree().docinfo
        if docinfo.doctype:
            return _written(self._pack("", "error", _note(NOT_XML, ["DTD"])))
        if not self._envelope.validate(root):
            return _written(self._pack(pack_id, "error", _note(NOT_A_PACK, _errors(self._envelope))))
        if not self._is_ours(root):
            return _written(self._pack(pack_id, "error", OTHER_COMPANY))
        answer = self._pack(pack_id, "ok", "")
        failed = False
        for position, item in enumerate(root.findall("dat:dataPackItem", NAMESPACES), 1):
            busy = mood is Mood.BUSY or (mood is Mood.PARTLY_BUSY and position % 2 == 0)
            failed |= not self._import(answer, pack_id, item, position, check_duplicity=check_duplicity, busy=busy)
        if failed and self.manners.pack_tells:
            answer.set("state", "error")
        return _written(answer)

    def _is_ours(self, root: etree._Element) -> bool:
        """The company number has the first word, to the letter; the key of the unit counts where there is none."""
        if root.get("ico"):
            return root.get("ico") == self.company_id
        return root.get("key") == UNIT_KEY  # UNCONFIRMED: a pack with neither is refused

    # -- one item ------------------------------------------------------------------------------------------

    def _import(
        self,
        answer: etree._Element,
        pack_id: str,
        item: etree._Element,
        position: int,
        *,
        check_duplicity: bool,
        busy: bool,
    ) -> bool:
        """Import one item and add what is said of it; whether it was imported now."""
        item_id = item.get("id", "")
        said = _add(answer, "rsp:responsePackItem", version="2.0", id=item_id, state="error")
        errors = self._schema_errors(item)
        if errors:
            said.set("note", _note(NOT_VALID, errors))
            return False
        if busy:  # UNCONFIRMED: before the check for duplicates
            here = f"dat:dataPack/dat:dataPackItem[{position}]/ord:order"
            self._say(said, [Detail("error", 556, TRY_AGAIN, here)])
            return False
        known = self.books.imported(pack_id, item_id) if check_duplicity else []
        if known:
            said.set("note", THERE_ALREADY)
            self._say_known(said, known)
            return False
        order = item.find("ord:order", NAMESPACES)
        assert order is not None
        details = list(self._remarks(order, f"dat:dataPack/dat:dataPackItem[{position}]/ord:order"))
        if any(detail.state == "error" for detail in details):
            self._say(said, details)
            return False
        booked = self._book(order, pack_id, item_id)
        said.set("state", "ok")
        self._say(said, details, booked, order)
        return True

    def _schema_errors(self, item: etree._Element) -> list[str]:
        alone = etree.Element(_tag("dat:dataPack"), nsmap=NAMESPACES)
        for name, value in (("id", "pack"), ("ico", self.company_id), ("application", "unit"), ("note", "")):
            alone.set(name, value)
        alone.set("version", "2.0")
        alone.append(copy.deepcopy(item))
        return [error for schema in self._schemas if not schema.validate(alone) for error in _errors(schema)]

    def _remarks(self, order: etree._Element, here: str) -> Iterator[Detail]:
        """What this unit does not know."""
        payment = _text(order, "ord:orderHeader/ord:paymentType/typ:ids")
        if payment in self.unknown_payments:
            path = f"{here}/ord:orderHeader/ord:paymentType/typ:ids"
            yield Detail("warning", 603, CHANGED, path, payment, self.payment_instead)
        for position, line in enumerate(order.findall("ord:orderDetail/ord:orderItem", NAMESPACES), 1):
            code = _text(line, "ord:stockItem/typ:stockItem/typ:ids")
            if code in self.unknown_stock:
                # UNCONFIRMED: how deep the path goes
                path = f"{here}/ord:orderDetail/ord:orderItem[{position}]/ord:stockItem/typ:stockItem/typ:ids"
                yield Detail("error", 108, NOT_KNOWN, path, code)

    def _book(self, order: etree._Element, pack_id: str, item_id: str) -> BookedOrder:
        payment = _text(order, "ord:orderHeader/ord:paymentType/typ:ids")
        return self.books.book(
            series=_text(order, "ord:orderHeader/ord:number/typ:ids") or SERIES,
            order=_text(order, "ord:orderHeader/ord:numberOrder"),
            pack=pack_id,
            item=item_id,
            total=sum(map(_amount, order.findall("ord:orderDetail/ord:orderItem", NAMESPACES)), Decimal(0)),
            payment=self.payment_instead if payment in self.unknown_payments else payment,
            imported_on=self._today(),
        )

    # -- what is said --------------------------------------------------------------------------------------

    def _pack(self, pack_id: str, state: str, note: str) -> etree._Element:
        pack = etree.Element(_tag("rsp:responsePack"), nsmap=_SAID)
        values = {"version": "2.0", "id": pack_id, "state": state, "note": note, "programVersion": PROGRAM}
        if not self.manners.old_release:
            values |= {"ico": self.company_id, "key": UNIT_KEY}
        for name, value in values.items():
            pack.set(name, value)
        return pack

    def _say_known(self, said: etree._Element, known: list[BookedOrder]) -> None:
        detail = _add(said, "rsp:errorDetail")
        for booked in known:
            double = _add(detail, "rsp:recordDuplicity")
            _add(double, "rsp:agendaType", "prijate_objednavky")
            _add(double, "rsp:dateCreate", booked.imported_on.isoformat())
            if self.books.is_there(booked):
                _add(double, "rsp:id", str(booked.id))
            _add(double, "rsp:number", booked.number)  # UNCONFIRMED: of a deleted record too

    def _say(
        self,
        said: etree._Element,
        details: list[Detail],
        booked: BookedOrder | None = None,
        order: etree._Element | None = None,
    ) -> None:
        if booked is None and self.manners.errors_inside:
            said.set("state", "ok")
        response = _add(said, "ord:orderResponse", version="2.0", state="ok" if booked else "error")
        if details:
            remarks = _add(response, "rdc:importDetails")
            for each in details:
                remark = _add(remarks, "rdc:detail")
                _add(remark, "rdc:state", each.state)
                _add(remark, "rdc:errno", str(each.errno))
                _add(remark, "rdc:note", each.note)
                _add(remark, "rdc:XPath", each.path)
                _add(remark, "rdc:valueRequested", each.requested)
                if each.produced is not None:
                    _add(remark, "rdc:valueProduced", each.produced)
        if booked is not None and order is not None:
            produced = _add(response, "rdc:producedDetails")
            _add(produced, "rdc:id", str(booked.id))
            _add(produced, "rdc:number", booked.number)
            ids = _text(order, "ord:orderHeader/ord:extId/typ:ids")
            if not self.manners.old_release:
                _add(produced, "rdc:actionType", "add")
                if ids:
                    external = _add(produced, "rdc:extId")
                    _add(external, "typ:ids", ids)
                    _add(external, "typ:exSystemName", _text(order, "ord:orderHeader/ord:extId/typ:exSystemName"))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(path), _parser()))


def _tag(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _add(parent: etree._Element, name: str, content: str = "", /, **attributes: str) -> etree._Element:
    child = etree.SubElement(parent, _tag(name), attributes)
    if content:
        child.text = content
    return child


def _text(element: etree._Element, path: str) -> str:
    return (element.findtext(path, namespaces=NAMESPACES) or "").strip()


def _amount(line: etree._Element) -> Decimal:
    price = (
        _text(line, "ord:homeCurrency/typ:unitPrice") or _text(line, "ord:foreignCurrency/typ:unitPrice") or "0"
    )
    discount = Decimal(_text(line, "ord:discountPercentage") or "0")
    return Decimal(_text(line, "ord:quantity") or "1") * Decimal(price) * (100 - discount) / 100


def _errors(schema: etree.XMLSchema) -> list[str]:
    log: Any = schema.error_log
    return [f"{entry.line}: {entry.message}" for entry in log]


def _note(sentence: str, reasons: list[str]) -> str:
    """A sentence of the program and the parser's own words, as long as they are."""
    words = " ".join([sentence, *reasons])
    return "".join(sign if sign.isprintable() else " " for sign in words)


def _written(pack: etree._Element) -> bytes:
    body: Any = etree.tostring(pack, encoding="windows-1250", xml_declaration=False, pretty_print=True)
    return b'<?xml version="1.0" encoding="Windows-1250"?>\n' + bytes(body)
