"""The entry point: `gateway COMMAND`.

Exit codes: 0 done · 1 a bug · 2 usage · 3 problems found · 4 the configuration does not load ·
5 some exchanges failed · 6 an endpoint could not be reached · 7 the spool is in use · 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from gateway import __version__
from gateway.cli.terminal import Terminal
from gateway.errors import GatewayError, ProblemsFound

if TYPE_CHECKING:
    from gateway.config import Config

EXIT_CODES = (
    "Exit codes: 0 done, 1 a bug, 2 usage, 3 problems found, 4 the configuration does not load, "
    "5 some exchanges failed, 6 an endpoint could not be reached, 7 the spool is in use, 130 interrupted."
)

_HELP = "Moves e-shop and marketplace orders into accounting programs as checked files, and says what is wrong."

_INTERRUPTED = 130
# Typer brings its own copy of click since 0.26; before, it is the installed one.
_Told: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

_COMMANDS = {
    "author": ("init",),
    "checking": ("check",),
    "testing": ("test",),
    "workbench": ("try", "trace"),
    "comparing": ("diff",),
    "converting": ("convert",),
    "explaining": ("explain", "schema"),
    "operate": ("run", "status", "show", "retry", "hold", "release", "resend", "resync", "adopt", "forget"),
    "connect": ("probe", "trust-host"),
    "pohoda": ("pohoda-ini",),
    "pohoda_lists": ("pohoda-lists",),
    "safekeeping": ("backup", "restore"),
    "starting": ("new",),
    "adding": ("add",),
    "platforms": ("platforms",),
}
"""The files of the commands, in the order of the help, and what each of them has."""


class Session(msgspec.Struct):
    """What every command is given: the terminal, and where the configuration is."""

    terminal: Terminal
    config_path: Path
    debug: bool = False

    def config(self) -> Config:
        """The site's configuration. Raises ConfigError."""
        from gateway.config import load

        return load(self.config_path)


def session_of(context: typer.Context) -> Session:
    """What the command was started with."""
    session = context.find_object(Session)
    assert session is not None
    return session


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gateway {__version__}\n")
        raise typer.Exit


def common(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="GATEWAY_CONFIG", help="The site's configuration file.")
    ] = Path("config.yaml"),
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, also on a terminal.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results only, no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version, and end.")
    ] = False,
) -> None:
    """Moves e-shop and marketplace orders into accounting programs as checked files."""
    if no_color:
        os.environ["NO_COLOR"] = "1"  # for log lines, worker processes and the last words of `main` alike
    context.obj = Session(Terminal(quiet=quiet), config, debug)


_GLOBAL = {"--config": True, "-c": True, "--no-color": False, "--quiet": False, "-q": False, "--debug": False}


def _parted(words: list[str], valued: frozenset[str]) -> tuple[list[str], list[str]]:
    """The global options of a command line, wherever they were written, and its other words.

    valued: the commands' own options that have a value; the word after one is its value, whatever it looks like.
    """
    front: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return front, rest + words[at:]
        name = word.partition("=")[0]
        takes = _GLOBAL.get(word)
        if takes and at + 1 < len(words):
            front += words[at : at + 2]
            at += 2
        elif takes is False or (name == "--config" and name != word):
            front.append(word)
            at += 1
        else:
            length = 2 if word in valued else 1
            rest += words[at : at + length]
            at += length
    return front, rest


def _commands_for(words: list[str]) -> Any:
    """The commands, as far as they are needed for a command line: reading them all takes a while."""
    _, others = _parted(words, frozenset())
    files = [file for file, commands in _COMMANDS.items() if others and others[0] in commands] or [*_COMMANDS]
    app = typer.Typer(
        name="gateway",
        help=_HELP,
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=True,
    )
    app.callback()(common)
    for file in files:
        import_module(f"gateway.cli.{file}").register(app)
    return typer.main.get_command(app)


def _valued(group: Any) -> frozenset[str]:
    """The options of commands that have a value, as they are written."""
    commands: list[Any] = list(group.commands.values())
    for command in commands:
        commands += getattr(command, "commands", {}).values()  # those below `new`
    return frozenset(
        name
        for command in commands
        for option in command.params
        if option.param_type_name == "option" and not option.is_flag
        for name in option.opts
    )


_SELDOM = (10_000, 10, 10)
"""How seldom Python looks for circles: frozen records make none, and the looking costs a twentieth of the time."""


def main() -> None:
    """Run a command, and turn whatever goes wrong into words and an exit code."""
    debug = "--debug" in sys.argv
    # none of its plugins is ours, and looking for them takes a while
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(*_SELDOM)
    atexit.register(gc.freeze)  # the last look for circles, in all that was ever loaded, takes a tenth of a second
    words = sys.argv[1:]
    try:
        group = _commands_for(words)
        front, others = _parted(words, _valued(group))
        code = group.main(front + others, prog_name="gateway", standalone_mode=False)
        if code == _INTERRUPTED:
            _end("gateway: interrupted", _INTERRUPTED, debug=False)
        _leave(code)
    except typer.Exit as ended:
        _leave(ended.exit_code)
    except typer.Abort:
        _end("gateway: interrupted", _INTERRUPTED, debug=False)
    except _Told as error:
        error.show()
        sys.exit(error.exit_code)
    except ProblemsFound as error:
        terminal = Terminal()
        terminal.problems(error.problems)
        _end(_problem_line(error), error.exit_code, debug=debug)
    except GatewayError as error:
        _end(f"gateway: {error}", error.exit_code, debug=debug)
    except KeyboardInterrupt:
        _end("gateway: interrupted", _INTERRUPTED, debug=False)
    except BrokenPipeError:
        _leave(0)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _end(f"gateway: the operating system says: {error.strerror or error}{place}", 1, debug=debug)
    except Exception as error:  # noqa: BLE001 - the last floor: a bug is told in words, the traceback on request
        _end(
            f"gateway: a bug in the gateway: {type(error).__name__}: {error}\n"
            "please report it with the output of the same command with `--debug`",
            1,
            debug=debug,
        )


def _leave(code: int | None) -> NoReturn:
    """End with what is still to be written; `gateway … | head` may have gone before that.

    The signal of a broken pipe is not switched on for that: a broken line to a server would end the command too.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _problem_line(error: ProblemsFound) -> str:
    from gateway.diagnostics import plural

    codes = sorted({problem.code for problem in error.problems})
    more = f"; `gateway explain {codes[0]}` tells more" if codes else ""
    return f"{plural(len(error.problems), 'problem')}{more}"


def _end(text: str, code: int, *, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
    sys.stderr.write(text + "\n")
    sys.exit(code)
