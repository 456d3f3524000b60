"""Is this order complete and sensible? Every problem is told, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import Customer, StockItem

Problems = list[str]
Rule = Callable[[dict[str, Any], Customer | None], Problems]

ORDER_SCHEMA = {
    "type": "object",
    "required": ["order_id", "customer_id", "items", "total_amount"],
    "properties": {
        "order_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,60}$"},
        "customer_id": {"type": "string", "minLength": 1, "maxLength": 40},
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": {"type": "string", "minLength": 1, "maxLength": 40},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                },
            },
        },
        "total_amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
    },
}
VALIDATOR = jsonschema_rs.Draft202012Validator(ORDER_SCHEMA)


@tool("demo.validate_order")
def validate_order(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Checks the order's form, then the rules that `input["rules"]` names."""
    problems = _form_problems(input)
    if not problems:
        customer = Customer.objects.filter(customer_id=input["customer_id"]).first()
        names = input.get("rules", list(RULES))
        problems = [problem for name in names for problem in _checked(name, input, customer)]
    if problems:
        count = "One problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ToolFailure(
            f"{count} with this order: {' '.join(problems)}",
            kind="invalid_order",
            details={"problems": problems},
        )
    return {"valid": True, "checked": names, "items": len(input["items"])}


def _form_problems(order: dict[str, Any]) -> Problems:
    return [
        f"{'.'.join(map(str, error.instance_path)) or 'order'}: {error.message}."
        for error in VALIDATOR.iter_errors(order)
    ]


def _checked(name: str, order: dict[str, Any], customer: Customer | None) -> Problems:
    rule = RULES.get(name)
    if rule is None:
        return [f"There is no rule {name}; known are {', '.join(RULES)}."]
    return rule(order, customer)


def check_items(order: dict[str, Any], customer: Customer | None) -> Problems:
    """Every article is in the shop's range and named once."""
    counts = Counter(item["sku"] for item in order["items"])
    known = set(StockItem.objects.filter(sku__in=counts).values_list("sku", flat=True))
    unknown = [f"{sku} is not in our range." for sku in counts if sku not in known]
    return unknown + [f"{sku} is listed {n} times." for sku, n in counts.items() if n > 1]


def check_address(order: dict[str, Any], customer: Customer | None) -> Problems:
    """There is a customer, and a parcel would find the way."""
    if customer is None:
        return [f"{order['customer_id']} is not a customer."]
    needed = {
        "street": customer.street,
        "postal code": customer.postal_code,
        "city": customer.city,
        "country": customer.country,
    }
    missing = [name for name, value in needed.items() if not value.strip()]
    return [f"The address of {customer.customer_id} lacks: {', '.join(missing)}."] * bool(missing)


def check_payment(order: dict[str, Any], customer: Customer | None) -> Problems:
    """The customer can pay, and the amount is one that money has."""
    problems = []
    if round(order["total_amount"], 2) != order["total_amount"]:
        problems.append("total_amount has more than two decimals.")
    if customer is not None and customer.payment_method == Customer.PaymentMethod.NONE:
        problems.append(f"{customer.customer_id} has no payment method on file.")
    return problems


RULES: dict[str, Rule] = {
    "check_items": check_items,
    "check_address": check_address,
    "check_payment": check_payment,
}
