"""Every code of these rooms is explained, and nothing is explained that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from gateway.diagnostics.explain import explanations
from tests.mapping.conftest import ROOT

_CODE = re.compile(r"\"([YMSD][0-9]{3})\"")


def used() -> set[str]:
    files = [
        *(ROOT / "gateway/mapping").glob("*.py"),
        *(ROOT / "gateway/documents").glob("*.py"),
        ROOT / "gateway/yamlfile.py",
    ]
    return {code for file in files for code in _CODE.findall(file.read_text(encoding="utf-8"))}


def explained() -> set[str]:
    folder = ROOT / "gateway/diagnostics/explanations"
    return {
        code
        for name in ("mapping", "source", "document")
        for code in yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    }


def test_every_code_in_use_is_explained() -> None:
    assert used() - set(explanations()) == set()


def test_every_explained_code_is_in_use() -> None:
    assert explained() - used() == set()


def test_every_explanation_is_short_and_says_what_to_do() -> None:
    for code in explained():
        explanation = explanations()[code]
        assert explanation.title[0].islower(), code
        assert not explanation.title.endswith("."), code
        assert explanation.do.endswith("."), code
        assert len(explanation.why) < 200, code


def test_the_language_reference_names_every_code_and_option() -> None:
    text = Path(ROOT / "docs/mapping.md").read_text(encoding="utf-8")
    from gateway.mapping.language import FieldModel, MappingModel, RowsModel, SourceModel

    missing = {code for code in explained() if code not in text}
    for model in (FieldModel, MappingModel, RowsModel, SourceModel):
        missing |= {name for name in model.model_fields if f"`{name}" not in text}
    assert missing == set()
