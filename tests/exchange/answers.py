"""Answers of POHODA as its /XML writes them, for tests that say item by item what it answers."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACES = " ".join(
    f'xmlns:{prefix}="http://www.stormware.cz/schema/version_2/{name}.xsd"'
    for prefix, name in (("rsp", "response"), ("rdc", "documentresponse"), ("ord", "order"))
)
ORDER = "dat:dataPack/dat:dataPackItem[{}]/ord:order"


@dataclass(frozen=True)
class Item:
    """One responsePackItem, about the order of that number."""

    number: str
    body: str = ""
    state: str = "ok"
    note: str = ""
    inner: str = "ok"

    def text(self) -> str:
        inside = self.body
        if "recordDuplicity" not in inside:
            inside = f'<ord:orderResponse version="2.0" state="{self.inner}">{inside}</ord:orderResponse>'
        note = f' note="{self.note}"' if self.note else ""
        head = f'<rsp:responsePackItem version="2.0" id="shop-main:order:{self.number}" state="{self.state}"{note}'
        return (
            f"{head}/>" if self.state == "error" and not self.body else f"{head}>{inside}</rsp:responsePackItem>"
        )


def booked(number: str, record: str = "481", name: str = "26OP00107", body: str = "") -> Item:
    produced = (
        f"<rdc:producedDetails><rdc:id>{record}</rdc:id><rdc:number>{name}</rdc:number></rdc:producedDetails>"
    )
    return Item(number, body + produced)


def detail(state: str, errno: str, note: str, place: str, requested: str, produced: str | None = None) -> str:
    became = "" if produced is None else f"<rdc:valueProduced>{produced}</rdc:valueProduced>"
    return (
        f"<rdc:importDetails><rdc:detail><rdc:state>{state}</rdc:state><rdc:errno>{errno}</rdc:errno>"
        f"<rdc:note>{note}</rdc:note><rdc:XPath>{place}</rdc:XPath>"
        f"<rdc:valueRequested>{requested}</rdc:valueRequested>{became}</rdc:detail></rdc:importDetails>"
    )


def rejected(number: str, place: str, value: str, note: str = "Tato hodnota není známá.") -> Item:
    return Item(number, detail("error", "108", note, place, value), state="error", inner="error")


def busy(number: str) -> Item:
    body = detail("error", "556", "Při zpracování došlo k chybě.", ORDER.format(1), "")
    return Item(number, body, state="error", inner="error")


def duplicate(number: str, record: str | None = "470", name: str = "26OP00101") -> Item:
    known = f"<rsp:id>{record}</rsp:id><rsp:number>{name}</rsp:number>" if record else ""
    body = (
        "<rsp:errorDetail><rsp:recordDuplicity><rsp:agendaType>prijate_objednavky</rsp:agendaType>"
        f"<rsp:dateCreate>2026-11-18</rsp:dateCreate>{known}</rsp:recordDuplicity></rsp:errorDetail>"
    )
    return Item(number, body, state="error", note="Záznam už v agendě je.")


def response(*items: Item, state: str = "ok", pack: str = "", note: str = "") -> bytes:
    """A responsePack as POHODA writes it: in Windows-1250."""
    text = (
        f'<?xml version="1.0" encoding="Windows-1250"?>\n<rsp:responsePack version="2.0" id="{pack}" '
        f'state="{state}" note="{note}" programVersion="14302.10 SQL (1.9.2026)" ico="12345678" {NAMESPACES}>\n'
        + "\n".join(item.text() for item in items)
        + "\n</rsp:responsePack>\n"
    )
    return text.encode("cp1250")
