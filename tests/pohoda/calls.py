"""A site whose target is an mServer."""

from __future__ import annotations

from pathlib import Path

from tests.exchange.conftest import TestSite
from tests.pohoda.mserver import MServerOffice

ENDPOINT = """\
  office:
    type: mserver
    url: {url}
    user: eshop
    password: "${{file:password}}"
    company_id: "12345678"
    year: 2026
    timeout: 5
    connect_timeout: 2
"""
_FOLDER = "    endpoint: out\n    folder: pohoda\n"


def call_the_office(site: TestSite, office: MServerOffice, *, options: str = "", settings: str = "") -> TestSite:
    """Let the site's target be the office; `options` are further lines of the endpoint."""
    (site.folder / "password").write_text(office.login[1], encoding="utf-8")
    site.configure(
        settings=settings,
        endpoints=ENDPOINT.format(url=office.url) + options,
        replace=(_FOLDER, "    endpoint: office\n"),
    )
    return site


def called_site(folder: Path, office: MServerOffice) -> TestSite:
    """A new site in a folder, whose target is the office."""
    folder.mkdir()
    return call_the_office(TestSite(folder), office)


def states(site: TestSite) -> dict[str, str]:
    """What became of each order."""
    return {number: state for number, state, _ in site.postings()}
