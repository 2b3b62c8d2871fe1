"""What is wrong in config.yaml is said in words, with the place, all of it in one run."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from tests.config.conftest import GOOD, Written

Change = Callable[[str, str], Written]


def text(block: str) -> str:
    return dedent(block).strip("\n")


UNREADABLE = {
    "a typo at the top": (
        "targets:",
        "target:",
        """
        error[C001]: unknown key `target`
         --> config.yaml:6:1
          |
        6 | target:
          | ^^^^^^ not an option here
          |
          = help: there is an option with a similar name: `targets`
        """,
    ),
    "a typo in an endpoint": (
        "user: shop,",
        "user: shop, prot: 21,",
        """
        error[C001]: unknown key `prot`
         --> config.yaml:5:59
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: shop, prot: 21, password: "${env:SHOP_PASSWORD}"}
          |                                                           ^^^^ not an option here
          |
          = help: there is an option with a similar name: `port`
        """,
    ),
    "a typo in from": (
        "folder: /export",
        "foldr: /export",
        """
        error[C001]: unknown key `foldr`
          --> config.yaml:11:32
           |
        11 |     from: {endpoint: shop-ftp, foldr: /export}
           |                                ^^^^^ not an option here
           |
           = help: there is an option with a similar name: `folder`
        """,
    ),
    "a typo in an element of to": (
        "schema:",
        "shema:",
        """
        error[C001]: unknown key `shema`
          --> config.yaml:14:51
           |
        14 |     to: [{target: pohoda, template: pohoda/order, shema: pohoda/data}]
           |                                                   ^^^^^ not an option here
           |
           = help: there is an option with a similar name: `schema`
        """,
    ),
    "a key that is like no option": (
        "schema:",
        "quux:",
        """
        error[C001]: unknown key `quux`
          --> config.yaml:14:51
           |
        14 |     to: [{target: pohoda, template: pohoda/order, quux: pohoda/data}]
           |                                                   ^^^^ not an option here
           |
           = help: options here are `target`, `template`, `schema`, `settings`, `lookups`
        """,
    ),
    "a missing key of a route": (
        "    origin: shop-main\n",
        "",
        """
        error[C002]: `origin` is missing
         --> config.yaml:9:3
          |
        9 |   shop:
          |   ^^^^
          |
          = help: add `origin:`
        """,
    ),
    "a missing key in an element of to": (
        "target: pohoda, ",
        "",
        """
        error[C002]: `target` is missing
          --> config.yaml:14:10
           |
        14 |     to: [{template: pohoda/order, schema: pohoda/data}]
           |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = help: add `target:`
        """,
    ),
    "a missing key of an endpoint": (
        "host: ftp.example.cz, ",
        "",
        """
        error[C002]: `host` is missing
         --> config.yaml:5:3
          |
        5 |   shop-ftp: {type: ftp, user: shop, password: "${env:SHOP_PASSWORD}"}
          |   ^^^^^^^^
          |
          = help: add `host:`
        """,
    ),
    "a text instead of a list": (
        "[{target: pohoda, template: pohoda/order, schema: pohoda/data}]",
        "pohoda",
        """
        error[C003]: `to`: a list is expected
          --> config.yaml:14:9
           |
        14 |     to: pohoda
           |         ^^^^^^ this value
        """,
    ),
    "a text instead of a table": (
        '{company_id: "12345678"}',
        "acme",
        """
        error[C003]: `merchant`: a table of keys and values is expected
         --> config.yaml:2:11
          |
        2 | merchant: acme
          |           ^^^^ this value
        """,
    ),
    "a port that is none": (
        "user: shop,",
        "user: u, port: 70000,",
        """
        error[C003]: `port`: at most 65535 is expected
         --> config.yaml:5:62
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: u, port: 70000, password: "${env:SHOP_PASSWORD}"}
          |                                                              ^^^^^ this value
        """,
    ),
    "a duration without a unit": (
        "5 min",
        "5",
        """
        error[C003]: `every`: a time span is a number and a unit, such as `30 s`, `5 min` or `1 h`
          --> config.yaml:12:12
           |
        12 |     every: 5
           |            ^ this value
        """,
    ),
    "a duration beyond all measure": (
        "5 min",
        "99999999999999 d",
        """
        error[C003]: `every`: a time span is at most 366 days
          --> config.yaml:12:12
           |
        12 |     every: 99999999999999 d
           |            ^^^^^^^^^^^^^^^^ this value
        """,
    ),
    "a word that is none of the choices": (
        "every: 5 min",
        "on_change: update",
        """
        error[C003]: `on_change`: `hold`, `ignore` or `replace` is expected
          --> config.yaml:12:16
           |
        12 |     on_change: update
           |                ^^^^^^ this value
        """,
    ),
    "an after-work action that there is not": (
        "folder: /export",
        "folder: /export, after: shred",
        """
        error[C003]: `after`: write `delete`, `keep` or `{move: FOLDER}`
          --> config.yaml:11:56
           |
        11 |     from: {endpoint: shop-ftp, folder: /export, after: shred}
           |                                                        ^^^^^ this value
        """,
    ),
    "a day in another form": (
        "every: 5 min",
        "since: 1.11.2026",
        """
        error[C003]: `since`: a day such as 2026-11-01 is expected
          --> config.yaml:12:12
           |
        12 |     since: 1.11.2026
           |            ^^^^^^^^^ this value
        """,
    ),
    "neither yes nor no": (
        "every: 5 min",
        "enabled: maybe",
        """
        error[C003]: `enabled`: `true` or `false` is expected
          --> config.yaml:12:14
           |
        12 |     enabled: maybe
           |              ^^^^^ this value
        """,
    ),
    "a number below its least": (
        "every: 5 min",
        "max_new: 0",
        """
        error[C003]: `max_new`: at least 1 is expected
          --> config.yaml:12:14
           |
        12 |     max_new: 0
           |              ^ this value
        """,
    ),
    "a key that stands twice": (
        "    every: 5 min\n",
        "    every: 5 min\n    every: 6 min\n",
        """
        error[Y002]: the key `every` stands twice
          --> config.yaml:13:5
           |
        13 |     every: 6 min
           |     ^^^^^ first on line 12
           |
           = help: remove one of the two; the last one does not win here
        """,
    ),
    "a variable that is not set": (
        "${env:SHOP_PASSWORD}",
        "${env:SHOP_PASWORD}",
        """
        error[C005]: the environment variable `SHOP_PASWORD` is not set
         --> config.yaml:5:69
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: shop, password: "${env:SHOP_PASWORD}"}
          |                                                                     ^^^^^^^^^^^^^^^^^^^^^
          |
          = help: set it for the gateway's service
        """,
    ),
    "a secret file that is not there": (
        "${env:SHOP_PASSWORD}",
        "${file:secrets/shop}",
        """
        error[C005]: the secret file `secrets/shop` cannot be read: No such file or directory
         --> config.yaml:5:69
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: shop, password: "${file:secrets/shop}"}
          |                                                                     ^^^^^^^^^^^^^^^^^^^^^^
          |
          = help: check its name and that the gateway may read it
        """,
    ),
    "a reference of no known form": (
        "${env:SHOP_PASSWORD}",
        "${SHOP_PASSWORD}",
        """
        error[C005]: `${SHOP_PASSWORD}` is no reference
         --> config.yaml:5:69
          |
        5 |   shop-ftp: {type: ftp, host: ftp.example.cz, user: shop, password: "${SHOP_PASSWORD}"}
          |                                                                     ^^^^^^^^^^^^^^^^^^
          |
          = help: write `${env:NAME}`, `${file:PATH}` or `${cred:NAME}`
        """,
    ),
    "an endpoint without a type": (
        "type: ftp, ",
        "",
        """
        error[C002]: `type` is missing
         --> config.yaml:5:3
          |
        5 |   shop-ftp: {host: ftp.example.cz, user: shop, password: "${env:SHOP_PASSWORD}"}
          |   ^^^^^^^^
          |
          = help: add `type: local`TYPES
        """,
    ),
    "an endpoint type that there is not": (
        "type: ftp,",
        "type: gopher,",
        """
        error[C003]: there is no endpoint type `gopher`
         --> config.yaml:5:20
          |
        5 |   shop-ftp: {type: gopher, host: ftp.example.cz, user: shop, password: "${env:SHOP_PASSWORD}"}
          |                    ^^^^^^
          |
          = help: write `type: local`TYPES
        """,
    ),
    "a name with a blank": (
        "  shop:\n",
        "  sh op:\n",
        """
        error[C003]: `sh op` cannot be a name
         --> config.yaml:9:3
          |
        9 |   sh op:
          |   ^^^^^
          |
          = help: names have letters, digits, `-` and `_`, at most 60, and a letter or digit first
        """,
    ),
    "another version": (
        "version: 1",
        "version: 2",
        """
        error[C003]: `version`: `1` is expected
         --> config.yaml:1:10
          |
        1 | version: 2
          |          ^ this value
        """,
    ),
    "an include that is no list": (
        "merchant:",
        "include: routes/*.yaml\nmerchant:",
        """
        error[C003]: `include`: a list is expected
         --> config.yaml:2:10
          |
        2 | include: routes/*.yaml
          |          ^^^^^^^^^^^^^ this value
        """,
    ),
    "a text instead of a route": (
        "routes:\n",
        "routes:\n  other: shoptet\n",
        """
        error[C003]: `other`: a table of keys and values is expected
         --> config.yaml:9:10
          |
        9 |   other: shoptet
          |          ^^^^^^^ this value
        """,
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_fault_of_the_root_file_is_shown_at_its_place(
    changed: Change, old: str, new: str, expected: str
) -> None:
    from gateway.endpoints.options import TYPES

    others = "".join(f" or `type: {name}`" for name in TYPES if name != "local")
    assert changed(old, new).refused() == text(expected).replace("TYPES", others)


def test_all_problems_are_told_in_one_run(written: Written) -> None:
    written.write(GOOD.replace("5 min", "5").replace("schema:", "shema:").replace("host:", "hots:"))
    codes = [line.split("]")[0] for line in written.refused().splitlines() if line.startswith("error")]
    assert codes == ["error[C001", "error[C003", "error[C001"]


def test_a_misspelt_key_is_told_and_not_that_the_right_one_is_missing(written: Written) -> None:
    said = written.write(GOOD.replace("    mapping:", "    maping:")).refused()
    assert said.count("error[") == 1
    assert "error[C001]: unknown key `maping`" in said
    assert "= help: there is an option with a similar name: `mapping`" in said


def test_an_unknown_key_is_told_before_the_missing_ones_beside_it(written: Written) -> None:
    said = written.write(GOOD.replace("    mapping:", "    reads:")).refused()
    heads = [line for line in said.splitlines() if line.startswith("error")]
    assert heads == ["error[C001]: unknown key `reads`", "error[C002]: `mapping` is missing"]


def test_an_endpoint_or_route_named_like_a_type_is_not_mixed_up_with_it(written: Written) -> None:
    site = GOOD.replace("  shop:\n", "  ftp:\n    mappin: x\n").replace("shop-ftp", "local")
    written.write(site.replace("user: shop,", "usr: shop,"))
    helps = [line.strip() for line in written.refused().splitlines() if "help" in line]
    assert helps == [
        "= help: there is an option with a similar name: `user`",
        "= help: there is an option with a similar name: `mapping`",
    ]


def test_without_a_file_it_says_how_to_get_one(written: Written) -> None:
    assert written.refused() == text("""
        error[C000]: there is no configuration `config.yaml`
          = help: `gateway init DIR` lays out a new site, `gateway --config FILE` names another file
    """)


def test_an_empty_file_says_how_to_begin(written: Written) -> None:
    assert written.write("").refused() == text("""
        error[C003]: the file is not a table of keys and values
         --> config.yaml
          = help: start it with `version: 1`
    """)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "temporary: '{name}.tmp'",
            "a temporary name has both `{name}` and `{attempt}`, such as `{name}.{attempt}.part`",
        ),
        ("temporary: '../{name}.{attempt}'", "a temporary name has both `{name}` and `{attempt}`"),
        ("temporary: 'a/b/{name}.{attempt}'", "a temporary name has both `{name}` and `{attempt}`"),
        (
            "temporary: '{attempt}-{name}'",
            "a temporary name that ends like the file would be taken for it; add a suffix",
        ),
        ("done_file: ready", "a done-file is named after its file: `{name}.done` or `{stem}.ok`"),
        ("done_file: '{name}'", "a done-file is named after its file: `{name}.done` or `{stem}.ok`"),
        ("file_name: 'in/orders.xml'", "this cannot be a file's name: it has one of the characters"),
        ("file_name: '{number}.xml'", "a file name may have the placeholders `{origin}`, `{kind}` and `{key}`"),
    ],
)
def test_a_pattern_of_names_that_cannot_work_is_told(changed: Change, lines: str, said: str) -> None:
    refused = changed("targets:\n", "targets:\n  odd: {endpoint: out, " + lines + "}\n").refused()
    assert refused.count("error[") == 1
    assert said in refused
