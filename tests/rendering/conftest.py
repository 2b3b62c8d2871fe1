"""What the tests of this room share: POHODA's template, both schemas, and a folder for templates of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.documents import KINDS, Document, Order
from gateway.rendering import Identity, Schema, Template, load, load_schema
from tests.loaded import template as template_of
from tests.rendering.orders import LOOKUPS, SETTINGS, identity

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "formats" / "pohoda" / "xsd" / "data.xsd"
NAMESPACES = {
    name: f"http://www.stormware.cz/schema/version_2/{file}.xsd"
    for name, file in (
        ("adb", "addressbook"),
        ("dat", "data"),
        ("dis", "discount"),
        ("ftr", "filter"),
        ("inv", "invoice"),
        ("ord", "order"),
        ("stk", "stock"),
        ("typ", "type"),
    )
}


class Written:
    """A rendered document, asked by element name."""

    def __init__(self, root: etree._Element, notes: tuple[Any, ...]) -> None:
        self.root = root
        self.notes = notes

    def all(self, path: str) -> list[str]:
        found = self.root.xpath(f".//{path}", namespaces=NAMESPACES)
        return [e if isinstance(e, str) else (e.text or "") for e in found]

    def one(self, path: str) -> str | None:
        found = self.all(path)
        assert len(found) < 2, f"{path} stands {len(found)} times"
        return found[0] if found else None


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema("pohoda/data")


@pytest.fixture(scope="session")
def vendor_schema() -> etree.XMLSchema | None:
    return etree.XMLSchema(etree.parse(VENDOR)) if VENDOR.is_file() else None


@pytest.fixture(scope="session")
def template() -> Template:
    return load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)


@pytest.fixture
def write(schema: Schema, vendor_schema: etree.XMLSchema | None) -> Callable[..., Written]:
    """Render an order with POHODA's template and check it with our schema (and POHODA's own where it is there)."""

    def write_one(document: Order, lookups: Any = None, **settings: Any) -> Written:
        loaded = template_of("pohoda/order", SETTINGS | settings, lookups or LOOKUPS)
        rendered = loaded.whole(document, identity(document))
        data = loaded.encode(rendered.text)
        assert schema.check(data) == ()
        root = etree.fromstring(data)
        if vendor_schema is not None:
            vendor_schema.assertValid(root)
        return Written(root, rendered.notes)

    return write_one


@pytest.fixture
def write_with(schema: Schema, vendor_schema: etree.XMLSchema | None) -> Callable[..., Written]:
    """Render a document of any kind with one of POHODA's templates, and check it with both schemas."""

    def write_one(name: str, document: Document, lookups: Any = None, **settings: Any) -> Written:
        loaded = template_of(name, SETTINGS | settings, LOOKUPS | (lookups or {}))
        ids = Identity.of("shoptet-main", loaded.kind, KINDS[loaded.kind].key_of(document))
        rendered = loaded.whole(document, ids)
        record = loaded.record(document, ids)
        assert loaded.encode(loaded.head(ids.pack)) + record.data + loaded.encode(loaded.tail()) == rendered.data
        problems = schema.check(rendered.data)
        assert problems == (), [problem.message for problem in problems]
        root = etree.fromstring(rendered.data)
        if vendor_schema is not None:
            vendor_schema.assertValid(root)
        return Written(root, rendered.notes)

    return write_one


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "mine").mkdir(parents=True)
    (tmp_path / "templates" / "mine" / "_envelope.xml.j2").write_text(
        "{% block head %}\n<pack>\n{% endblock %}\n{% block record %}{% endblock %}\n"
        "{% block tail %}\n</pack>\n{% endblock %}\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.fixture
def lay(site: Path) -> Callable[..., Path]:
    """Lay a template `mine/order` whose record block has this body; further files by name."""

    def lay_files(record: str, **files: str) -> Path:
        folder = site / "templates" / "mine"
        text = '{% extends "mine/_envelope.xml.j2" %}\n{% block record %}\n' + record + "\n{% endblock %}\n"
        (folder / "order.xml.j2").write_text(text, encoding="utf-8")
        for name, content in files.items():
            suffix = ".yaml" if name in ("settings", "vat_rates") else ".xml.j2"
            (folder / f"{name}{suffix}").write_text(content, encoding="utf-8")
        return site

    return lay_files
