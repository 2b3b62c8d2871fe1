"""Names of packages that are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import endpoints, mapping, offers, rendering

SITE = """
version: 1
endpoints:
  office: {type: local, path: office}
targets:
  pohoda: {endpoint: office, folder: in}
routes:
  shop: {origin: shop, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}
"""


def loaded_after(program: str) -> set[str]:
    code = f"import sys\n{program}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("package", [endpoints, mapping, offers, rendering], ids=lambda package: package.__name__)
def test_every_name_that_a_package_offers_is_found(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]  # every one of them has it
    assert [name for name in names if not hasattr(package, name)] == []


def test_a_name_that_a_package_does_not_have_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match=r"^module 'gateway\.offers' has no attribute 'Rulse'$"):
        _ = offers.Rulse  # type: ignore[attr-defined]  # misspelt


def test_a_package_is_loaded_by_the_name_that_is_used() -> None:
    assert "gateway.offers.rules" not in loaded_after("from gateway.offers import RulesModel")
    assert "gateway.offers.rules" in loaded_after("from gateway.offers import Rules")


def test_a_configuration_loads_the_transports_that_it_names_and_no_rules_of_offers(tmp_path: Path) -> None:
    # Given a site with a folder of this machine alone
    (tmp_path / "config.yaml").write_text(SITE)
    # When its configuration is read
    loaded = loaded_after(
        f"import pathlib, gateway.config as c; c.load(pathlib.Path({str(tmp_path / 'config.yaml')!r}))"
    )
    # Then nothing of servers is there
    assert "gateway.endpoints.local" in loaded
    others = {f"gateway.endpoints.{name}" for name in ("ftp", "sftp", "http", "api", "mserver")}
    assert loaded & {*others, "ftplib", "ssl", "gateway.offers.rules", "gateway.mapping.selftest"} == set()


def test_the_help_loads_neither_mappings_nor_configurations() -> None:
    program = "from gateway.cli import main; main._commands_for([])"
    assert loaded_after(program) & {"lxml", "jinja2", "yaml", "pydantic", "gateway.mapping.language"} == set()
