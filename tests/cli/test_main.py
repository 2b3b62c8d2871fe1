"""The command line itself: help, codes, streams, colour, and no traceback for a user's mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.cli import main as cli
from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

COMMANDS = ["init", "check", "test", "try", "trace", "diff", "convert", "explain", "schema", "run", "status"]
COMMANDS += [
    "show",
    "retry",
    "hold",
    "release",
    "resend",
    "resync",
    "adopt",
    "forget",
    "probe",
    "trust-host",
    "pohoda-ini",
    "pohoda-lists",
    "backup",
    "restore",
    "platforms",
    "new",
    "add",
]
CHANGING = ["test", "schema", "run", "retry", "hold", "release", "resend", "resync", "adopt", "forget"]
READING = ["check", "test", "try", "trace", "diff", "explain", "run", "status", "show", "convert"]
READING += ["backup", "restore", "platforms"]


def process(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m gateway` as a user has it."""
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("check", "-c", "site.yaml"),
        ("check", "--config", "site.yaml", "--quiet"),
        ("check", "--json", "--config=site.yaml"),
        ("-c", "site.yaml", "check"),
    ],
    ids=" ".join,
)
def test_the_configuration_may_be_named_before_and_after_the_command(
    gateway: Gateway, site: TestSite, words: tuple[str, ...]
) -> None:
    site.config_path.rename(site.folder / "site.yaml")
    outcome = gateway(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "site.yaml" in outcome.out


def test_a_word_after_an_option_with_a_value_is_its_value(gateway: Gateway, site: TestSite) -> None:
    (site.folder / "orders.xml").write_bytes(export("1001"))
    outcome = gateway("convert", "--route", "shop", "orders.xml", "-o", "-q")
    assert (outcome.code, (site.folder / "-q").is_file()) == (0, True)


def test_after_two_dashes_nothing_is_an_option(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("show", "--", "-c")
    assert outcome.code == 2
    assert "-c" in outcome.err


def test_the_version(gateway: Gateway) -> None:
    outcome = gateway("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"gateway {__version__}\n", "")


def test_help_names_every_command_and_every_exit_code(gateway: Gateway) -> None:
    outcome = gateway("--help")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.out.split("Commands:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in found.splitlines()] == COMMANDS
    assert " ".join(outcome.out.split()).endswith(
        "Exit codes: 0 done, 1 a bug, 2 usage, 3 problems found, 4 the configuration does not load, "
        "5 some exchanges failed, 6 an endpoint could not be reached, 7 the spool is in use, 130 interrupted."
    )


def test_every_file_has_the_commands_that_it_is_said_to_have() -> None:
    # given a command line that names no command, for which all files are read
    everything = cli._commands_for(["--help"]).commands
    # then those of the table are there, and each file gives its own alone
    assert sorted(everything) == sorted(name for names in cli._COMMANDS.values() for name in names)
    for names in cli._COMMANDS.values():
        for name in names:
            assert [*cli._commands_for(["--quiet", "-c", "check", name]).commands] == [*names]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_exit_codes(gateway: Gateway, command: str) -> None:
    outcome = gateway(command, "--help")
    assert outcome.code == 0
    assert "Exit codes: 0 done" in outcome.out
    assert ("--dry-run" in outcome.out) is (command in CHANGING)
    assert "--json" in outcome.out or command not in READING


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nix",), "Error: No such command 'nix'."),
        (("show",), "Error: Missing argument 'ID'."),
        (("status", "--nix"), "Error: No such option: --nix"),
        (("status", "--limit", "many"), "Error: Invalid value for '--limit'"),
        (("--config",), "Error: Option '--config' requires an argument."),
    ],
)
def test_a_misuse_is_usage_and_no_bug(gateway: Gateway, words: tuple[str, ...], said: str) -> None:
    outcome = gateway(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: gateway " if words != ("--config",) else "Error: ")
    assert outcome.err.rstrip().splitlines()[-1].startswith(said)


def test_without_a_command_there_is_help(gateway: Gateway) -> None:
    outcome = gateway()
    assert outcome.code == 2
    assert "Commands:" in outcome.err


@pytest.mark.parametrize("command", [("status",), ("run",), ("run", "--once"), ("show", "1"), ("retry", "1")])
def test_without_a_configuration_it_says_how_to_get_one(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = gateway(*command)
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        "error[C000]: there is no configuration `config.yaml`\n"
        "  = help: `gateway init DIR` lays out a new site, `gateway --config FILE` names another file\n"
        "\n"
        "1 problem; `gateway explain C000` tells more\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_instead_of_a_configuration_is_told(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("--config", ".", "status")
    assert outcome.code == 4
    assert outcome.err.splitlines()[0] == "error[Y001]: cannot read `.`: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_configuration_that_may_not_be_read_is_told(gateway: Gateway, site: TestSite) -> None:
    site.config_path.chmod(0)
    outcome = gateway("status")
    assert outcome.code == 4
    assert outcome.err.splitlines()[0] == "error[Y001]: cannot read `config.yaml`: Permission denied"


def test_the_configuration_may_be_named_by_the_environment(
    gateway: Gateway, site: TestSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", str(site.config_path))
    monkeypatch.chdir("/")
    assert gateway("status").code == 0


def test_a_spool_that_cannot_be_made_is_told(gateway: Gateway, site: TestSite) -> None:
    (site.folder / "spool").write_text("")
    outcome = gateway("run", "--once")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        f"error[C008]: the spool {site.folder}/spool cannot be created: File exists\n"
        "  = help: set `spool:` in config.yaml to a folder that the gateway's user may write to\n"
        "\n"
        "1 problem; `gateway explain C008` tells more\n"
    )


def test_a_damaged_ledger_is_told(gateway: Gateway, site: TestSite) -> None:
    (site.folder / "spool").mkdir()
    (site.folder / "spool" / "ledger.db").write_bytes(b"no database " * 1000)
    outcome = gateway("status")
    assert outcome.code == 1
    assert outcome.err.startswith(
        f"gateway: the ledger {site.folder}/spool/ledger.db cannot be opened: file is not"
    )


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(cli.Session, "config", fail)


def test_a_bug_is_told_as_one_and_its_traceback_only_on_request(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_with(KeyError("oops"), monkeypatch)
    outcome = gateway("status")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "gateway: a bug in the gateway: KeyError: 'oops'\n"
        "please report it with the output of the same command with `--debug`\n"
    )
    assert "Traceback (most recent call last)" in gateway("--debug", "status").err


def test_what_the_operating_system_refuses_is_no_bug(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(OSError(28, "No space left on device", "/var/lib/x"), monkeypatch)
    outcome = gateway("status")
    assert outcome.code == 1
    assert outcome.err == "gateway: the operating system says: No space left on device: /var/lib/x\n"


def test_an_interruption_ends_with_code_130(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(KeyboardInterrupt(), monkeypatch)
    outcome = gateway("status")
    assert (outcome.code, outcome.err) == (130, "gateway: interrupted\n")


# -- as a process ----------------------------------------------------------------------------------------


def test_as_a_process_results_and_progress_go_their_own_ways_without_colour(site: TestSite) -> None:
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    done = process("run", "--once", cwd=site.folder)
    assert done.returncode == 3
    assert "sent, some set aside" in done.stdout
    assert "reading shop" not in done.stdout
    assert done.stderr.startswith("reading shop\n")
    assert done.stderr.endswith("shipping to pohoda\n")
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_as_a_process_a_typo_is_shown_and_ends_with_code_4(site: TestSite) -> None:
    site.configure(replace=("origin:", "orign:"))
    done = process("status", cwd=site.folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert "error[C001]: unknown key `orign`\n  --> config.yaml:15:5" in done.stderr


def test_a_reader_that_goes_away_is_no_error(site: TestSite) -> None:
    orders = [ShopOrder(f"{n:05}") for n in range(400)]
    (site.folder / "many.xml").write_bytes(export(*orders))
    command = f"{sys.executable} -m gateway convert --route shop many.xml | head -c 100"
    done = subprocess.run(
        command, shell=True, cwd=site.folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_no_command_lets_a_broken_line_to_a_server_end_it(site: TestSite, gateway: Gateway) -> None:
    """With the signal of a broken pipe switched on, `gateway adopt` would vanish in the middle of a transfer."""
    import signal

    gateway("check")
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("words", "environment", "coloured"),
    [((), {}, True), ((), {"NO_COLOR": "1"}, False), (("--no-color",), {}, False)],
    ids=["on a terminal", "NO_COLOR", "--no-color"],
)
def test_colour_is_for_terminals_only_and_can_be_switched_off(
    site: TestSite, words: tuple[str, ...], environment: dict[str, str], coloured: bool
) -> None:
    import pty

    site.configure(replace=("origin:", "orign:"))
    here, there = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    command = [sys.executable, "-m", "gateway", *words, "check", "config.yaml"]
    with subprocess.Popen(
        command, cwd=site.folder, env={**kept, **environment}, stdout=there, stderr=there
    ) as run:
        os.close(there)
        shown = b""
        while True:
            try:
                block = os.read(here, 65536)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            shown += block
    os.close(here)
    assert run.returncode == 4
    assert "unknown key `orign`" in shown.decode()
    assert r"\x1b" not in shown.decode()
    assert (b"\x1b[" in shown) is coloured
