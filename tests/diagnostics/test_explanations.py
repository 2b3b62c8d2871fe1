"""Every problem code of the whole package is explained, and nothing is explained that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gateway.diagnostics.explain import explanations

ROOT = Path(__file__).parents[2] / "gateway"
FOLDER = ROOT / "diagnostics" / "explanations"
_CODE = re.compile(r"\"([A-Z][0-9]{3})\"")
# Which letters each file explains; S008 is a matter of the intake, the other S codes of reading.
LETTERS = {
    "config": "C",
    "document": "D",
    "endpoint": "E",
    "exchange": "GS",
    "mapping": "MY",
    "receipt": "R",
    "schema": "X",
    "source": "S",
    "template": "T",
    "workbench": "W",
}


def used() -> dict[str, str]:
    """Every code literal of the package, with a file that has it."""
    return {
        code: str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.py"))
        for code in _CODE.findall(path.read_text(encoding="utf-8"))
    }


def test_every_code_in_use_is_explained() -> None:
    missing = {code: where for code, where in used().items() if code not in explanations()}
    assert missing == {}


def test_every_explained_code_is_in_use() -> None:
    assert set(explanations()) - set(used()) == set()


def test_every_file_explains_the_codes_of_its_rooms() -> None:
    for path in FOLDER.glob("*.yaml"):
        codes = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {code[0] for code in codes} == set(LETTERS[path.stem]), path.name


@pytest.mark.parametrize("code", explanations())
def test_an_explanation_is_short_and_says_what_to_do(code: str) -> None:
    found = explanations()[code]
    assert found.title[0].islower() or found.title.split()[0].isupper()
    assert not found.title.endswith(".")
    assert found.why.endswith((".", "?"))
    assert found.do.endswith(".")
    assert len(found.title) < 80
    assert found.good or found.bad


@pytest.mark.parametrize("file", ["config", "endpoint", "exchange", "workbench"])
def test_the_lines_fit_a_terminal(file: str) -> None:
    codes = yaml.safe_load((FOLDER / f"{file}.yaml").read_text(encoding="utf-8"))
    for code, texts in codes.items():
        assert set(texts) == {"title", "why", "bad", "good", "do"}, code
        assert max(len(text) for text in texts.values()) <= 120, code


def test_a_code_that_is_explained_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import resources

    texts = {"title": "t", "why": "w", "bad": "b", "good": "g", "do": "d"}
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"C001": texts}))
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    explanations.cache_clear()
    try:
        with pytest.raises(ValueError, match="C001 is explained twice"):
            explanations()
    finally:
        monkeypatch.undo()
        explanations.cache_clear()
