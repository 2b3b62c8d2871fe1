"""Contacts, states of orders, products, prices and attachments: what is derived, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import KINDS, Contact, OrderState, Product, ProductPrice, StockLevel, decode, encode

D = Decimal


def built(kind: str, **values: Any) -> Any:
    document, findings = KINDS[kind].complete(values)
    assert findings == ()
    return document


def refused(kind: str, **values: Any) -> list[tuple[str, str, str]]:
    document, findings = KINDS[kind].complete(values)
    assert document is None
    return [(finding.code, finding.field, finding.message) for finding in findings]


def test_a_contact_names_somebody() -> None:
    assert refused("contact", number="7", billing={"city": "Brno"}) == [
        ("D001", "billing.name", "the contact names no customer: neither a name nor a company")
    ]
    contact = built("contact", number="7", billing={"name": "Jana Vzorová"}, group="B2B")
    assert isinstance(contact, Contact)
    assert (contact.billing.name, contact.group, contact.delivery) == ("Jana Vzorová", "B2B", None)


def test_the_share_of_an_order_that_is_delivered_follows_from_its_rows() -> None:
    lines = [{"quantity": D(4), "delivered": D(1)}, {"quantity": D(1), "delivered": D(3)}, {"name": "Doprava"}]
    state = built("order_state", number="1001", lines=lines)
    assert isinstance(state, OrderState)
    assert state.delivered_share == D("0.4")
    assert built("order_state", number="1001", lines=[{"name": "Doprava"}]).delivered_share is None
    assert built("order_state", number="1001", lines=lines, delivered_share=D(1)).delivered_share == D(1)


def test_the_first_issued_invoice_made_of_an_order_is_its_invoice() -> None:
    documents = [
        {"agenda": "deliveryNote", "number": "26V1"},
        {"agenda": "issuedInvoice", "number": "2601"},
        {"agenda": "issuedInvoice", "number": "2602"},
    ]
    assert built("order_state", number="1001", documents=documents).invoice_number == "2601"


def test_a_price_with_its_rate_has_both_sides_and_one_without_has_one() -> None:
    product = built("product", sku="A", vat_rate=D(21), price={"gross": D(121)}, special_price={"net": D(90)})
    assert isinstance(product, Product)
    assert product.price is not None
    assert (product.price.net, product.price.gross) == (D(100), D(121))
    assert product.special_price is not None
    assert (product.special_price.gross, product.special_price.given) == (D("108.9"), D(90))
    alone = built("price", sku="A", price={"gross": D(121)})
    assert isinstance(alone, ProductPrice)
    assert (alone.price.net, alone.price.gross) == (None, D(121))


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("product", {}, [("D001", "sku", "`sku` is missing")]),
        (
            "product",
            {"sku": "A", "price": {"gross": D(-1)}},
            [("D008", "price", "the price is negative: -1")],
        ),
        (
            "product",
            {"sku": "A", "prices": [{"level": "B2B", "price": {"net": D(-1)}}]},
            [("D008", "prices[1].price", "the price is negative: -1")],
        ),
        ("stock", {"sku": "A"}, [("D001", "quantity", "`quantity` is missing")]),
        ("price", {"sku": "A"}, [("D001", "price.gross", "`price` is missing")]),
        (
            "attachment",
            {"name": "a.pdf", "sha256": "e3", "size": 1},
            [("D001", "number", "`number` is missing")],
        ),
        ("order_state", {"executed": True}, [("D001", "number", "`number` is missing")]),
    ],
)
def test_what_is_missing_or_negative_is_said(kind: str, values: dict[str, Any], expected: Any) -> None:
    assert refused(kind, **values) == expected


def test_a_level_without_a_price_and_a_picture_without_an_address_are_none() -> None:
    product = built(
        "product", sku="A", prices=[{"level": "B2B"}], images=[{}, {"url": "a.jpg"}], properties=[{"value": "x"}]
    )
    assert (product.prices, len(product.images), product.properties) == ((), 1, ())


def test_the_same_code_in_two_warehouses_is_two_keys() -> None:
    kind = KINDS["stock"]
    keys = [
        kind.key_of(built("stock", sku=sku, warehouse=warehouse, quantity=D(1)))
        for sku, warehouse in (("A", ""), ("A", "B"), ("A/B", ""), ("A~1B", ""), ("A", "B/C"))
    ]
    assert keys == ["A", "A/B", "A~1B", "A~01B", "A/B~1C"]


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=2, unique=True))
def test_no_two_products_share_a_key(parts: list[tuple[str, str]]) -> None:
    kind = KINDS["stock"]
    keys = [kind.key_of(StockLevel(sku=sku, warehouse=warehouse, quantity=D(1))) for sku, warehouse in parts]
    assert len(set(keys)) == len(keys)
    found = [kind.key_in({"sku": sku, "warehouse": warehouse or None}) for sku, warehouse in parts]
    assert found == keys


def test_every_kind_is_stored_and_read_back_as_it_was() -> None:
    for kind, values in {
        "contact": {"number": "7", "billing": {"name": "Jana"}},
        "order_state": {"number": "1", "lines": [{"quantity": D(1)}], "documents": [{"agenda": "x"}]},
        "product": {"sku": "A", "price": {"gross": D(1)}, "images": [{"url": "a"}]},
        "stock": {"sku": "A", "quantity": D("1.5")},
        "price": {"sku": "A", "price": {"net": D(1)}},
        "attachment": {"number": "1", "name": "1.pdf", "sha256": "e3", "size": 5},
    }.items():
        document = built(kind, **values)
        assert decode(kind, encode(document)) == document
