"""Calls that write records back into a shop: a file of calls is carried out, and answered call by call.

A template writes the file (`shop/_calls.xml.j2` is its envelope): for each record what is to be found there, what
is looked at first, and what is sent. Every call sets a value or looks before it adds one, so the same file may be
carried out again after an interruption.
"""

from __future__ import annotations

from lxml import etree

from gateway.clock import Clock
from gateway.endpoints.api_connection import ApiConnection, Said
from gateway.endpoints.api_memory import CallMemory, Progress
from gateway.endpoints.api_steps import Known, Rejected, body_of, filled, fit_for_xml, hits, holds, query_of
from gateway.endpoints.base import Memory
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, OutcomeUnknown

_MOST_WORDS = 800
_MOST_FAILURES = 3
_LOOKS = ("take", "with", "value", "after_last")
_BAD_STEP = (ValueError, TypeError, ArithmeticError, etree.LxmlError)
"""What a path or a value of a template is answered by that cannot be evaluated."""
_NOT_READY = (502, 503, 504)
_NO_DATA = ("E006", "E014")
"""An answer that was cut, and one that is a page or a text instead of data: it may be another one next time."""


class _NoAnswer(EndpointUnreachable):
    """The server broke down over this very call, and did not say why."""


class ApiService:
    """The calls of one target."""

    def __init__(
        self,
        connection: ApiConnection,
        memory: Memory | None,
        place: str,
        platform: str,
        clock: Clock,
    ) -> None:
        """memory: the ids that were found before, what was told last, and how far a file came."""
        self._api = connection
        self._memory = CallMemory(memory, clock, place, platform)
        self._place = place
        self._is_ready = False

    def ready(self) -> str:
        """Make sure that the API answers whoever asks with these secrets."""
        if not self._is_ready:
            self._api.probe()
            self._is_ready = True
        return self._place

    def call(self, name: str, content: bytes) -> bytes:
        """Carry the calls of a file out, one after the other, and say of each what became of it.

        Raises EndpointError where the API cannot be reached or refuses everybody; what was done by then is
        remembered, and the same file goes on behind it.
        """
        self.ready()
        root = _calls_of(name, content)
        progress = self._memory.progress(content)
        for call in list(root.iterchildren("call"))[len(progress.answers) :]:
            try:
                self._api.must_go_on()
                answer = self._answer(call, progress)
            except EndpointError:
                self._is_ready = False  # whether the shop is there at all is asked before this call is made again
                self._memory.keep_progress(progress)
                raise
            progress.answers.append(etree.tostring(answer, encoding="unicode"))
            progress.failures = 0
        answers = etree.Element("answers")
        answers.extend(etree.fromstring(each) for each in progress.answers)
        self._memory.end_progress()
        return etree.tostring(answers, encoding="utf-8", xml_declaration=True, pretty_print=True)

    def refresh(self) -> None:
        """The connection lay idle: the next call asks again whether somebody is there."""
        self._is_ready = False

    def close(self) -> None:
        """Give the connection back."""
        self._api.close()

    # -- one record --------------------------------------------------------------------------------------------

    def _answer(self, call: etree._Element, progress: Progress) -> etree._Element:
        """What became of one record. Raises EndpointError where it is to be tried again."""
        answer = etree.Element("answer", item=call.get("item", ""), state="accepted")
        known = Known()
        try:
            try:
                words = self._carried_out(call, known)
            except Rejected:
                if not known.remembered:
                    raise
                self._memory.forget(known.remembered)  # it may have been made anew there under another id
                known = Known()
                words = self._carried_out(call, known)
        except Rejected as rejected:
            answer.set("state", "rejected")
            words = str(rejected)
        except EndpointError as error:
            words = self._given_up(error, progress)
            answer.set("state", "rejected")
        except _BAD_STEP as error:
            answer.set("state", "rejected")
            words = f"the call cannot be carried out: {error}"
        record = known.ids.get(call.get("record", ""))
        if record is not None:
            answer.set("record", fit_for_xml(record))
        answer.text = fit_for_xml(words)[:_MOST_WORDS]
        return answer

    def _given_up(self, error: EndpointError, progress: Progress) -> str:
        """The words for a record that is not tried again. Raises the error where it is, or concerns all of them.

        The shop answered before each turn, so what fails time and again is about this record.
        """
        if error.code == "E015":
            return error.message
        if not isinstance(error, _NoAnswer | OutcomeUnknown) and error.code not in _NO_DATA:
            raise error
        progress.failures += 1
        if progress.failures >= _MOST_FAILURES:
            return f"{error.message}; so it was {_MOST_FAILURES} times, and it is not tried again"
        if not error.retryable:
            raise EndpointUnreachable(error.message, code=error.code, help=error.help) from error
        raise error

    def _carried_out(self, call: etree._Element, known: Known) -> str:
        """What was done, in words. Raises Rejected."""
        sent, passed = 0, 0
        for step in call.iterchildren(etree.Element):
            if not holds(step, known):
                continue
            if step.tag == "find":
                self._find(step, call, known)
            elif step.tag == "refuse":
                raise Rejected(step.get("because", ""))
            elif step.tag == "get":
                known.documents[step.get("name", "")] = self._api.elements(self._got(step, "path", known))
            elif step.tag == "unless":
                wanted = known.ids.get(step.get("found", ""), step.get("is", ""))
                if wanted in list(hits(self._api.elements(self._got(step, "get", known)), step)):
                    self._is_so_already(step, call, known)
                    return "it is so already"
            elif step.tag == "send":
                if self._was_told(step, call):
                    passed += 1
                    continue
                self._send(step, known)
                self._tell(step, call)
                sent += 1
        if sent:
            return ""
        return "it was told already" if passed else "there was nothing to send"

    # -- looking -----------------------------------------------------------------------------------------------

    def _find(self, step: etree._Element, call: etree._Element, known: Known) -> None:
        """An id over there, remembered from the last time or asked for."""
        name, keeps, optional = (step.get("name", ""), step.get("keep") == "yes", step.get("optional") == "yes")
        path, query = filled(step, "get", known), query_of(step, known)
        looks = [step.get(each) for each in _LOOKS]
        key = self._memory.key("found", name, path, sorted(query.items()), step.get("is"), *looks)
        remembered = self._memory.found(key) if keeps else None
        if remembered or (remembered == "" and optional):
            known.remembered.append(key)
            if remembered:
                known.ids[name] = remembered
            return
        said = self._api.call("GET", path, query, judged=False)
        if said.status not in (404, 410):
            self._judge("GET", path, said)
        texts = hits(self._api.elements(said), step) if said.is_good else []
        ids = list(dict.fromkeys(text for text in texts if text))
        if len(ids) > 1:
            several = ", ".join(ids[:5])
            raise Rejected(
                f"{call.get('about', 'the record')} is there more than once ({several}); none was changed"
            )
        if not ids and not optional:
            raise Rejected(step.get("missing") or f"{call.get('about', 'the record')} is not there")
        if ids:
            known.ids[name] = ids[0]
        if keeps:
            # An id that was looked for by a code stands for that code alone: a code may move to another record.
            by_code = ids and step.get("is") is not None
            holder = self._memory.key("holder", name, step.get("get"), *looks, ids[0]) if by_code else None
            self._memory.keep(key, ids[0] if ids else "", holder)

    def _got(self, step: etree._Element, attribute: str, known: Known) -> Said:
        path = filled(step, attribute, known)
        said = self._api.call("GET", path, query_of(step, known), judged=False)
        self._judge("GET", path, said)
        return said

    # -- sending -----------------------------------------------------------------------------------------------

    def _send(self, step: etree._Element, known: Known) -> None:
        method, path = step.get("method", "PUT"), filled(step, "to", known)
        content, kind = body_of(step, known)
        said = self._api.call(method, path, query_of(step, known), content=content, kind=kind, judged=False)
        self._judge(method, path, said)

    def _judge(self, method: str, path: str, said: Said) -> None:
        """Raises Rejected for a refusal of this record, EndpointUnreachable for a server that broke down."""
        if said.is_good:
            return
        words = f"{method} {path} is answered by {self._api.said_words(said)}"
        broke_down = said.status >= 500 and said.status not in (501, 505)
        if broke_down and (said.status in _NOT_READY or not self._api.own_words(said)):
            raise _NoAnswer(words, code="E001")
        raise Rejected(words)

    def _told_key(self, step: etree._Element, call: etree._Element) -> str:
        return self._memory.key("told", call.get("about"), step.get("method"), step.get("to"))

    def _was_told(self, step: etree._Element, call: etree._Element) -> bool:
        """Whether this is what was told last: then the shop may have changed it since, and that stands."""
        told = step.get("told")
        return told is not None and self._memory.was_told(self._told_key(step, call), told)

    def _tell(self, step: etree._Element, call: etree._Element) -> None:
        told = step.get("told")
        if told is not None:
            self._memory.tell(self._told_key(step, call), told)

    def _is_so_already(self, unless: etree._Element, call: etree._Element, known: Known) -> None:
        """What need not be sent counts as told: a later change that the shop makes stands."""
        for step in unless.itersiblings("send"):
            if holds(step, known):
                self._tell(step, call)


def _calls_of(name: str, content: bytes) -> etree._Element:
    """The file. Raises EndpointRefused where it is none of calls."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        said = f"`{root.tag}`"
    except etree.XMLSyntaxError:
        root, said = None, "no XML"
    if root is None or root.tag != "calls":
        raise EndpointRefused(
            f"{name} is no file of calls but {said}",
            code="E009",
            help="choose a template that writes calls, such as `prestashop/offer`",
        )
    return root
