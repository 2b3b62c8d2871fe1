"""Fitting text into a character set, and escaping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.rendering.characters import Charset, escape, legal


@pytest.mark.parametrize(
    ("given_text", "fitted"),
    [
        ("Žluťoučký kůň", "Žluťoučký kůň"),
        ("șț ȘȚ", "şţ ŞŢ"),
        ("señor Bjørn Åse", "senor Bjorn Ase"),
        ("m² a m³, ½ kg", "m2 a m3, 1/2 kg"),
        ("A → B", "A -> B"),
        ("№ 5", "No 5"),
        ("Ľubomír Ђорђевић", "Ľubomír Djordjević"),
        ("Олександр Щербак", "Oleksandr Ščerbak"),
        ("Γιώργος", "Giorgos"),
        ("dárek 🎁", "dárek ?"),
        ("a\u200bb", "ab"),
        ("  a \t b\r\nc ", "a b c"),
        ("cafe\u0301", "café"),
        ("„Uvozovky“ – pomlčka… €™×°", "„Uvozovky“ – pomlčka… €™×°"),
    ],
)
def test_what_windows_1250_lacks_is_written_with_its_neighbour(given_text: str, fitted: str) -> None:
    assert Charset("windows-1250").line(given_text).text == fitted


def test_utf_8_keeps_every_letter() -> None:
    assert Charset("utf-8").line("șñø² 🎁").text == "șñø² 🎁"


def test_what_was_replaced_is_told_once() -> None:
    assert Charset("windows-1250").line("ñ ñ ș").replaced == (("ñ", "n"), ("ș", "ş"))


def test_lines_keep_their_breaks() -> None:
    assert Charset("windows-1250").lines(" a  b \r\n\r\n c ").text == "a b\n\nc"


@given(st.text())
def test_a_fitted_text_fits(text: str) -> None:
    for charset in (Charset("windows-1250"), Charset("utf-8")):
        fitted = charset.line(text)
        fitted.text.encode(charset.encoding)
        assert charset.line(fitted.text).text == fitted.text
        assert not legal(fitted.text).replaced


@given(st.text())
def test_an_escaped_text_parses_back_to_itself(text: str) -> None:
    kept = legal(text).text
    written = escape(text)
    root = etree.fromstring(f'<a b="{written}">{written}</a>'.encode())
    assert (root.text or "") == kept
    assert root.get("b") == kept
