"""`gateway pohoda-ini`, and what `gateway probe` says to the ini in a target's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.diagnostics import render_all
from gateway.errors import ConfigError
from tests.cli.conftest import Gateway
from tests.cli.test_testing import text
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.workbench.walk import walk

PAGE = Path(__file__).parents[2] / "docs" / "pohoda-folder.md"
TARGET = "    folder: pohoda\n"
UNIT = ("--database", "StwPh_12345678_2026", "--folder", "C:\\gateway")
INI = (
    "[XML]\r\n"
    "input_dir=C:\\gateway\\pohoda\r\n"
    "response_dir=C:\\gateway\\pohoda\\response\r\n"
    "database=StwPh_12345678_2026\r\n"
    "check_duplicity=1\r\n"
    "format_output=0\r\n"
)
NEITHER = "is no ini: its line {} is neither a section nor a key with a value"
PROGRAM = '"C:\\Program Files (x86)\\STORMWARE\\POHODA\\Pohoda.exe"'


def answering(site: TestSite, more: str = "", *, folder: str = "pohoda/response", target: str = TARGET) -> None:
    site.configure(replace=(TARGET, f"{target}    answers: {{folder: {folder}{more}}}\n"))


def asking_for_the_ini(site: TestSite) -> Path:
    """A site whose probe looks at the ini; the folder in which it looks."""
    answering(site, ", ini: pohoda.ini")
    folder = site.folder / "out" / "pohoda"
    folder.mkdir(parents=True)
    return folder


# -- writing it --------------------------------------------------------------------------------------------


def test_the_ini_is_printed_as_its_bytes_and_the_task_beside_it(gateway: Gateway, site: TestSite) -> None:
    answering(site)
    outcome = gateway("pohoda-ini", "pohoda", *UNIT, "--user", "eshop")
    assert (outcome.code, outcome.out) == (0, INI)
    assert outcome.err == text(f"""
        compare: C:\\gateway\\pohoda must be the folder `pohoda` of the endpoint `out`
        the task for the Windows task scheduler, every few minutes (where Pohoda.exe lies is UNCONFIRMED):
          {PROGRAM} /XML "eshop" "PASSWORD" "C:\\gateway\\pohoda\\pohoda.ini"
        the password is typed there: the gateway never asks for it, reads it or writes it
        never two at once for one unit: one task for this database, which starts no second instance of itself
        next: the same with `-o pohoda.ini` writes it, in windows-1250 as POHODA reads it
    """)


def test_it_is_written_in_windows_1250_with_the_line_ends_of_windows(gateway: Gateway, site: TestSite) -> None:
    # given a folder with letters that other encodings have elsewhere
    answering(site, target="    folder: Objednávky/e-shop\n", folder="Objednávky/Odpovědi")
    # when the ini is written
    unit = ("--database", "StwPh_12345678_2026.mdb", "--folder", "\\\\srv\\účty")
    outcome = gateway("pohoda-ini", "pohoda", *unit, "-o", "unit.ini")
    # then it has them as POHODA reads them
    assert (outcome.code, outcome.out) == (
        0,
        (
            "✓ unit.ini\n"
            "next: put it at \\\\srv\\účty\\Objednávky\\e-shop\\unit.ini, add `ini: unit.ini` to `answers:` of "
            "`pohoda`, then `gateway probe out`, and set up the task\n"
        ),
    )
    assert (site.folder / "unit.ini").read_bytes() == (
        b"[XML]\r\n"
        b"input_dir=\\\\srv\\\xfa\xe8ty\\Objedn\xe1vky\\e-shop\r\n"
        b"response_dir=\\\\srv\\\xfa\xe8ty\\Objedn\xe1vky\\Odpov\xecdi\r\n"
        b"database=StwPh_12345678_2026.mdb\r\n"
        b"check_duplicity=1\r\n"
        b"format_output=0\r\n"
    )
    assert '/XML "USER" "PASSWORD" "\\\\srv\\účty\\Objednávky\\e-shop\\unit.ini"\n' in outcome.err


def test_the_task_names_the_ini_that_probe_looks_at(gateway: Gateway, site: TestSite) -> None:
    answering(site, ", ini: Unit-2.ini")
    outcome = gateway("pohoda-ini", "pohoda", *UNIT, "-o", "pohoda.ini")
    assert '"C:\\gateway\\pohoda\\Unit-2.ini"\n' in outcome.err
    assert (
        outcome.last
        == "next: put it at C:\\gateway\\pohoda\\Unit-2.ini, then `gateway probe out`, and set up the task"
    )


def test_a_target_without_a_folder_is_the_endpoints_own(gateway: Gateway, site: TestSite) -> None:
    answering(site, target="", folder="/response/")
    outcome = gateway("pohoda-ini", "pohoda", "--database", "StwPh_12345678_2026", "--folder", "D:/")
    assert outcome.out.splitlines()[1:3] == ["input_dir=D:\\", "response_dir=D:\\response"]
    assert outcome.err.splitlines()[0] == "compare: D:\\ must be the folder of the endpoint `out`"


def test_a_file_that_is_there_stays_unless_it_is_forced(gateway: Gateway, site: TestSite) -> None:
    answering(site)
    (site.folder / "pohoda.ini").write_text("mine")
    refused = gateway("pohoda-ini", "pohoda", *UNIT, "-o", "pohoda.ini")
    assert (refused.code, refused.out, refused.err) == (
        2,
        "",
        "gateway: pohoda.ini is there already; `--force` writes over it\n",
    )
    assert (site.folder / "pohoda.ini").read_text() == "mine"
    assert gateway("pohoda-ini", "pohoda", *UNIT, "-o", "pohoda.ini", "--force").code == 0
    assert (site.folder / "pohoda.ini").read_bytes() == INI.encode()


def test_a_database_of_another_company_is_told(gateway: Gateway, site: TestSite) -> None:
    answering(site)
    outcome = gateway("pohoda-ini", "pohoda", "--database", "StwPh_87654321_2026", "--folder", "C:\\gateway")
    assert outcome.code == 0
    assert outcome.err.splitlines()[1] == (
        "StwPh_87654321_2026 does not name the company 12345678 of this target: POHODA refuses files "
        "of another one"
    )


def test_no_password_is_asked_for_and_nothing_is_started_or_noted_down(gateway: Gateway, site: TestSite) -> None:
    answering(site)
    before = sorted(site.folder.rglob("*"))
    assert gateway("pohoda-ini", "pohoda", *UNIT, "--password", "hunter2").code == 2
    assert gateway("--quiet", "pohoda-ini", "pohoda", *UNIT).err == ""
    assert sorted(site.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("office",), "no route sends to a target `office`; known: pohoda"),
        (
            ("pohoda", "--folder", "C:\\gateway"),
            (
                "`--database` is missing: the name of the accounting unit's database of this year, such as "
                "StwPh_12345678_2026 (SQL) or StwPh_12345678_2026.mdb"
            ),
        ),
        (
            ("pohoda", "--database", "StwPh_12345678_2026"),
            (
                "`--folder` is missing: the absolute path under which POHODA's machine sees the folder of the "
                "endpoint `out`, such as `--folder C:\\gateway`"
            ),
        ),
        *(
            (
                ("pohoda", "--database", "StwPh_12345678_2026", "--folder", folder),
                (
                    f"`--folder {folder}` is no absolute Windows path: it begins with a drive, such as "
                    "C:\\gateway, or with a share, such as \\\\server\\gateway"
                ),
            )
            for folder in ("gateway", "/srv/gateway", "C:gateway", "\\gateway")
        ),
        (
            ("pohoda", "--database", "StwPh_12345678_2026", "--folder", "C:\\a\\..\\b"),
            "`--folder C:\\a\\..\\b` cannot be a folder on Windows: it is empty or a folder",
        ),
        (
            ("pohoda", "--database", "StwPh\ncheck_duplicity=0", "--folder", "C:\\gateway"),
            "`--database StwPh\ncheck_duplicity=0` is no name of a database: it has a control character",
        ),
        (
            ("pohoda", "--database", "StwPh_12345678_2026", "--folder", "C:\\网关"),
            (
                "`网关` cannot be written in windows-1250, which POHODA reads the ini in; choose other names for "
                "folders and database"
            ),
        ),
        (("pohoda", *UNIT, "--user", 'a" b'), '`--user a" b` cannot stand between quotation marks'),
    ],
)
def test_what_cannot_be_is_a_misuse(gateway: Gateway, site: TestSite, words: tuple[str, ...], said: str) -> None:
    answering(site)
    outcome = gateway("pohoda-ini", *words)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"gateway: {said}\n")


def test_a_target_without_answers_is_refused_with_what_to_add(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("pohoda-ini", "pohoda", *UNIT)
    assert (outcome.code, outcome.out, outcome.err) == (
        2,
        "",
        (
            "gateway: the target `pohoda` has no `answers:`, and nobody would read what POHODA says to its files; "
            "add `answers: {folder: pohoda/response}` to it\n"
        ),
    )


def test_answers_that_would_be_written_over_the_files_are_refused(gateway: Gateway, site: TestSite) -> None:
    answering(site, folder="/POHODA/")
    outcome = gateway("pohoda-ini", "pohoda", *UNIT)
    assert (outcome.code, outcome.err) == (
        2,
        (
            "gateway: the answers of `pohoda` are in the folder of its files, C:\\gateway\\pohoda: an answer has "
            "the name of its file, and POHODA would write over it; give `answers:` a folder of its own\n"
        ),
    )


def test_a_folder_that_windows_cannot_have_is_refused(gateway: Gateway, site: TestSite) -> None:
    answering(site, target='    folder: "in: pohoda"\n')
    outcome = gateway("pohoda-ini", "pohoda", *UNIT)
    assert (outcome.code, outcome.err) == (
        2,
        (
            "gateway: `folder: in: pohoda` cannot be a folder on Windows: it has one of the characters "
            '/ \\ : * ? " < > |\n'
        ),
    )


def test_the_target_of_one_of_several_merchants_is_named_with_it(gateway: Gateway, site: TestSite) -> None:
    site.config_path.write_text(
        text("""
        version: 1
        endpoints: {out: {type: local, path: out}}
        merchants:
          acme: {company_id: "12345678", targets: {pohoda: {endpoint: out, folder: a, answers: {folder: a/out}}}}
          bolt: {company_id: "87654321", targets: {pohoda: {endpoint: out, folder: b, answers: {folder: b/out}}}}
        routes:
          one: {merchant: acme, origin: a, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}
          two: {merchant: bolt, origin: b, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}
    """),
        encoding="utf-8",
    )
    assert "known: acme/pohoda, bolt/pohoda" in gateway("pohoda-ini", "pohoda", *UNIT).err
    outcome = gateway("pohoda-ini", "bolt/pohoda", "--database", "StwPh_87654321_2026", "--folder", "C:\\g")
    assert outcome.out.splitlines()[1:3] == ["input_dir=C:\\g\\b", "response_dir=C:\\g\\b\\out"]


# -- looking at it -----------------------------------------------------------------------------------------


def refusal(fault: str) -> str:
    return text(f"""
        ✗ out → pohoda  pohoda/pohoda.ini {fault}: POHODA would book every file again that it finds twice  (…)
          help: write `check_duplicity=1` below its [XML], or put there what `gateway pohoda-ini pohoda` writes
        next: `gateway explain E016`
    """)


def below_the_endpoint(printed: str) -> str:
    """What probe prints after the line of the endpoint, without times."""
    lines = printed.splitlines(keepends=True)[1:]
    return "".join(f"{line.rpartition('  (')[0]}  (…)\n" if line.endswith(" s)\n") else line for line in lines)


def test_what_the_command_writes_is_what_probe_wants_to_see(gateway: Gateway, site: TestSite) -> None:
    folder = asking_for_the_ini(site)
    gateway("pohoda-ini", "pohoda", *UNIT, "-o", folder / "pohoda.ini")
    outcome = gateway("probe")
    assert outcome.code == 0
    assert outcome.out.startswith(f"✓ out  {site.folder}/out can be written  (")
    assert below_the_endpoint(outcome.out) == text("""
        ✓ out → pohoda  pohoda/pohoda.ini has `check_duplicity=1`  (…)
        next: `gateway run`
    """)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "is not there"),
        (b"[XML]\r\ncheck_duplicity=0\r\n", "has `check_duplicity=0`"),
        (b"[XML]\r\ncheck_duplicity=\r\n", "has `check_duplicity=`"),
        (b"[XML]\r\ninput_dir=C:\\in\r\n", "has no `check_duplicity`"),
        (b"[XML]\ncheck_duplicity=1\ncheck_duplicity=0\n", "has `check_duplicity=0`"),
        (b"[HTTP]\r\ncheck_duplicity=1\r\n", "is no ini of POHODA: it has no section [XML]"),
        (b"[XML]\r\n;check_duplicity=1\r\n", "has no `check_duplicity`"),
        (b"check_duplicity=1\r\n", NEITHER.format(1)),
        (b"[XML]\r\n\r\nsomething\r\n", NEITHER.format(3)),
        (b"\xef\xbb\xbf[XML]\ncheck_duplicity=1", NEITHER.format(1)),
        (b"[XML]\r\ninput_dir=C:\\\x81\r\n", "is no text in windows-1250"),
        (b"", "is no ini of POHODA: it has no section [XML]"),
    ],
)
def test_an_ini_without_the_duplicate_check_is_refused(
    gateway: Gateway, site: TestSite, content: bytes | None, fault: str
) -> None:
    # given an ini that somebody wrote by hand
    folder = asking_for_the_ini(site)
    if content is not None:
        (folder / "pohoda.ini").write_bytes(content)
    # when the endpoint is probed
    outcome = gateway("probe", "out")
    # then the endpoint is in order, and the ini is not
    assert (outcome.code, outcome.out[:6]) == (6, "✓ out ")
    assert below_the_endpoint(outcome.out) == refusal(fault)


@pytest.mark.parametrize(
    "content",
    [
        b"; of the office\n[xml]\n  Check_Duplicity = 1\n",
        b"[HTTP]\r\ncheck_duplicity=0\r\n[XML]\r\ndatabase='StwPh_1'\r\ncheck_duplicity=1",
    ],
)
def test_an_ini_may_be_written_as_windows_takes_it(gateway: Gateway, site: TestSite, content: bytes) -> None:
    folder = asking_for_the_ini(site)
    (folder / "pohoda.ini").write_bytes(content)
    assert gateway("probe").code == 0


def test_the_refusal_as_json_names_the_target(gateway: Gateway, site: TestSite) -> None:
    asking_for_the_ini(site)
    outcome = gateway("probe", "--json")
    of_endpoint, of_ini = outcome.json
    assert (outcome.code, set(of_endpoint)) == (6, {"endpoint", "ok", "said", "seconds"})
    del of_ini["seconds"]
    assert of_ini == {
        "endpoint": "out",
        "target": "pohoda",
        "ok": False,
        "said": "pohoda/pohoda.ini is not there: POHODA would book every file again that it finds twice",
        "code": "E016",
        "help": "write `check_duplicity=1` below its [XML], or put there what `gateway pohoda-ini pohoda` writes",
    }


def test_a_folder_that_is_not_there_is_the_folders_own_problem(gateway: Gateway, site: TestSite) -> None:
    answering(site, ", ini: pohoda.ini")
    outcome = gateway("probe")
    assert outcome.code == 6
    assert below_the_endpoint(outcome.out) == text(f"""
        ✗ out → pohoda  the folder {site.folder}/out/pohoda cannot be listed: No such file or directory  (…)
          help: check the path, and whether the disk or share is mounted
        next: `gateway explain E003`
    """)


def test_without_ini_probe_says_nothing_new(gateway: Gateway, site: TestSite) -> None:
    answering(site)
    assert below_the_endpoint(gateway("probe").out) == "next: `gateway run`\n"


def test_the_ini_stays_while_files_come_and_go(gateway: Gateway, site: TestSite) -> None:
    folder = asking_for_the_ini(site)
    gateway("pohoda-ini", "pohoda", *UNIT, "-o", folder / "pohoda.ini")
    (folder / "response").mkdir()
    site.drop("orders.xml", export("1001"))
    site.run()
    assert sorted(site.shipped()) == ["pohoda.ini", "shop-main_order_1001.xml"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("orders.xml", "the name ends in `.ini`, such as `pohoda.ini`: POHODA would import another file"),
        ("../pohoda.ini", "this cannot be a file's name: it has one of the characters / \\ : * ? \" < > |"),
    ],
)
def test_a_name_that_no_ini_can_have_is_told(site: TestSite, name: str, said: str) -> None:
    answering(site, f", ini: {name}")
    with pytest.raises(ConfigError) as caught:
        load(site.config_path)
    assert said in render_all(caught.value.problems)


# -- the page ----------------------------------------------------------------------------------------------


def test_the_page_about_the_folder_prints_what_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert walk(page, tmp_path) == page
