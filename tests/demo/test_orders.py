from __future__ import annotations

import pytest

from agents.tools import ToolFailure
from config.demo.models import Customer, StockItem
from config.demo.tools.orders import validate_order

pytestmark = pytest.mark.django_db

SEED = {
    "order_id": "ORD-2026-001",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
}
RULES = {"rules": ["check_items", "check_address", "check_payment"]}


@pytest.fixture(autouse=True)
def shop():
    StockItem.objects.create(sku="SKU-001", name="Lamp", on_hand=5)
    address = {"street": "S 1", "postal_code": "1", "city": "C", "country": "DE"}
    Customer.objects.create(customer_id="CUST-123", name="M", payment_method="card", **address)
    Customer.objects.create(customer_id="CUST-200", name="N", payment_method="card", city="C")
    Customer.objects.create(customer_id="CUST-300", name="P", **address)


def problems(call, order) -> list[str]:
    with pytest.raises(ToolFailure) as failure:
        validate_order(order | RULES, call())
    assert not failure.value.retryable
    return failure.value.details["problems"]


def test_the_seeds_order_is_good(call):
    assert validate_order(SEED | RULES | {"tax_rate": 0.08}, call())["valid"] is True


def test_every_problem_is_told_at_once(call):
    order = SEED | {
        "customer_id": "CUST-200",
        "items": [{"sku": "SKU-404", "quantity": 1}, {"sku": "SKU-001", "quantity": 1}] * 2,
        "total_amount": 10.001,
    }
    assert problems(call, order) == [
        "SKU-404 is not in our range.",
        "SKU-404 is listed 2 times.",
        "SKU-001 is listed 2 times.",
        "The address of CUST-200 lacks: street, postal code, country.",
        "total_amount has more than two decimals.",
    ]


def test_a_customer_without_a_payment_method_is_told(call):
    assert problems(call, SEED | {"customer_id": "CUST-300"}) == [
        "CUST-300 has no payment method on file."
    ]


def test_a_stranger_is_told(call):
    assert problems(call, SEED | {"customer_id": "NOBODY"}) == ["NOBODY is not a customer."]


def test_every_flaw_of_the_form_is_told(call):
    found = problems(call, {"items": [{"sku": "", "quantity": 0}], "total_amount": -1})
    assert len(found) == 5
    assert any(problem.startswith("items.0.quantity:") for problem in found)


def test_only_the_rules_that_are_asked_for_are_checked(call):
    order = SEED | {"customer_id": "NOBODY", "rules": ["check_items"]}
    assert validate_order(order, call())["checked"] == ["check_items"]


def test_an_unknown_rule_is_told(call):
    with pytest.raises(ToolFailure, match="no rule check_moon"):
        validate_order(SEED | {"rules": ["check_moon"]}, call())
