"""docs/pohoda-out.md: its configuration loads and all its routes are in order; its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import library
from gateway.config import load
from gateway.config.asking import AskModel
from gateway.exchange.prepared import prepare_route

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "pohoda-out.md").read_text(encoding="utf-8")


def test_the_configuration_of_the_page_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POHODA_PASSWORD", "heslo")
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "config.yaml"
    path.write_text(block, encoding="utf-8")
    config = load(path)
    assert config.problems == ()
    for spec in config.routes.values():
        prepare_route(config, spec)


def test_the_page_names_every_request_and_every_option() -> None:
    requests = {name for name in library.names("templates", ".xml.j2") if name.startswith("pohoda-ask/")}
    assert {
        f"pohoda-ask/{name}" for name in re.findall(r"^\| `pohoda-ask/([a-z-]+)`", PAGE, re.MULTILINE)
    } == requests
    options = PAGE.split("| option of `ask` |", 1)[1].split("\n\n", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", options, re.MULTILINE) == list(AskModel.model_fields)
