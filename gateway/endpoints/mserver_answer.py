"""What mServer's answer to a request means: by its status, and by whether its content is POHODA's at all.

Once a request may have been carried out, whatever goes wrong leaves only its outcome unknown: the same bytes are
handed over again, and POHODA recognises what it has.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from gateway.endpoints.http_answer import REDIRECTS, Answer, is_page
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    LoginRefused,
    OutcomeUnknown,
    PartnerRefused,
)

_AGAIN = "nothing is to be done: the same bytes are sent again, and POHODA recognises what it has booked"
_PASSING = (408, 425, 429)


def judge(answer: Answer, name: str | None) -> None:
    """Raises EndpointError unless the request was carried out. name: None where nothing was handed over."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 401:
        raise LoginRefused(
            f"{answer.shown}: mServer refuses the login: {answer.said}",
            code="E002",
            help="check `user:` and `password:` of the endpoint; where they have accents, this release may read "
            "`encoding: windows-1250`",
        )
    if status == 403:
        raise LoginRefused(
            f"{answer.shown}: the user may not use mServer or this accounting unit: {answer.said}",
            code="E002",
            help="in POHODA, give the user the rights to POHODA mServer, to Datová komunikace and to the unit",
        )
    if status in (404, 405):
        raise _elsewhere(answer, "mServer takes no dataPacks there")
    if status in REDIRECTS or status < 200:
        raise _elsewhere(answer, "mServer redirects nobody, so that something else answers there")
    if status < 500 and status not in _PASSING:
        raise _refused(answer, name)
    raise _passing(answer, name)


def checked_pack(content: bytes, name: str, shown: str) -> bytes:
    """The content, if it is a whole responsePack. Raises OutcomeUnknown."""
    if is_page(content[:2048]):
        raise OutcomeUnknown(
            f"{shown}: a web page came instead of POHODA's answer to `{name}`",
            code="E014",
            help="mServer has no pages: look which proxy or program answers under `url:` of the endpoint; the "
            "same bytes are sent again, and POHODA recognises what it has booked",
        )
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        why = "it is empty" if not content.strip() else str(error.args[0] if error.args else error)[:200]
        raise OutcomeUnknown(
            f"{shown}: the answer to `{name}` is no whole XML: {why}", code="E006", help=_AGAIN
        ) from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype or etree.QName(root).localname != "responsePack":
        raise OutcomeUnknown(
            f"{shown}: the answer to `{name}` is no responsePack but `{etree.QName(root).localname[:60]}`",
            code="E014",
            help="look which program answers under `url:` of the endpoint; the same bytes are sent again, and "
            "POHODA recognises what it has booked",
        )
    return content


def _elsewhere(answer: Answer, why: str) -> PartnerRefused:
    return PartnerRefused(
        f"{answer.shown}: {why}: {answer.said}",
        code="E004",
        help="`url:` of the endpoint is the address of mServer alone, such as `http://192.168.1.20:444`; the "
        "gateway adds `/xml`",
    )


def _refused(answer: Answer, name: str | None) -> EndpointError:
    if name is None:
        return _elsewhere(answer, "mServer does not tell which unit it works on")
    return EndpointRefused(
        f"{answer.shown}: mServer cannot read `{name}`: {answer.said}",
        code="E004",
        help="look into the agenda XML log of POHODA; once it is mended, `gateway retry` sends it again",
    )


def _passing(answer: Answer, name: str | None) -> EndpointError:
    about = f" with `{name}`" if name else ""
    said = "mServer is busy" if answer.status in (429, 503) else f"mServer came to no end{about}"
    kind = EndpointUnreachable if name is None else OutcomeUnknown
    return kind(f"{answer.shown}: {said}: {answer.said}", code="E001", help=_AGAIN if name else None)
