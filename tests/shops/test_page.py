"""docs/apis.md: its configuration loads, its description is one, and it names every key that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import load
from gateway.endpoints.api_description import ApiModel, FollowModel, ListModel, LoginModel, read_description
from gateway.exchange.prepared import prepare_routes

PAGE = (Path(__file__).parents[2] / "docs" / "apis.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    found = re.search(rf"```yaml {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_configuration_of_the_page_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "KEYOFTHESHOP")
    (tmp_path / "config.yaml").write_text(block("config.yaml"), encoding="utf-8")
    config = load(tmp_path / "config.yaml")
    assert config.problems == ()
    assert prepare_routes(config)[1] == []


def test_the_description_of_the_page_is_in_order(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(block("api"), encoding="utf-8")
    assert list(read_description(tmp_path / "api.yaml").lists) == ["orders"]


@pytest.mark.parametrize("model", [ApiModel, ListModel, FollowModel, LoginModel])
def test_every_key_is_named_on_the_page(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE, name
