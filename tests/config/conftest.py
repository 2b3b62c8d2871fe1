"""A configuration in a folder of its own, and what the gateway says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.config import Config, load
from gateway.diagnostics import render_all
from gateway.errors import ConfigError

GOOD = """\
version: 1
merchant: {company_id: "12345678"}
endpoints:
  out: {type: local, path: out}
  shop-ftp: {type: ftp, host: ftp.example.cz, user: shop, password: "${env:SHOP_PASSWORD}"}
targets:
  pohoda: {endpoint: out, folder: pohoda}
routes:
  shop:
    origin: shop-main
    from: {endpoint: shop-ftp, folder: /export}
    every: 5 min
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""


@dataclass
class Written:
    """One site's configuration files."""

    folder: Path

    def write(self, text: str = GOOD, **included: str) -> Written:
        """Write config.yaml, and files of the folder `routes`."""
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")
        for name, content in included.items():
            (self.folder / "routes").mkdir(exist_ok=True)
            (self.folder / "routes" / f"{name}.yaml").write_text(content, encoding="utf-8")
        return self

    def load(self) -> Config:
        return load(Path("config.yaml"))

    def refused(self) -> str:
        """The problems of a configuration that does not load."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        assert caught.value.exit_code == 4
        return render_all(caught.value.problems)

    def problems(self) -> str:
        """The problems of a configuration that loads."""
        return render_all(self.load().problems)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    return Written(tmp_path)


@pytest.fixture
def changed(written: Written) -> Callable[[str, str], Written]:
    """The good configuration with one thing replaced."""

    def change(old: str, new: str) -> Written:
        assert old in GOOD
        return written.write(GOOD.replace(old, new, 1))

    return change
