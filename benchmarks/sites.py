"""The site that the benchmark's gateway runs on: the lookups and settings that the baseline has in its code."""

from __future__ import annotations

from pathlib import Path

from benchmarks.baseline import COMPANY_ID, ORIGIN

ROUTE = "bench"

_CONFIG = """\
version: 1
merchant: {{company_id: "{company_id}"}}
endpoints: {{out: {{type: local, path: out}}}}
targets:
  pohoda:
    endpoint: out
    settings: {{pack: {pack}}}
    lookups:
      payment: {{cash: Hotově, cash_on_delivery: Dobírkou, bank_transfer: Příkazem, card: Plat.kartou}}
      carrier: {{packeta: Zásilkovna, ppl: PPL, ceska_posta: Česká pošta, personal_pickup: Osobně}}
routes:
  {route}:
    origin: {origin}
    mapping: shoptet/order
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
"""


def lay_out(folder: Path, *, pack: int = 1) -> Path:
    """Write the site's config.yaml and make its drop folder; returns the configuration's path."""
    (folder / "spool" / ROUTE / "in").mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    text = _CONFIG.format(company_id=COMPANY_ID, pack=pack, route=ROUTE, origin=ORIGIN)
    config.write_text(text, encoding="utf-8")
    return config


def drop_folder(folder: Path) -> Path:
    """Where the site takes its inputs from."""
    return folder / "spool" / ROUTE / "in"
