"""mServer in config.yaml: answers by themselves, and what cannot be had of a service, in plain words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.diagnostics import render_all
from gateway.endpoints import AfterWork
from tests.config.conftest import Written

SITE = """\
version: 1
merchant: {company_id: "12345678"}
endpoints:
  out: {type: local, path: out}
  office:
    type: mserver
    url: http://127.0.0.1:444
    user: eshop
    password: "${env:SHOP_PASSWORD}"
    company_id: "12345678"
    OPTIONS
targets: {pohoda: {endpoint: office, TARGET}}
routes:
  shop:
    origin: shop-main
    from: {FROM}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, TO}]
"""


def site(target: str = "", *, options: str = "", source: str = "", to: str = "") -> str:
    text = SITE.replace("OPTIONS", options).replace("FROM", source)
    return text.replace(", TARGET", f", {target}" if target else "").replace(", TO", f", {to}" if to else "")


def test_the_answers_of_an_mserver_are_on_by_themselves(written: Written) -> None:
    config = written.write(site()).load()
    assert (config.problems, config.cautions) == ((), ())
    (target,) = config.routes["shop"].to
    assert target.is_service
    assert target.answers is not None
    assert (target.answers.mapping, target.answers.within) == ("pohoda/response", timedelta(days=1))
    assert (target.answers.take_away, target.answers.ini) == (False, None)
    route = config.routes["answers-pohoda"]
    assert (route.by_call, route.answers_of, route.endpoint) == (True, "pohoda", "office")
    assert route.pickup.after == AfterWork(action="keep")


def test_mapping_and_patience_of_the_answers_can_be_set(written: Written) -> None:
    config = written.write(site("answers: {mapping: mine/response, within: 2 h}")).load()
    (target,) = config.routes["shop"].to
    assert target.answers is not None
    assert (target.answers.mapping, target.answers.within) == ("mine/response", timedelta(hours=2))


NO_FILE = "an mServer answers in the call, and there is no file of it"
IMPOSSIBLE = {
    "folder": ("folder: pohoda", "`folder`: an mServer has no folders", "leave `folder:` out"),
    "file_name": (
        'file_name: "{key}.xml"',
        "`file_name`: an mServer gets no files, so that they need no names",
        "leave `file_name:` out",
    ),
    "window": ("window: 7 d", "`window`: an mServer gets every order once and keeps it", "leave `window:` out"),
    "temporary": (
        'temporary: "{name}.{attempt}.part"',
        "`temporary`: an mServer gets no files, so that they need no names",
        "leave `temporary:` out",
    ),
    "done_file": (
        'done_file: "{name}.done"',
        "`done_file`: an mServer gets no files, and none beside them",
        "leave `done_file:` out",
    ),
    "answers none": ("answers: none", "`answers`: an mServer always answers", "leave `answers:` out"),
    "answers folder": ("answers: {folder: a}", f"`folder` of `answers`: {NO_FILE}", "leave `folder:` out there"),
    "answers files": ("answers: {files: a.xml}", f"`files` of `answers`: {NO_FILE}", "leave `files:` out there"),
    "answers every": ("answers: {every: 1 min}", f"`every` of `answers`: {NO_FILE}", "leave `every:` out there"),
    "answers after": ("answers: {after: keep}", f"`after` of `answers`: {NO_FILE}", "leave `after:` out there"),
    "take_away": (
        "answers: {take_away: no}",
        f"`take_away` of `answers`: {NO_FILE}",
        "leave `take_away:` out there",
    ),
    "ini": ("answers: {ini: pohoda.ini}", f"`ini` of `answers`: {NO_FILE}", "leave `ini:` out there"),
    "another company": (
        'settings: {company_id: "87654321"}',
        "the orders are of the company 87654321, and this mServer's `company_id` is 12345678",
        "choose the mServer of that company, or correct the number",
    ),
}


@pytest.mark.parametrize(("target", "said", "help_"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_had_of_an_mserver_holds_the_route_alone(
    written: Written, target: str, said: str, help_: str
) -> None:
    config = written.write(site(target)).load()
    (problem,) = config.problems
    assert (problem.code, problem.message, problem.help) == ("C003", said, help_)
    assert problem.span is not None
    assert problem.span.line == 12
    assert config.routes == {}


def test_the_company_of_a_route_counts_too(written: Written) -> None:
    config = written.write(site(to='settings: {company_id: "87654321"}')).load()
    assert [problem.message for problem in config.problems] == [
        "the orders are of the company 87654321, and this mServer's `company_id` is 12345678"
    ]


def test_nothing_can_be_taken_from_an_mserver(written: Written) -> None:
    text = site(source="endpoint: office").replace("endpoint: office, TARGET", "endpoint: out")
    assert written.write(text).problems() == (
        "error[C003]: `office` is an mServer, and nothing can be taken from one: it answers what it is sent\n"
        "  --> config.yaml:16:22\n"
        "   |\n"
        "16 |     from: {endpoint: office}\n"
        "   |                      ^^^^^^\n"
        "   |\n"
        "   = help: take `from:` another endpoint, or none for the drop folder; its answers are read by themselves"
    )


def test_answers_of_a_folder_need_their_folder(written: Written) -> None:
    text = site("answers: {within: 1 d}").replace("{endpoint: office", "{endpoint: out")
    said = written.write(text).problems()
    assert said.startswith("error[C002]: `folder` is missing\n")
    assert said.endswith("help: add `folder:`")


@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://127.0.0.1:444", False), ("http://192.168.1.20:444", True), ("https://192.168.1.20:444", False)],
)
def test_a_password_over_plain_http_is_a_warning(written: Written, url: str, *, warned: bool) -> None:
    config = written.write(site().replace("http://127.0.0.1:444", url)).load()
    told = render_all(config.cautions)
    assert (
        told.startswith("warning[C010]: `office` is plain HTTP: its password and the orders travel readable")
        is warned
    )
    assert (told == "") is not warned


def test_a_password_that_stands_in_the_file_is_a_warning_that_does_not_show_it(written: Written) -> None:
    config = written.write(site().replace("${env:SHOP_PASSWORD}", "heslo-4711")).load()
    (caution,) = config.cautions
    assert caution.message.startswith("the secret `password` of `office` stands in the file")
    assert "4711" not in render_all([caution])


def test_a_year_that_is_none_is_said(written: Written) -> None:
    assert "`year`: at most 2100 is expected" in written.write(site(options="year: 20266")).refused()
