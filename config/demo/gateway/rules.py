"""How the gateway decides, with test numbers as in any gateway's sandbox to see each path.

For an order id with RETRY in it, and for one order in seven, the gateway is down at the first
request; one with DECLINE in it is declined; and a customer's card has a limit.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

CARD_LIMIT = Decimal(5000)
CARD_LIMITS = {"CUST-400": Decimal(400)}
CURRENCIES = frozenset({"USD", "EUR", "GBP", "CHF", "CNY"})
LARGEST_AMOUNT = Decimal(1_000_000)
UNAVAILABLE_ONE_IN = 7

CATALOGUES: dict[str, list[dict[str, Any]]] = {
    "SUP-NORTH": [
        {"sku": "SKU-001", "price": 92.5},
        {"sku": "SKU-002", "price": 41.0},
        {"sku": "SKU-003", "price": 18.75},
    ],
    "SUP-SOUTH": [
        {"sku": "SKU-002", "price": 39.9},
        {"sku": "SKU-004", "price": 260.0},
    ],
}
LOCKED_AT_FIRST = frozenset({"SUP-NORTH"})


def problems(order: Any) -> list[str]:
    """Everything that is wrong with the body of a charge."""
    if not isinstance(order, dict):
        return ["The body must be a JSON object."]
    missing = [
        f"{name} must be a text of 1 to 100 characters."
        for name in ("order_id", "customer_id")
        if not isinstance(order.get(name), str) or not 0 < len(order[name]) <= 100
    ]
    if order.get("currency") not in CURRENCIES:
        missing.append(f"currency must be one of {', '.join(sorted(CURRENCIES))}.")
    return missing + _amount_problems(order.get("amount"))


def is_unavailable_at_first(order_id: str) -> bool:
    """Whether the first request for this order meets a gateway that is down."""
    digest = hashlib.sha256(order_id.encode("utf-8", "replace")).digest()
    return "RETRY" in order_id or digest[0] % UNAVAILABLE_ONE_IN == 3


def reason_to_decline(order: dict[str, Any]) -> str:
    """Empty when the card is good for it."""
    limit = CARD_LIMITS.get(order["customer_id"], CARD_LIMIT)
    if "DECLINE" in order["order_id"]:
        return "The bank declined the card."
    if Decimal(order["amount"]) > limit:
        return f"The amount is over the card's limit of {limit}."
    return ""


def _amount_problems(amount: Any) -> list[str]:
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return ["amount must be a number."]
    number = Decimal(amount)
    if not number.is_finite() or not 0 < number <= LARGEST_AMOUNT:
        return [f"amount must be above 0 and at most {LARGEST_AMOUNT}."]
    if number != number.quantize(Decimal("0.01")):
        return ["amount must have at most two decimals."]
    return []
