"""Every option means what the shipped config.yaml says, and that file names every option."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway import library
from gateway.config import RetentionSpec, load
from gateway.config.model import (
    ConfigModel,
    FromModel,
    MerchantModel,
    RetentionModel,
    RouteModel,
    TargetModel,
    ToModel,
)
from gateway.config.wording import options_of
from gateway.endpoints import AfterWork, Dropoff
from gateway.endpoints.ftp import FtpOptions, port_of
from gateway.endpoints.local import LocalOptions
from gateway.endpoints.options import TYPES, options_type
from gateway.errors import ConfigError
from tests.config.conftest import Written

ROOT = Path(__file__).parents[2]
EVERYTHING = """\
version: 1
spool: /var/lib/gateway
workers: 7
retention: {keep_for: 3653 d, keep_exchanges: 5000, keep_bytes: 500 MB}
merchants:
  acme: {company_id: "12345678", targets: {pohoda: {endpoint: out, folder: in, settings: {store: A, pack: 2}}}}
targets:
  shared:
    endpoint: out
    folder: all
    file_name: orders.xml
    temporary: "up/{name}.{attempt}"
    done_file: "{name}.done"
    answers: none
    lookups: {payment: {cash: Hotově, card: Kartou}}
endpoints:
  out: {type: local, path: /srv/out, create: false}
  shop-ftp:
    type: ftp
    host: ftp.example.cz
    port: 2121
    user: shop
    password: literal
    encoding: windows-1250
    connect_timeout: 5
    data_timeout: 7.5
    passive: false
    transfer_timeout: 100
    minimum_rate: 0
routes:
  shop:
    merchant: acme
    origin: shop-main
    from:
      endpoint: shop-ftp
      folder: /export
      files: ["orders*.xml", "o*.xml"]
      after: {move: taken}
      sort: name
      done_file: "{stem}.ok"
      give_up: 1 h
    every: 90 s
    mapping: shoptet/order
    lookups: {payment: {Bitcoin: online}}
    totals: warn
    since: 2026-11-01
    max_new: 200
    rehearsal: true
    on_change: replace
    on_cancel: ignore
    enabled: true
    to:
      - {target: pohoda, template: pohoda/order, schema: pohoda/data, settings: {store: B}}
      - {target: shared, template: pohoda/order, lookups: {payment: {card: Karta}}}
"""


def test_every_option_is_read_to_what_it_means(written: Written) -> None:
    config = written.write(EVERYTHING).load()
    route = config.routes["shop"]
    assert config.problems == ()
    assert (config.spool, config.workers, config.site) == (Path("/var/lib/gateway"), 7, written.folder)
    assert config.retention == RetentionSpec(timedelta(days=3653), 5000, 500 * 10**6)
    assert config.endpoints["out"] == LocalOptions(path=Path("/srv/out"), create=False)
    ftp = config.endpoints["shop-ftp"]
    assert isinstance(ftp, FtpOptions)
    assert (ftp.host, ftp.port, ftp.user, ftp.encoding) == ("ftp.example.cz", 2121, "shop", "windows-1250")
    assert (ftp.transfer_timeout, ftp.minimum_rate) == (100.0, 0)
    assert (ftp.connect_timeout, ftp.data_timeout, ftp.passive) == (5.0, 7.5, False)
    assert (route.merchant, route.origin, route.read_lane) == ("acme", "shop-main", "read:acme/shop-main")
    assert (route.endpoint, route.pickup.folder, route.pickup.files) == (
        "shop-ftp",
        "/export",
        ("orders*.xml", "o*.xml"),
    )
    assert route.pickup.after == AfterWork(action="move", folder="taken")
    assert (route.pickup.sort, route.pickup.done_file) == ("name", "{stem}.ok")
    assert (route.to[1].file_name, route.to[1].has_fixed_name) == ("orders.xml", True)
    assert route.to[1].dropoff == Dropoff("all", "up/{name}.{attempt}", "{name}.done")
    assert (route.give_up, route.every) == (timedelta(hours=1), timedelta(seconds=90))
    assert (route.mapping, route.lookups) == ("shoptet/order", {"payment": {"Bitcoin": "online"}})
    assert (route.totals, route.since, route.max_new) == ("warn", date(2026, 11, 1), 200)
    assert (route.rehearsal, route.on_change, route.on_cancel) == (True, "replace", "ignore")
    own, shared = route.to
    assert (own.id, own.endpoint, own.dropoff.folder) == ("acme/pohoda", "out", "in")
    assert (own.template, own.schema) == ("pohoda/order", "pohoda/data")
    assert own.settings == {"store": "B", "pack": "2", "company_id": "12345678"}
    assert (shared.id, shared.dropoff.folder, shared.schema) == ("acme/shared", "all", None)
    assert shared.lookups == {"payment": {"cash": "Hotově", "card": "Karta"}}


def test_what_is_left_out_gets_the_defaults_that_the_shipped_file_names(written: Written) -> None:
    site = """\
        version: 1
        endpoints: {out: {type: local, path: out}, far: {type: ftp, host: h, user: u, password: p}}
        targets: {pohoda: {endpoint: out}}
        routes:
          drop: {origin: a, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}
          far:
            {origin: b, from: {endpoint: far}, mapping: m, to: [{target: pohoda, template: pohoda/order}]}
    """
    config = written.write(re.sub("^ {8}", "", site, flags=re.MULTILINE)).load()
    drop, far = config.routes["drop"], config.routes["far"]
    assert (config.spool, config.workers) == (written.folder / "spool", 4)
    assert config.retention == RetentionSpec(timedelta(days=400), 200_000, 10 * 10**9)
    assert (drop.merchant, drop.endpoint, drop.pickup.files) == ("main", None, ("*.xml",))
    assert drop.pickup.after == AfterWork(action="move", folder="done")
    assert (drop.give_up, drop.every, far.every) == (
        timedelta(minutes=10),
        timedelta(seconds=30),
        timedelta(minutes=5),
    )
    assert (drop.totals, drop.since, drop.max_new, drop.rehearsal) == (None, None, None, False)
    assert (drop.on_change, drop.on_cancel) == (None, "hold")
    assert (drop.to[0].id, drop.to[0].dropoff.folder, drop.to[0].settings) == ("pohoda", "", {})
    ftp = config.endpoints["far"]
    assert isinstance(ftp, FtpOptions)
    assert (port_of(ftp), ftp.encoding, ftp.connect_timeout, ftp.data_timeout, ftp.passive) == (
        21,
        "utf-8",
        20,
        60,
        True,
    )


@pytest.mark.parametrize(
    ("written_as", "meant"),
    [
        ("30 s", 30),
        ("30s", 30),
        ("1.5 min", 90),
        ("5 minutes", 300),
        ("1 h", 3600),
        ("2 hours", 7200),
        ("1 d", 86400),
    ],
)
def test_a_time_span_is_a_number_and_a_unit(written: Written, written_as: str, meant: int) -> None:
    config = written.write(EVERYTHING.replace("90 s", written_as)).load()
    assert config.routes["shop"].every == timedelta(seconds=meant)


@pytest.mark.parametrize(
    ("written_as", "meant"),
    [
        ("delete", AfterWork(action="delete")),
        ("keep", AfterWork(action="keep")),
        ("{move: away}", AfterWork(action="move", folder="away")),
        ("move", AfterWork(action="move")),
    ],
)
def test_what_happens_to_an_input_is_a_word_or_a_folder(
    written: Written, written_as: str, meant: AfterWork
) -> None:
    config = written.write(EVERYTHING.replace("{move: taken}", written_as)).load()
    assert config.routes["shop"].pickup.after == meant


@pytest.mark.parametrize("written_as", ["0 d", "1 h", "8000 d", "99999999999999 d"])
def test_contents_are_kept_for_a_day_at_least_and_for_twenty_years_at_most(
    written: Written, written_as: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        written.write(EVERYTHING.replace("3653 d", written_as)).load()
    assert [problem.message for problem in caught.value.problems] == [
        "`keep_for`: contents are kept for at least 1 day and at most 20 years (7305 d)"
    ]


def test_a_route_that_is_not_enabled_does_nothing_and_may_be_unfinished(written: Written) -> None:
    config = written.write(EVERYTHING.replace("enabled: true", "enabled: no").replace("acme\n", "acm\n")).load()
    assert (dict(config.routes), config.problems) == ({}, ())


def test_targets_know_the_places_of_their_settings(written: Written) -> None:
    own, shared = written.write(EVERYTHING).load().routes["shop"].to
    assert str(own.where(("settings", "store"))) == "config.yaml:53:82"
    assert str(own.where(("settings", "pack"))) == "config.yaml:6:101"
    assert str(shared.where(("lookups", "payment", "card"))) == "config.yaml:54:70"


def test_the_committed_configuration_loads_without_a_problem_and_is_the_one_that_init_lays_out() -> None:
    config = load(ROOT / "config.yaml")
    assert config.problems == ()
    assert list(config.routes) == ["shoptet-orders"]
    shipped = Path(library.__file__).parent / "site" / "config.yaml"
    assert shipped.read_bytes() == (ROOT / "config.yaml").read_bytes()


MODELS: list[type[BaseModel]] = [
    ConfigModel,
    MerchantModel,
    RetentionModel,
    TargetModel,
    FromModel,
    ToModel,
    RouteModel,
    *(options_type(name) for name in TYPES),
]
OPTIONS = [(model, name) for model in MODELS for name in options_of(model)]


@pytest.mark.parametrize(("model", "option"), OPTIONS, ids=[f"{m.__name__}-{o}" for m, o in OPTIONS])
def test_the_committed_configuration_names_every_option(model: type[BaseModel], option: str) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert re.search(rf"(?:^|[\s{{#]){option}:\s", text, re.MULTILINE), f"add it ({model.__name__})"


@pytest.mark.parametrize(("model", "option"), OPTIONS, ids=[f"{m.__name__}-{o}" for m, o in OPTIONS])
def test_every_option_is_described(model: type[BaseModel], option: str) -> None:
    described = options_of(model)[option].description
    assert described is not None or option == "type"


def test_the_commented_options_of_the_committed_configuration_load(written: Written) -> None:
    """What stands in comments is meant to be switched on: it must be right, too."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    route = re.search(r"\n    # from: .*?\n    # enabled: true\n", text, re.DOTALL)
    endpoint = re.search(r"\n  # office-ftp:\n.*?passive: true\n", text, re.DOTALL)
    assert route is not None
    assert endpoint is not None
    on = text.replace(
        route.group(), re.sub("\n    # merchant:.*", "", route.group()).replace("\n    # ", "\n    ")
    )
    on = on.replace(endpoint.group(), endpoint.group().replace("\n  # ", "\n  "))
    config = written.write(on.replace("${env:OFFICE_FTP_PASSWORD}", "p").replace("shop-ftp", "office-ftp")).load()
    assert config.problems == ()
    route_spec = config.routes["shoptet-orders"]
    assert (route_spec.endpoint, route_spec.max_new, route_spec.rehearsal) == ("office-ftp", 200, True)
