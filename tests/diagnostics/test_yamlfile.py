"""YAML is read alike by both loaders, and told alike where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import yamlfile
from gateway.diagnostics import render_all
from gateway.errors import ProblemsFound

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("mappings", "templates", "gateway") for path in (ROOT / folder).rglob("*.yaml"))
WRONG = (
    "a: [1, 2\nb: 3\n",
    "a: b: c\n",
    "\ta: 1\n",
    "a:\n\t- 1\n",
    "a: {b: 1, b: 2}\n",
    "a: 'open\n",
    "a: *x\n",
    "a: &x 1\n",
    "a: !!int 1\n",
    "a: @x\n",
    "a: %x\n",
    "a: 1\n b: 2\n",
    "? a\n: b\nc: - d\n",
    "a: \ufeffb\nc: 'd\n",
    "--- 1\n--- 2\n",
    "a: \x07\n",
)


def told(text: str) -> str | yamlfile.YamlFile:
    try:
        return yamlfile.parse(text, "m.yaml")
    except ProblemsFound as caught:
        return render_all(caught.problems)


@pytest.mark.skipif(yamlfile._QUICK is None, reason="PyYAML has no loader in C here")
@pytest.mark.parametrize(
    "text", [*(path.read_text(encoding="utf-8") for path in FILES), *WRONG], ids=lambda text: repr(text[:20])
)
def test_both_loaders_give_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = told(text)
    monkeypatch.setattr(yamlfile, "_QUICK", None)
    assert told(text) == quick


def test_empty_values_are_none_and_quoted_ones_are_not() -> None:
    assert yamlfile.parse("a:\nb: ~\nc: null\nd: ''\ne: '~'\n", "m.yaml").data == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "~",
    }
