"""Log lines: what a line holds, which levels are told, and that nothing is loaded for lines that nobody writes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from gateway import telemetry


@pytest.fixture(autouse=True)
def before_and_after() -> Iterator[None]:
    """Nobody has configured it before; the lines of a test end with its standard error."""
    telemetry.unconfigure()
    yield
    telemetry.unconfigure()


@pytest.mark.parametrize("lazily", [False, True])
def test_a_line_holds_the_event_its_facts_its_level_and_the_time(
    capsys: pytest.CaptureFixture[str], lazily: bool
) -> None:
    telemetry.configure(json=True, lazily=lazily)
    telemetry.emit("shipped", route="shop", name="50 % sleva ž.xml", reason=None)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"route": "shop", "name": "50 % sleva ž.xml", "event": "shipped", "level": "info"}


def test_a_fact_may_have_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True)
    telemetry.emit("read", message="a", args=(1,), msg="b", extra="c")
    line = json.loads(capsys.readouterr().err)
    assert [line[name] for name in ("message", "args", "msg", "extra", "event")] == ["a", [1], "b", "c", "read"]


def test_a_line_for_people_has_no_colour_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=False)
    telemetry.emit("shipped", level="warning", route="shop")
    assert capsys.readouterr().err.partition("[")[2].split() == ["warning", "]", "shipped", "route=shop"]


def test_a_line_break_in_a_name_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=False)
    telemetry.emit("read", name="a\r\nb")
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_below_the_level_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True, level="error")
    telemetry.emit("shipped")
    telemetry.emit("watch_refused", level="warning")
    telemetry.emit("trouble", level="error")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


def test_where_nobody_has_configured_it_warnings_and_errors_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.emit("shipped")
    telemetry.emit("watch_refused", level="warning")
    telemetry.emit("trouble", level="error")
    assert [line.split()[3] for line in capsys.readouterr().err.splitlines()] == ["watch_refused", "trouble"]


def test_configured_twice_it_tells_once(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    telemetry.configure(json=True)
    telemetry.configure(json=True)
    telemetry.emit("shipped")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_many_threads_tell_whole_lines_also_with_the_first_ones(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True, lazily=True)
    gate = threading.Barrier(8)

    def tell(number: int) -> None:
        gate.wait()
        for turn in range(50):
            telemetry.emit("told", number=number, turn=turn)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert len({(line["number"], line["turn"]) for line in lines}) == len(lines) == 400


def test_a_thread_that_fails_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True, level="warning")
    thread = threading.Thread(target=lambda: [][0], name="reader")
    thread.start()
    thread.join()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["thread"]) == ("thread_ended", "reader")
    assert line["error"] == "IndexError: list index out of range"


@pytest.mark.parametrize(
    ("lazily", "level", "loaded"), [(True, "info", False), (True, "error", True), (False, "info", True)]
)
def test_what_makes_lines_is_loaded_beforehand_or_with_the_first_one(
    lazily: bool, level: str, loaded: bool
) -> None:
    program = (
        "import sys; from gateway import telemetry; "
        f"telemetry.configure(json=True, level='error', lazily={lazily}); "
        f"telemetry.emit('shipped', level='{level}'); print('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)
