"""A file imports only its own or lower floors (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "gateway"
FLOORS = {
    0: {"errors", "diagnostics", "yamlfile", "telemetry", "clock", "library", "lazily", "schemas"},
    1: {"documents"},
    2: {"mapping", "offers", "rendering"},
    3: {"endpoints", "store"},
    4: {"config"},
    5: {"exchange", "workbench"},
    6: {"daemon"},
    7: {"cli", "web", "__main__"},
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
# These two rooms of floor 2 never know each other: they meet in the documents.
STRANGERS = [{"mapping", "rendering"}]


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "gateway" and len(parts) > 1 and parts[1] in FLOOR_OF:
                yield node.lineno, parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_its_own_and_lower_floors(path: Path) -> None:
    room = room_of(path)
    above = [
        f"{path.relative_to(ROOT)}:{line} (floor {FLOOR_OF[room]}) imports {other} (floor {FLOOR_OF[other]})"
        for line, other in imported_rooms(path)
        if FLOOR_OF[other] > FLOOR_OF[room] or any({room, other} == pair for pair in STRANGERS)
    ]
    assert above == []


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room_of(path) for path in modules()}
    assert rooms <= set(FLOOR_OF), f"these rooms have no floor: {rooms - set(FLOOR_OF)}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_five_hundred_lines(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 500, f"{path.name} has {lines} lines: split it by what it is about"


def test_no_room_is_a_lumber_room() -> None:
    names = {path.stem for path in modules()}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def test_documents_and_mapping_never_turn_an_amount_into_a_float() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if room_of(path) in ("documents", "mapping", "rendering")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    assert found == []
