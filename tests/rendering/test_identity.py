"""The ids of a record: readable, stable, never shared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rendering import Identity

_parts = st.tuples(st.text(max_size=80), st.text(max_size=20), st.text(max_size=90), st.integers(0, 3))
_names = st.text(alphabet="ab-_:./~1", max_size=6)
_close = st.tuples(_names, _names, _names, st.integers(0, 2))


def test_an_ordinary_document_has_a_readable_id() -> None:
    ids = Identity.of("shoptet-main", "order", "2026000124")
    assert ids == Identity(
        pack="shoptet-main:order:2026000124", item="shoptet-main:order:2026000124", origin="shoptet-main"
    )


def test_a_later_generation_is_another_id() -> None:
    assert Identity.of("a", "order", "1", 2).item == "a:order:1:2"


def test_a_long_key_is_hashed_and_the_hash_never_changes() -> None:
    ids = Identity.of("shoptet-main", "order", "9" * 80)
    assert ids.item == "shoptet-main:order:999999999999~ab2f7f9a984e5389ac6457d7dcc238b8"
    assert len(ids.item) == 64


def test_unsafe_characters_are_hashed() -> None:
    one, other = Identity.of("a", "order", "č 1").item, Identity.of("a", "order", "ř 1").item
    assert one != other
    assert one.isascii()
    assert " " not in one


@given(_parts)
def test_every_id_fits(parts: tuple[str, str, str, int]) -> None:
    ids = Identity.of(*parts)
    assert 1 <= len(ids.item) <= 64
    assert ids.pack == ids.item
    assert ids.item.isascii()


@given(st.sets(_close, min_size=2, max_size=40))
def test_different_documents_never_share_an_id(documents: set[tuple[str, str, str, int]]) -> None:
    assert len({Identity.of(*parts).item for parts in documents}) == len(documents)
