"""`gateway add route`: a shop in one command, by options, by questions, and what happens where it cannot be."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from gateway import yamlfile
from gateway.config import load
from gateway.exchange.prepared import prepare_routes
from gateway.workbench.platforms import platforms
from gateway.workbench.site_setup.journeys import Journey, journeys
from tests.cli.conftest import Gateway, Outcome

ROOT = Path(__file__).parents[2]
TODAY_IS_LATER = ("--since", "2026-11-01")
SITE = """\
version: 1
merchant: {company_id: "12345678"}   # ours
endpoints:
  office: {type: mserver, url: "http://127.0.0.1:1", user: u, password: "${env:OFFICE}", company_id: "12345678"}
targets:
  erp: {endpoint: office}
"""


def text(block: str) -> str:
    return dedent(block).lstrip("\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a target of POHODA and no route; the working folder."""
    (tmp_path / "config.yaml").write_text(SITE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFICE", "secret-of-office")
    return tmp_path


@pytest.fixture
def add(gateway: Gateway) -> Callable[..., Outcome]:
    return lambda *words: gateway("add", "route", *words, "--no-probe")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A person on a terminal, who types these lines, and these passwords where nothing is shown."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    def types(*lines: str, passwords: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(sys, "stdin", Keyboard("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("NO_COLOR", "1")
        waiting = list(passwords)
        monkeypatch.setattr("getpass.getpass", lambda *_args, **_options: waiting.pop(0))

    return types


def config_of(folder: Path) -> str:
    return (folder / "config.yaml").read_text(encoding="utf-8")


# -- by options --------------------------------------------------------------------------------------------


def test_a_shop_is_added_checked_and_what_comes_next_is_said(gateway: Gateway, folder: Path) -> None:
    # when
    outcome = gateway(
        *("add", "route", "--platform", "upgates", "--what", "orders", "--from", "folder"),
        *("--to", "pohoda-folder out/pohoda", *TODAY_IS_LATER),
    )
    # then
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    added = "route upgates-orders, target pohoda, endpoint pohoda-folder added; as it was: config.yaml.bak"
    assert outcome.out.splitlines()[:3] == [
        f"✓ config.yaml  {added}",
        "✓ spool/upgates-orders/in/  its drop folder",
        "✓ config.yaml  1 route, 2 endpoints",
    ]
    assert outcome.out.splitlines()[3].startswith("! UPgates  a template waiting for a merchant's file; HEADER is")
    assert outcome.out.splitlines()[4].startswith(f"✓ pohoda-folder  {folder}/out/pohoda can be written")
    assert "\n".join(outcome.out.splitlines()[5:]) + "\n" == text("""
        next: correct the names under `lookups:` of `pohoda`: they are your program's own
              put a file into spool/upgates-orders/in
              `gateway run --once`, and look at `gateway status`
              once that is right: delete `rehearsal: true` of `upgates-orders`, then `gateway release upgates-orders` sends what was held
    """)  # noqa: E501
    assert (folder / "spool" / "upgates-orders" / "in").is_dir()
    # and what was there is there, and what is new has comments
    assert config_of(folder) == text("""
        version: 1
        merchant: {company_id: "12345678"}   # ours
        endpoints:
          office: {type: mserver, url: "http://127.0.0.1:1", user: u, password: "${env:OFFICE}", company_id: "12345678"}

          # The folder out/pohoda
          pohoda-folder:
            type: local
            path: out/pohoda               # counted from this file's folder

        targets:
          erp: {endpoint: office}

          # POHODA: where the gateway puts what it is to import
          pohoda:
            endpoint: pohoda-folder
            # answers: {folder: response}  # where POHODA puts its answers: docs/pohoda-folder.md
            settings:                      # docs/pohoda.md lists them all
              home_country: CZ             # or SK, whose currency is EUR
              # number_series: 26OP        # the prefix of the number series of orders
              # store: ZBOŽÍ               # the store in which stock items are looked for
            lookups:                       # our code on the left, the name in your POHODA on the right
              payment:
                cash: Hotově
                cash_on_delivery: Dobírkou
                bank_transfer: Příkazem
                card: Plat.kartou
                card_on_delivery: Plat.kartou
                online: Plat.kartou
              # carrier: {packeta: Zásilkovna, ppl: PPL}  # they must exist in POHODA's list of carriers

        routes:
          # UPgates → POHODA: orders
          # Put the files into its drop folder, spool/upgates-orders/in
          upgates-orders:
            origin: upgates-main           # the shop that numbers the orders; two routes of one shop share it
            mapping: upgates/order
            since: 2026-11-01              # older ones are left out
            rehearsal: true                # nothing is shipped; delete this line once `gateway status` shows what you expect
            to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
    """)  # noqa: E501
    assert (folder / "config.yaml.bak").read_text(encoding="utf-8") == SITE


def ways(journey: Journey) -> list[str]:
    """The values of `--from` or `--to` at the side of the shop, for each way that the journey goes."""
    if journey.by_api:
        return ["api https://shop.example.cz"]
    if journey.direction == "in":
        return ["./web/feeds", "ftp://web@ftp.example.cz/www", "sftp://web@ftp.example.cz/www"]
    return [
        "folder",
        "./exports",
        "ftps://shop@ftp.example.cz/export",
        "https://shop.example.cz/export.xml?hash=s3cr3t99",
    ]


ALL = [
    pytest.param(journey, way, program, id=f"{journey.platform.id} {journey.words} {way} {program} {number}")
    for platform in platforms(None)
    for number, journey in enumerate(journeys(platform))
    if journey.kind != "stock"
    for way in ways(journey)
    for program in (["pohoda", "profit"] if journey.kind == "order" else ["pohoda"])
]


@pytest.mark.parametrize(("journey", "way", "program"), ALL)
def test_everything_that_a_platform_can_makes_a_configuration_without_errors(
    add: Callable[..., Outcome],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    journey: Journey,
    way: str,
    program: str,
) -> None:
    # given a login for whatever asks for one
    for kind in ("api", "ftp", "sftp", "web"):
        for option in ("PASSWORD", "KEY"):
            name = f"{journey.platform.id}-{kind}_{option}".upper().replace("-", "_")
            monkeypatch.setenv(name, "not-for-anybody")
    needs_user = "api" in way and journey.platform.id in ("woocommerce", "shoprenter", "shoper", "webareal")
    shop, books = ("--from", "--to") if journey.direction == "out" else ("--to", "--from")
    there = "profit out/profit" if program == "profit" else "erp"
    there = "office" if journey.kind == "product" and journey.direction == "out" else there
    # when
    outcome = add(
        *("new", "--platform", journey.platform.id, "--what", journey.row.what[0], shop, way, books, there),
        *(("--template", journey.row.template) if journey.row.template else ()),
        *(("--user", "gateway") if needs_user else ()),
        *("--accounting", program),
    )
    # then
    assert outcome.code == 0, outcome.err + outcome.out
    config = load(folder / "config.yaml")
    assert (config.problems, prepare_routes(config)[1]) == ((), [])
    route = config.routes["new"]
    assert route.rehearsal is journey.is_event
    if journey.direction == "out":
        assert route.mapping in journey.row.mapping
    assert "s3cr3t99" not in config_of(folder) + outcome.out + outcome.err
    assert "not-for-anybody" not in config_of(folder) + outcome.out + outcome.err


def test_what_is_there_already_is_used_again(add: Callable[..., Outcome], folder: Path) -> None:
    # given a shop by a drop folder
    first = add(
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "folder",
        "--to",
        "out/pohoda",
        "--accounting",
        "pohoda",
    )
    assert first.code == 0
    # when the same shop comes by another way, into the same folder
    outcome = add(
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "./exports",
        "--origin",
        "shoptet-main",
        "--to",
        "pohoda-folder out/pohoda",
    )
    # then no second target is made there
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("✓ config.yaml  route shoptet-orders-2, endpoint shoptet-folder added;")
    routes = load(folder / "config.yaml").routes
    assert routes["shoptet-orders"].to[0].id == routes["shoptet-orders-2"].to[0].id == "pohoda"


def test_the_way_back_from_a_folder_of_pohoda_makes_a_target_with_answers(
    add: Callable[..., Outcome], folder: Path
) -> None:
    outcome = add(
        "--platform",
        "heureka",
        "--what",
        "feed",
        "--template",
        "heureka/offer-availability",
        "--from",
        "pohoda-folder office-folder",
        "--to",
        "./web/availability.xml",
    )
    assert outcome.code == 0, outcome.err
    route = load(folder / "config.yaml").routes["heureka-availability"]
    assert route.ask is not None
    assert (route.ask.name, route.to[0].template) == ("pohoda", "heureka/offer-availability")
    assert "answers: {folder: response}" in config_of(folder)


def test_set_times_and_intervals_are_written(add: Callable[..., Outcome], folder: Path) -> None:
    common = ("--platform", "shoptet", "--what", "orders", "--from", "./exports", "--to", "erp")
    add("one", *common, "--schedule", "06:00", "--schedule", "14:30 mon-fri")
    assert '    schedule: ["06:00", "14:30 mon-fri"]  # set times, or cron lines' in config_of(folder)
    add(
        "two",
        *common,
        "--every",
        "15 min",
        "--origin",
        "other",
        "--files",
        "orders*.xml",
        "--no-rehearsal",
        "--since",
        "all",
    )
    written = config_of(folder).partition("  two:\n")[2]
    assert "    every: 15 min " in written
    assert '      files: "orders*.xml" ' in written
    assert "rehearsal" not in written
    assert "since" not in written


def test_what_of_the_address_of_a_feed_is_secret_goes_into_a_file(
    add: Callable[..., Outcome], folder: Path
) -> None:
    # given a feed with a login and a hash
    (folder / "secrets").mkdir()
    (folder / "secrets" / "shoptet-feed").write_text("there")
    address = "https://me@shop.example.cz/export/orders.xml?hash=0a1b2c3d4e&patternId=5"
    # when
    outcome = add("--platform", "shoptet", "--what", "orders", "--from", address, "--to", "erp")
    # then
    assert outcome.code == 0, outcome.err
    assert (folder / "secrets" / "shoptet-feed-hash").read_text() == "0a1b2c3d4e"
    assert "0a1b2c3d4e" not in config_of(folder) + outcome.out + outcome.err
    endpoint = yamlfile.read(folder / "config.yaml").data["endpoints"]["shoptet-feed"]
    assert endpoint == {
        "type": "http",
        "url": "https://shop.example.cz",
        "user": "me",
        "query": {"hash": "${file:secrets/shoptet-feed-hash}", "patternId": "5"},
        "password": "${file:secrets/shoptet-feed}",
    }
    assert load(folder / "config.yaml").routes["shoptet-orders"].pickup.folder == "/export/orders.xml"


def test_yes_takes_every_default(add: Callable[..., Outcome], folder: Path) -> None:
    assert add("--platform", "shoptet", "--what", "orders", "--yes").code == 0
    route = load(folder / "config.yaml").routes["shoptet-orders"]
    assert (route.endpoint, route.to[0].id, route.rehearsal) == (None, "erp", True)


# -- by questions ------------------------------------------------------------------------------------------


def test_a_person_is_asked_for_everything(gateway: Gateway, folder: Path, typed: Callable[..., None]) -> None:
    # given a person who takes shoptet, orders, an FTP server, the target that is there, and every default
    typed("shoptet", "1", "ftp://shop@127.0.0.1:1/export", "", "", "", "", "", "y", passwords=("geheim",))
    (folder / ".gitignore").write_text("spool/\n")
    # when
    outcome = gateway("add", "route", "--no-probe")
    # then
    assert outcome.code == 0, outcome.err
    route = load(folder / "config.yaml").routes["shoptet-orders"]
    assert (route.endpoint, route.to[0].id, route.rehearsal) == ("shoptet-ftp", "erp", True)
    for question in (
        "Which platform?",
        "What is to travel?",
        "Where from? [folder]:",
        "Where to? [erp]:",
        "Name of the route [shoptet-orders]:",
        "How often is it asked? [5 min]:",
        "Begin in rehearsal",
        "Write this into config.yaml? [Y/n]:",
        "+  shoptet-orders:",
    ):
        assert question in outcome.err
    # and the password is in its file alone
    secret = folder / "secrets" / "shoptet-ftp"
    assert secret.read_text() == "geheim"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    assert 'password: "${file:secrets/shoptet-ftp}"' in config_of(folder)
    assert "geheim" not in config_of(folder) + outcome.out + outcome.err
    assert (folder / ".gitignore").read_text() == "spool/\nsecrets/\n"


def test_a_wrong_answer_is_asked_for_again(gateway: Gateway, folder: Path, typed: Callable[..., None]) -> None:
    typed("shoptett", "shoptet", "9", "1", "", "erp", "a b", "", "perhaps", "", "yesterday", "", "y")
    outcome = gateway("add", "route", "--no-probe")
    assert outcome.code == 0, outcome.err
    for said in (
        "`shoptett` is none of them",
        "`9` is none of them",
        "NAME: `a b` is no name",
        "--since: a day is",
    ):
        assert said in outcome.err


def test_who_says_no_at_the_end_has_changed_nothing(
    gateway: Gateway, folder: Path, typed: Callable[..., None]
) -> None:
    typed("n", passwords=("geheim",))
    outcome = gateway(
        "add",
        "route",
        "a",
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "sftp://u@h/x",
        "--to",
        "erp",
        "--every",
        "5 min",
        *TODAY_IS_LATER,
        "--rehearsal",
    )
    assert (outcome.code, outcome.err.endswith("[Y/n]: gateway: nothing was written\n")) == (2, True)
    assert config_of(folder) == SITE
    assert not (folder / "secrets").exists()


def test_the_end_of_the_input_interrupts(gateway: Gateway, folder: Path, typed: Callable[..., None]) -> None:
    typed("shoptet")
    assert gateway("add", "route").code == 130
    assert config_of(folder) == SITE


# -- what is refused ---------------------------------------------------------------------------------------

GOOD = {"--platform": "shoptet", "--what": "orders", "--from": "folder", "--to": "erp"}


REFUSED = """
--what=
    --what is missing: what travels (orders-out, products-out, products-in, stock-in)
--from=
    --from is missing: where from? (connections that are there: office; or: folder, exports/, ftp://user@host/path,
    ftps://, sftp://, https://shop/feed.xml, api https://shop)
--to=
    --to is missing: where to? (targets that are there: erp; or: out/pohoda, ftp://user@host/path, ftps://, sftp://,
    "pohoda-mserver http://user@host:444")
--platform=shoptett
    there is no platform `shoptett`; there is one with a similar name: `shoptet`
--platform=mimishop
    no format of `mimishop` is known yet; `gateway new platform mimishop --kind order --from FILE` drafts the
    mapping from the merchant's file; docs/platforms/mimishop.md
--what=horses
    --what horses: shoptet has `orders-out`, `products-out`, `products-in`, `stock-in`, `prices-in`
--what=products
    --what products: say which way, `--what products-out` or `--what products-in`
--from=api https://shop.cz
    --from: `orders out` of shoptet goes by feed, file: take `--from` a folder or an address
--platform=prestashop
    --from: `orders out` of prestashop goes by API: take `--from "api https://shop.example.cz"`
--platform=prestashop --from=api
    --from: the address is missing; add `--url https://shop.example.cz`
--to=erb
    --to: `erb` is no name in config.yaml (there is one with a similar name: `erp`); a folder of that name is
    `./erb`
--to=out/x
    --accounting is missing: which accounting program? (pohoda, profit)
--to=folder --accounting=pohoda
    --to: a drop folder is where files come from; name a folder such as `out/pohoda`
--from=ftp://u:geheim@h/x
    --from: a password is not written into an address, where others can read it; leave it out: it is asked for, or
    read from the environment or from a file in secrets/
--from=ftp://u@h/x
    the password of u at h is nowhere yet: write it into the file secrets/shoptet-ftp, or set the environment
    variable SHOPTET_FTP_PASSWORD (for the gateway's service too), then call this again; on a terminal it is asked
    for
--from=ftp://h/x
    --user is missing: login name at h (or write it into the address: user@host)
--from=gopher://h/x
    --from: `gopher://` is not known; there are ftp://, ftps://, sftp://, http://, https://
--every=soon --from=./in
    --every: a time span is a number and a unit, such as `30 s`, `5 min` or `1 h`
--schedule=25:00
    --schedule: `25:00` is neither a time such as `06:00 mon-fri` nor a cron line of five fields
--every=5 min --schedule=06:00
    --every and --schedule: take one of them
--since=monday
    --since: a day is written like 2026-11-01; `all` takes every one
--accounting=sap
    --accounting sap: there are `pohoda` and `profit`
--company-id=x1
    --company-id: `x1` is no company number: digits, such as 12345678
--merchant=acme
    --merchant acme: this site has a single merchant, without a name; leave it out
--name=a b
    NAME: `a b` is no name: letters, digits, `-` and `_`, at most 60
--name=con
    there is a route `con` already, or the name is the gateway's own; `con-2` is free
--user=x
    --user: there is no new connection that lacks a login name
--file=routes/a.yaml
    --file routes/a.yaml: config.yaml does not include it; add `include: [routes/*.yaml]` there first
--platform=heureka --what=stock-out
    `stock out` cannot go into POHODA: its import cannot set how many pieces there are (docs/offers.md)
--platform=heureka --what=feed --from=erp --to=./web
    --template is missing: which one? (heureka/offer, heureka/offer-availability)
--platform=heureka --what=feed --from=erp --to=erp --template=heureka/offer
    --to: `erp` has no `offers:`, and products need them; `--to office` makes a target of its own there
--platform=zbozi --what=feed --from=folder --to=./w --accounting=profit
    --mapping is missing: what PROFIT exports is described by a mapping of your own
    (docs/profit.md#price-list-back-to-the-shop)
"""


def refused() -> Iterator[tuple[dict[str, str], str]]:
    """The options that differ from good ones, and what is said of them."""
    for case in re.split(r"\n(?=--)", REFUSED.strip()):
        options, *said = case.split("\n")
        pairs = (option.partition("=") for option in re.split(r" (?=--)", options))
        yield {name: value for name, _, value in pairs}, " ".join(line.strip() for line in said)


@pytest.mark.parametrize(("changed", "said"), list(refused()))
def test_what_is_missing_or_wrong_is_told_with_its_option(
    add: Callable[..., Outcome], folder: Path, changed: dict[str, str], said: str
) -> None:
    words = [word for pair in {**GOOD, **changed}.items() if pair[1] for word in pair]
    outcome = add(*words)
    assert (outcome.code, outcome.err) == (2, f"gateway: {said}\n")
    assert "geheim" not in outcome.err
    assert config_of(folder) == SITE
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml"]


def test_a_second_shop_of_a_platform_must_say_whether_it_is_the_same_one(
    add: Callable[..., Outcome], folder: Path
) -> None:
    words = [word for pair in GOOD.items() for word in pair]
    assert add(*words).code == 0
    assert add(*words).err == (
        "gateway: --origin is missing: there are routes of this platform; `--origin shoptet-main` is the same "
        "shop, any other name another shop (two shops may use the same numbers)\n"
    )


def test_a_layout_where_nothing_can_be_added_is_refused_with_the_lines_to_paste(
    add: Callable[..., Outcome], folder: Path
) -> None:
    # given routes in braces
    before = SITE + "routes: {}\n"
    (folder / "config.yaml").write_text(before)
    # when
    outcome = add(*(word for pair in GOOD.items() for word in pair), *TODAY_IS_LATER)
    # then
    assert outcome.code == 2
    assert outcome.err == text("""
        config.yaml:7: nothing was written; put these lines there by hand, each below its key:
        gateway: `routes` is written in braces, `{…}`
    """)
    assert outcome.out.startswith("routes:\n  # Shoptet → POHODA: orders\n")
    assert yamlfile.parse(outcome.out, "x").data["routes"]["shoptet-orders"]["mapping"] == "shoptet/order"
    assert config_of(folder) == before


def test_where_the_new_file_would_not_load_everything_is_as_it_was(
    add: Callable[..., Outcome], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a user name that no HTTP server takes, which only the check of the whole file finds
    monkeypatch.setenv("SHOPTET_FEED_PASSWORD", "x")
    (folder / ".gitignore").write_text("x\n")
    outcome = add(
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "https://a%3Ab@shop.cz/o.xml?hash=abcdef12",
        "--to",
        "erp",
    )
    # then
    assert outcome.code == 4
    assert "the new config.yaml would not load; it is as it was before\n" in outcome.err
    assert "a user name of HTTP has no `:`" in outcome.err
    assert config_of(folder) == SITE
    assert (folder / ".gitignore").read_text() == "x\n"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [".gitignore", "config.yaml"]


def test_a_configuration_that_does_not_load_is_not_written_into(add: Callable[..., Outcome], folder: Path) -> None:
    (folder / "config.yaml").write_text(SITE + "rutes: {}\n")
    outcome = add(*(word for pair in GOOD.items() for word in pair))
    assert outcome.code == 4
    assert "unknown key `rutes`" in outcome.err


# -- what is kept ------------------------------------------------------------------------------------------


def test_carriage_returns_comments_mode_and_the_byte_order_mark_are_kept(
    add: Callable[..., Outcome], folder: Path
) -> None:
    # given a file as an editor on Windows writes it
    raw = ("\ufeff" + SITE + "\nroutes:\n# none yet\n\n# the end").replace("\n", "\r\n").encode()
    (folder / "config.yaml").write_bytes(raw)
    (folder / "config.yaml").chmod(0o640)
    # when
    outcome = add(*(word for pair in GOOD.items() for word in pair))
    # then
    assert outcome.code == 0, outcome.err
    after = (folder / "config.yaml").read_bytes()
    old, new = raw.splitlines(keepends=True), iter(after.splitlines(keepends=True))
    assert all(line in new for line in old)
    assert after.count(b"\n") == after.count(b"\r\n")
    assert after.startswith(b"\xef\xbb\xbfversion: 1\r\n")
    assert (folder / "config.yaml").stat().st_mode & 0o777 == 0o640
    assert (folder / "config.yaml.bak").read_bytes() == raw


def test_a_dry_run_shows_the_change_and_makes_none(add: Callable[..., Outcome], folder: Path) -> None:
    outcome = add(
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "ftps://shop@ftp.cz/export",
        "--to",
        "erp",
        *TODAY_IS_LATER,
        "--dry-run",
    )
    assert (outcome.code, outcome.err) == (0, "next: the same without --dry-run\n")
    assert outcome.out == text("""
        --- config.yaml
        +++ config.yaml
        @@ -2,5 +2,28 @@
         merchant: {company_id: "12345678"}   # ours
         endpoints:
           office: {type: mserver, url: "http://127.0.0.1:1", user: u, password: "${env:OFFICE}", company_id: "12345678"}
        +
        +  # The FTP server ftp.cz
        +  shoptet-ftp:
        +    type: ftp
        +    host: ftp.cz
        +    user: shop
        +    password: "${file:secrets/shoptet-ftp}"  # the secret itself never stands here
        +    tls: explicit                # encrypted; `explicit` is the usual, `implicit` is port 990
        +
         targets:
           erp: {endpoint: office}
        +
        +routes:
        +  # Shoptet → POHODA: orders
        +  shoptet-orders:
        +    origin: shoptet-main           # the shop that numbers the orders; two routes of one shop share it
        +    from:
        +      endpoint: shoptet-ftp
        +      folder: /export
        +      # after: {move: done}        # what is done with a file that was taken in; or delete, or keep
        +    every: 5 min                   # how often it is asked
        +    mapping: shoptet/order
        +    since: 2026-11-01              # older ones are left out
        +    rehearsal: true                # nothing is shipped; delete this line once `gateway status` shows what you expect
        +    to: [{target: erp, template: pohoda/order, schema: pohoda/data}]
    """).replace("tls: explicit                #", "tls: explicit                  #")  # noqa: E501
    assert [path.name for path in folder.rglob("*")] == ["config.yaml"]


def test_the_result_can_be_had_as_json(gateway: Gateway, folder: Path) -> None:
    words = ("add", "route", *(word for pair in GOOD.items() for word in pair), "--json")
    dry = gateway(*words, "--dry-run")
    assert (dry.json["written"], dry.json["route"]) == (False, "shoptet-orders")
    outcome = gateway(*words)
    assert outcome.code == 6  # nobody answers at that mServer
    assert (outcome.json["written"], outcome.json["file"], outcome.json["problems"]) == (
        True,
        "config.yaml",
        [*outcome.json["problems"]],
    )
    assert [(row["endpoint"], row["ok"]) for row in outcome.json["probe"]] == [("office", False)]
    assert "secret-of-office" not in json.dumps(outcome.json)


def test_an_endpoint_that_does_not_answer_leaves_the_route_written(gateway: Gateway, folder: Path) -> None:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "shoptet-sftp").write_text("x")
    outcome = gateway(
        "add",
        "route",
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "sftp://u@127.0.0.1:1/x",
        "--to",
        "out/p",
        "--accounting",
        "pohoda",
    )
    assert outcome.code == 6
    assert "✗ shoptet-sftp  " in outcome.out
    assert "next: `gateway trust-host shoptet-sftp`, once you know the server's fingerprint\n" in outcome.out
    assert "shoptet-orders" in load(folder / "config.yaml").routes


# -- several merchants, several files ----------------------------------------------------------------------


def test_a_target_goes_to_its_merchant(add: Callable[..., Outcome], folder: Path) -> None:
    # given
    (folder / "config.yaml").write_text(
        text("""
        version: 1
        merchants:
          acme:
            company_id: "12345678"
          other: {company_id: "87654321"}
    """)
    )
    common = ("--platform", "shoptet", "--what", "orders", "--from", "folder", "--accounting", "pohoda")
    # when
    assert add(*common, "--to", "out/a").err == ("gateway: --merchant is missing: which merchant? (acme, other)\n")
    assert add(*common, "--to", "out/a", "--merchant", "acme").code == 0
    assert add(*common, "--to", "out/b", "--merchant", "other").code == 0
    # then the one in braces has its target among those of all, and each has its own company number
    data = yamlfile.read(folder / "config.yaml").data
    assert list(data["merchants"]["acme"]["targets"]) == ["acme-pohoda"]
    assert list(data["targets"]) == ["other-pohoda"]
    routes = load(folder / "config.yaml").routes
    assert [(name, route.to[0].id, str(route.to[0].settings["company_id"])) for name, route in routes.items()] == [
        ("shoptet-orders", "acme/acme-pohoda", "12345678"),
        ("shoptet-orders-2", "other/other-pohoda", "87654321"),
    ]


def test_a_file_of_its_own_for_a_shop(add: Callable[..., Outcome], folder: Path) -> None:
    (folder / "config.yaml").write_text(SITE + "include: [routes/*.yaml]\n")
    outcome = add(
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "folder",
        "--to",
        "out/p",
        "--accounting",
        "pohoda",
        "--file",
        "routes/shop.yaml",
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(
        "✓ routes/shop.yaml  route shoptet-orders, target pohoda, endpoint pohoda-folder added\n"
    )
    assert config_of(folder) == SITE + "include: [routes/*.yaml]\n"
    assert list(load(folder / "config.yaml").routes) == ["shoptet-orders"]


def test_a_site_without_a_company_gets_one(add: Callable[..., Outcome], folder: Path) -> None:
    (folder / "config.yaml").write_text("version: 1\n")
    words = ("--platform", "shoptet", "--what", "orders", "--from", "folder", "--to", "pohoda-folder ./p")
    assert add(*words).err == ("gateway: --company-id is missing: company number (IČO) of the accounting unit\n")
    assert add(*words, "--company-id", "12345678").code == 0
    assert 'merchant:\n  company_id: "12345678" ' in config_of(folder)
    assert not load(folder / "config.yaml").problems


# -- the whole way -----------------------------------------------------------------------------------------


def test_orders_of_a_shop_that_was_just_added_wait_in_rehearsal_and_are_then_there(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a new site, and a shop that is added to it
    monkeypatch.chdir(tmp_path)
    assert gateway("init", ".").code == 0
    added = gateway(
        "add",
        "route",
        "my-shop",
        "--platform",
        "shoptet",
        "--what",
        "orders",
        "--from",
        "folder",
        "--to",
        "pohoda-folder office",
        "--origin",
        "my-shop",
        *TODAY_IS_LATER,
    )
    assert added.code == 0, added.err + added.out
    # when an export is dropped
    shutil.copy(ROOT / "samples" / "shoptet" / "orders.xml", "spool/my-shop/in/orders.xml")
    # then all of it is held
    assert gateway("run", "--once").code == 0
    assert list(Path("office").iterdir()) == []
    held = gateway("status", "--json").json["status"]["matters"]
    assert [matter["what"] for matter in held] == ["held: rehearsal"]
    # and once the rehearsal is over, and it is released, it is there
    config = Path("config.yaml")
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text(
        "".join(line for line in lines if not line.startswith("    rehearsal: true ")), encoding="utf-8"
    )
    exchange = gateway("status").out.partition("gateway show ")[2].split()[0]
    assert gateway("release", exchange).code == 0
    assert gateway("run", "--once").code == 0
    assert len(list(Path("office").glob("my-shop_order_*.xml"))) == 5


def test_secrets_of_a_file_that_is_there_are_used(add: Callable[..., Outcome], folder: Path) -> None:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "shoptet-ftp").write_text("there")
    outcome = add("--platform", "shoptet", "--what", "orders", "--from", "ftp://u@h/x", "--to", "erp")
    assert outcome.code == 0
    assert 'password: "${file:secrets/shoptet-ftp}"' in config_of(folder)
    assert os.environ["OFFICE"] not in outcome.out + outcome.err
