"""The outbox: what an execution has for others is written with its step, carried out after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.db import transaction

from workflows.models import Delivery

_carriers: list[Callable[[], Any]] = []


def carried_by(carrier: Callable[[], Any]) -> None:
    """Name the function that carries out what is due; it is called after each commit that posts."""
    _carriers.append(carrier)


def post(parcels: Iterable[tuple[str, int | None, dict[str, Any]]]) -> None:
    """Write deliveries, (kind, execution, data) each, in this transaction."""
    rows = [Delivery(kind=kind, execution_id=run, data=data) for kind, run, data in parcels]
    if not rows:
        return
    Delivery.objects.bulk_create(rows)
    carry()


def carry() -> None:
    """Have what is due carried out once this transaction has committed."""
    for carrier in _carriers:
        transaction.on_commit(carrier)


def release(execution_ids: Collection[int]) -> None:
    """What was held for executions is due again: they go on, or they never will."""
    if Delivery.objects.filter(held_for__in=execution_ids).update(held_for=None):
        carry()
