"""Promising stock to orders and taking the promise back. Each may be repeated without harm."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import Reservation, StockItem

State = Reservation.State


@tool("demo.inventory")
def inventory(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """One agent, two operations: `input["operation"]` is `reserve` or `release`."""
    match input.get("operation"):
        case "reserve":
            return reserve_stock(input, call)
        case "release":
            return release_stock(input, call)
        case other:
            raise ToolFailure(f"operation must be reserve or release, not {other!r}.")


@tool("demo.reserve_stock")
def reserve_stock(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Holds every item of the order or none of them."""
    wanted = _wanted(input)
    with transaction.atomic():
        stock = locked_stock(wanted)
        keys = {sku: f"{call.idempotency_key}:{sku}" for sku in wanted}
        if not Reservation.objects.filter(key__in=keys.values()).exists():
            _refuse_shortages(wanted, stock)
            for sku, quantity in wanted.items():
                stock[sku].reserved += quantity
            StockItem.objects.bulk_update(stock.values(), ["reserved"])
            Reservation.objects.bulk_create(
                Reservation(
                    key=keys[sku],
                    execution_id=call.execution_id,
                    order_id=str(input.get("order_id", "")),
                    sku=sku,
                    quantity=quantity,
                )
                for sku, quantity in wanted.items()
            )
    return {"reserved": [{"sku": sku, "quantity": wanted[sku]} for sku in sorted(wanted)]}


@tool("demo.release_stock")
def release_stock(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Gives back whatever this execution still holds."""
    released = release(call.execution_id)
    return {"released": [{"sku": r.sku, "quantity": r.quantity} for r in released]}


def release(execution_id: int) -> list[Reservation]:
    """The reservations that were held until now. Its own short transaction, if there are any."""
    if not held_by(execution_id).exists():
        return []
    with transaction.atomic():
        held = held_by(execution_id)
        stock = locked_stock({r.sku for r in held})
        # Read again under the locks: another attempt may have been here meanwhile.
        held = held_by(execution_id).filter(sku__in=stock)
        released = list(held.select_for_update())
        for reservation in released:
            stock[reservation.sku].reserved -= reservation.quantity
            reservation.state = State.RELEASED
        StockItem.objects.bulk_update(stock.values(), ["reserved"])
        Reservation.objects.bulk_update(released, ["state"])
    return released


def held_by(execution_id: int) -> QuerySet[Reservation]:
    return Reservation.objects.filter(execution_id=execution_id, state=State.HELD).order_by("sku")


def locked_stock(skus: Any) -> dict[str, StockItem]:
    """The rows, locked in the order of their articles, so that two orders never lock crosswise."""
    rows = StockItem.objects.select_for_update().filter(sku__in=list(skus)).order_by("sku")
    return {row.sku: row for row in rows}


def _wanted(input: dict[str, Any]) -> dict[str, int]:
    wanted: Counter[str] = Counter()
    for item in input.get("items", []):
        wanted[str(item["sku"])] += int(item["quantity"])
    if not wanted:
        raise ToolFailure("The order has no items to reserve.", kind="invalid_order")
    return dict(wanted)


def _refuse_shortages(wanted: dict[str, int], stock: dict[str, StockItem]) -> None:
    available = {sku: stock[sku].available if sku in stock else 0 for sku in wanted}
    short = [
        {"sku": sku, "wanted": quantity, "available": available[sku]}
        for sku, quantity in sorted(wanted.items())
        if available[sku] < quantity
    ]
    if short:
        told = "; ".join(f"{s['sku']}: {s['wanted']} wanted, {s['available']} there" for s in short)
        raise ToolFailure(
            f"Not enough stock. {told}.", kind="out_of_stock", details={"shortages": short}
        )
