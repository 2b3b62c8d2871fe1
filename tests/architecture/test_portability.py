"""No call that one system alone has, but behind a question for the system."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.endpoints.local import translate
from gateway.errors import EndpointUnreachable

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "gateway").rglob("*.py"))
POSIX_MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "pty", "syslog"}
POSIX_NAMES = {
    "os": (
        *(
            "fork",
            "geteuid",
            "getuid",
            "getgid",
            "setuid",
            "chown",
            "lchown",
            "mkfifo",
            "statvfs",
            "kill",
            "killpg",
        ),
        *(
            "killpg",
            "getpgid",
            "O_DIRECTORY",
            "O_NOFOLLOW",
            "O_SYNC",
            "fchmod",
            "fchown",
            "getloadavg",
            "wait",
            "waitpid",
        ),
        *("wait", "waitpid", "nice", "sched_getaffinity", "sync", "readlink", "symlink", "link"),
    ),
    "signal": ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "pause"),
    "socket": ("AF_UNIX", "TCP_KEEPIDLE", "TCP_KEEPINTVL"),
}
QUESTIONS = ("sys.platform", "os.name", "hasattr(", "getattr(")


def _uses(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names of one system alone that a tree speaks of, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in POSIX_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in POSIX_MODULES:
            yield node.module, node.lineno
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in POSIX_NAMES.get(node.value.id, ())
        ):
            yield f"{node.value.id}.{node.attr}", node.lineno


def _function_around(tree: ast.Module, line: int) -> ast.AST:
    """The innermost function that a line stands in; the module itself outside of functions."""
    found: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found = node
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_one_system_alone_has_is_asked_for_first(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    for name, line in _uses(tree):
        around = ast.get_source_segment(text, _function_around(tree, line)) or text
        assert any(question in around for question in QUESTIONS), f"{path.name}:{line} uses {name} unasked"


def test_the_scan_finds_what_it_looks_for() -> None:
    tree = ast.parse("import fcntl, os\ndef f():\n    os.fork()\n")
    assert list(_uses(tree)) == [("fcntl", 1), ("os.fork", 3)]


def test_a_file_that_another_program_has_open_on_windows_is_waited_for() -> None:
    class Sharing(PermissionError):
        winerror = 32

    error = translate(Sharing(13, "The process cannot access the file"), "C:\\drop\\orders.xml cannot be read")
    assert isinstance(error, EndpointUnreachable)
    assert (error.code, error.message) == (
        "E006",
        "C:\\drop\\orders.xml cannot be read: another program has it open",
    )
