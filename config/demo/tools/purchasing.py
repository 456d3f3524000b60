"""Keeping the purchase prices in step with the suppliers' catalogues."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import PurchasePrice

CENT = Decimal("0.01")


@tool("demo.update_prices")
def update_prices(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Writes the catalogue's prices and tells what changed; repeating it changes nothing."""
    supplier_id = str(input.get("supplier_id", ""))
    prices = {str(item["sku"]): _price(item["price"]) for item in input.get("catalogue") or []}
    if not prices:
        raise ToolFailure(f"The catalogue of {supplier_id} is empty.")
    with transaction.atomic():
        known = PurchasePrice.objects.select_for_update().filter(supplier_id=supplier_id)
        before = {row.sku: row.price for row in known.order_by("sku")}
        for sku, price in sorted(prices.items()):
            PurchasePrice.objects.update_or_create(
                supplier_id=supplier_id, sku=sku, defaults={"price": price}
            )
    return {"articles": len(prices), "changes": _changes(before, prices)}


def _price(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(CENT)


def _changes(before: dict[str, Decimal], prices: dict[str, Decimal]) -> list[dict[str, Any]]:
    return [
        {"sku": sku, "old": float(before[sku]) if sku in before else None, "new": float(price)}
        for sku, price in sorted(prices.items())
        if before.get(sku) != price
    ]
