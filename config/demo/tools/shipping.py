"""Sending off what an order holds."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import Reservation, Shipment, StockItem
from config.demo.tools.inventory import held_by, locked_stock

CARRIERS = {"express": "Northline Express", "standard": "Overland Parcel"}


@tool("demo.create_shipment")
def create_shipment(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """One shipment per key: held reservations become shipped, and the shelf is emptier."""
    method = str(input.get("shipping_method", "standard"))
    if method not in CARRIERS:
        raise ToolFailure(f"shipping_method must be one of {', '.join(CARRIERS)}, not {method}.")
    with transaction.atomic():
        stock = locked_stock(held_by(call.execution_id).values_list("sku", flat=True))
        shipment = Shipment.objects.filter(key=call.idempotency_key).first()
        if shipment is None:
            _take_from_shelf(call.execution_id, stock)
            shipment = _shipment(input, call, method)
    return {
        "carrier": shipment.carrier,
        "tracking_code": shipment.tracking_code,
        "method": shipment.method,
    }


def _take_from_shelf(execution_id: int, stock: dict[str, StockItem]) -> None:
    shipped = list(held_by(execution_id).filter(sku__in=stock).select_for_update())
    if not shipped:
        raise ToolFailure("No stock is held for this order.", kind="nothing_reserved")
    for reservation in shipped:
        item = stock[reservation.sku]
        item.reserved -= reservation.quantity
        item.on_hand -= reservation.quantity
        reservation.state = Reservation.State.SHIPPED
    StockItem.objects.bulk_update(stock.values(), ["reserved", "on_hand"])
    Reservation.objects.bulk_update(shipped, ["state"])


def _shipment(input: dict[str, Any], call: Call, method: str) -> Shipment:
    return Shipment.objects.create(
        key=call.idempotency_key,
        execution_id=call.execution_id,
        order_id=str(input.get("order_id", "")),
        carrier=CARRIERS[method],
        tracking_code=f"NL{secrets.randbelow(10**12):012d}",
        method=method,
    )
