"""Which mappings, templates and schemas a command is about, when it names files, folders or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway import library
from gateway.cli.main import Session
from gateway.errors import UsageError

SUFFIXES = {"mappings": ".yaml", "templates": ".xml.j2", "xsd": ".xsd"}


def site_of(session: Session) -> Path | None:
    """The folder of the site: that of the configuration, named or there; else one with `mappings/` in it."""
    if session.config_path.exists() or session.config_path != Path("config.yaml"):
        return session.config_path.resolve().parent
    return Path.cwd() if Path("mappings").is_dir() else None


def files_below(place: Path, folder: str) -> list[Path]:
    """The files of a kind below a folder; what a template includes is checked with that template."""
    found = sorted(place.rglob("*" + SUFFIXES[folder]))
    data = [path for path in found if path.suffix == ".yaml" and any(path.parent.glob("*.j2"))]
    if folder == "mappings":
        data += [path for path in found if path.parent.name == "shared" or path.name in library.DESCRIPTIONS]
    return [path for path in found if not path.name.startswith("_") and path not in data]


def descriptions_below(place: Path) -> list[Path]:
    """What describes platforms below a folder, instead of being a mapping."""
    return sorted(path for path in place.rglob("*.yaml") if path.name in library.DESCRIPTIONS)


def files_of_site(folder: str, site: Path | None) -> Iterator[Path]:
    """The files of a kind of the site, then those that ship."""
    for place in library.search_path(folder, site):
        yield from files_below(place, folder)


def mappings_among(paths: list[str], site: Path | None) -> list[Path]:
    """The mapping files that are meant by files, folders or names such as `shoptet/order`. Raises UsageError."""
    if not paths:
        return list(dict.fromkeys(files_of_site("mappings", site)))
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        folders = [path, *(place / text for place in library.search_path("mappings", site))]
        folder = next((each for each in folders if each.is_dir()), None)
        if folder is not None:
            found += [file for file in files_below(folder, "mappings") if file.name != "config.yaml"]
        elif path.is_file():
            found.append(path)
        else:
            found.append(named_mapping(text, site))
    return list(dict.fromkeys(found))


def named_mapping(name: str, site: Path | None) -> Path:
    """The file of a mapping that is named like `shoptet/order` or by its path. Raises UsageError."""
    if Path(name).is_file():
        return Path(name)
    found = library.find("mappings", name, ".yaml", site)
    if found is not None:
        return found
    near = library.similar(name, library.names("mappings", ".yaml", site))
    more = (
        f"there is one with a similar name: `{near}`" if near else "name it like `shoptet/order`, or give a path"
    )
    raise UsageError(f"there is no mapping `{name}`; {more}")


def root_of(path: Path) -> Path:
    """The folder that samples in a mapping's tests count from: the one that holds `mappings/`."""
    for parent in path.resolve().parents:
        if parent.name == "mappings":
            return parent.parent
    return Path.cwd()
