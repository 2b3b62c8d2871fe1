"""Where mappings, templates, schemas and samples are found: the site's own folders first, then the shipped ones.

A clone and an installed wheel behave alike: in a clone the shipped folders stand at the top level,
in a wheel they are packed beneath this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

FOLDERS = ("mappings", "templates", "xsd", "samples")
DESCRIPTIONS = ("api.yaml", "platform.yaml")
"""Files beside the mappings of a platform that are none themselves."""


@cache
def shipped() -> Path:
    """The folder that holds the shipped `mappings/`, `templates/`, `xsd/` and `samples/`."""
    clone = Path(__file__).resolve().parents[2]
    if (clone / "setup.cfg").is_file() and (clone / "mappings").is_dir():
        return clone
    return Path(__file__).resolve().parent


def search_path(folder: str, site: Path | None = None) -> tuple[Path, ...]:
    """The places where files of `folder` (one of FOLDERS) are looked for, first hit first."""
    places = [site / folder] if site is not None else []
    if shipped() / folder not in places:
        places.append(shipped() / folder)
    return tuple(place for place in places if place.is_dir())


def find(folder: str, name: str, suffix: str, site: Path | None = None) -> Path | None:
    """The file that `name` (such as `shoptet/order`) stands for, or None where there is none."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    for place in search_path(folder, site):
        candidate = place / (name if name.endswith(suffix) else name + suffix)
        if candidate.is_file():
            return candidate
    return None


def names(folder: str, suffix: str, site: Path | None = None) -> Iterator[str]:
    """The names that `find` would resolve, for suggestions in problems; partial files (`_name`) are left out."""
    seen: set[str] = set()
    for place in search_path(folder, site):
        for path in sorted(place.rglob("*" + suffix)):
            name = path.relative_to(place).as_posix().removesuffix(suffix)
            if suffix == ".yaml" and path.name in DESCRIPTIONS:
                continue
            if name not in seen and not path.name.startswith("_"):
                seen.add(name)
                yield name


def similar(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a misspelt one, for a help line; None where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None
