"""A page of documentation whose commands are typed in order, as a reader would.

Blocks `console` hold commands (`$ …`) and what they print; a line `…` stands for lines that are left out. Blocks
`diff FILE` are edits: the lines with `-` stand in the file once, and those with `+` take their place. Blocks
`yaml FILE` are new files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|diff|yaml) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIMES = re.compile(r"\d+\.\d\d s\b|[\d,]+/s\b")


@dataclass(frozen=True)
class Block:
    """One block of the page: console, diff or yaml, the file that it is about, its text."""

    form: str
    file: str
    text: str
    start: int
    end: int


def blocks_of(page: str) -> list[Block]:
    """All blocks that are run."""
    return [
        Block(found[1], found[2], found[3], found.start(3), found.end(3))
        for found in _BLOCK.finditer(page)
        if found[1] == "console" or found[2]
    ]


def walk(page: str, folder: Path) -> str:
    """The page with what its commands print today; where that is as the page says, the page itself."""
    told: list[str] = []
    end = 0
    place = folder
    for block in blocks_of(page):
        told.append(page[end : block.start])
        end = block.end
        if block.form == "diff":
            told.append(_edited(block, place / block.file))
        elif block.form == "yaml":
            (place / block.file).parent.mkdir(parents=True, exist_ok=True)
            (place / block.file).write_text(block.text, encoding="utf-8")
            told.append(block.text)
        else:
            text, place = _typed(block.text, place)
            told.append(text)
    return "".join([*told, page[end:]])


def _typed(block: str, place: Path) -> tuple[str, Path]:
    """A console block with today's output, and the working folder afterwards."""
    told = []
    for command, expected in _commands(block):
        told.append(f"$ {command}\n")
        moved = re.fullmatch(r"cd (\S+)", command)
        if moved is not None:
            place = (place / moved[1]).resolve()
            continue
        printed = _run(command, place)
        told.append(expected if _same(expected, printed) else printed)
    return "".join(told), place


def _commands(block: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _run(command: str, place: Path) -> str:
    binaries = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": binaries, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "120"}
    ended = subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=60,
    )
    return ended.stdout.decode()


def _same(expected: str, printed: str) -> bool:
    """Whether a text is as the page says, but for times; `…` on a line of its own stands for any lines."""
    parts = _TIMES.sub("TIME", expected).split("…\n")
    pattern = "(?:.*\n)*?".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, _TIMES.sub("TIME", printed)) is not None


def _edited(block: Block, path: Path) -> str:
    lines = block.text.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return f"these lines stand {text.count(old)} times in {block.file}:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return block.text
