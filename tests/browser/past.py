"""A morning at the desk: executions of every kind, for pages to show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import django

from tests.dmn.making import DISH
from tests.ops.waiting import until
from tests.scenarios.product import Product

ORDERS: dict[str, dict[str, Any]] = {
    "completed": {"order_id": "ORD-2026-014"},
    "bulk": {"order_id": "ORD-2026-015", "items": [{"sku": "SKU-002", "quantity": 3}]},
    "retried": {"order_id": "ORD-2026-RETRY"},
    "declined": {"order_id": "ORD-2026-DECLINE"},
    "incomplete": {"order_id": "ORD-2026-016", "customer_id": "CUST-200"},
    "approved": {"order_id": "ORD-2026-017", "total_amount": 1249.5},
    "rejected": {"order_id": "ORD-2026-018", "total_amount": 4800},
    "cancelled": {"order_id": "ORD-2026-019", "total_amount": 910},
    "paused": {"order_id": "ORD-2026-020", "total_amount": 780},
    "waiting": {"order_id": "ORD-2026-021", "total_amount": 899},
    "waiting too": {"order_id": "ORD-2026-022", "total_amount": 2150},
}
INVOICES: dict[str, dict[str, Any]] = {
    "clear": {"invoice_number": "INV-1001"},
    "disputed": {"invoice_number": "INV-1002", "stated_total": 1100},
}
SUPPLIERS: dict[str, dict[str, Any]] = {
    "open": {"supplier_id": "SUP-SOUTH"},
    "locked": {"supplier_id": "SUP-NORTH"},
}


DINNER: dict[str, Any] = {
    "key": "dinner_v1",
    "name": "Dinner",
    "description": "What to cook, by the weather and the day.",
    "tasks": [
        {
            "key": "choose",
            "name": "Choose a dish",
            "kind": "decision",
            "decision": {"decision": "dish", "result": "menu"},
        },
        {
            "key": "invite",
            "name": "Invite the guests",
            "kind": "human",
            "approval": {"groups": ["approver"], "title": "May eight people come?"},
            "dependencies": [{"task": "choose", "when": "menu.guests != null && menu.guests > 4"}],
        },
        {
            "key": "wait",
            "name": "Evening comes",
            "kind": "catch",
            "event": {"type": "timer", "duration": "PT8H"},
            "dependencies": [
                {"task": "choose", "default": True},
                {"task": "invite", "when": "output.decision == 'approve'"},
            ],
            "join": "one",
        },
    ],
}
LARGE = [name for name, given in ORDERS.items() if given.get("total_amount", 0) > 500]
PATIENCE_SECONDS = 240.0  # less than the whole is given
STILL = ("paused", "waiting", "waiting too", "decided")


@dataclass(frozen=True, slots=True)
class Past:
    """Numbers by name; `mail` is the id of one in the outbox."""

    executions: dict[str, int]
    approvals: dict[str, int]
    mail: str


def lived(product: Product) -> Past:
    """Lives it in a process of its own, for the product's database is not the tests'."""
    return Past(**product.told_by(__name__))


def _live() -> dict[str, Any]:
    from django.contrib.auth.models import User

    from workflows import engine
    from workflows.models import Execution

    ada, grace, linus = (User.objects.get(username=name) for name in ("ada", "grace", "linus"))
    runs = {name: _start("supplier_sync_v1", given, ada) for name, given in SUPPLIERS.items()}
    runs |= {name: _start("invoice_intake_v1", given, linus) for name, given in INVOICES.items()}
    runs |= {name: _start("order_processing_v1", given, ada) for name, given in ORDERS.items()}
    runs["decided"] = _dinner(linus)
    asked = {name: _approval(runs[name]) for name in LARGE}
    engine.decide(asked["approved"], by=grace, verdict="approve", comment="A known customer.")
    engine.decide(asked["rejected"], by=grace, verdict="reject", comment="Too much at once.")
    engine.cancel(runs["cancelled"], by=ada, reason="The customer called it off.")
    engine.pause(runs["paused"], by=ada, reason="The customer sends a new address.")
    until(
        lambda: _has_ended({name: runs[name] for name in runs if name not in STILL}),
        PATIENCE_SECONDS,
    )
    runs["decided task"] = Execution.objects.get(pk=runs["decided"]).tasks.get(key="choose").pk
    return {"executions": runs, "approvals": asked, "mail": outbox.newest(1)[0].id}


def _dinner(by: Any) -> int:
    """A process that decides by a table, and waits for a person where there are guests."""
    from workflows import engine

    engine.import_dmn(DISH, by=by, name="dish.dmn")
    engine.register_workflow(DINNER, by=by)
    given = {"Temperature today": 25, "day type": "Weekend"}
    return engine.start_workflow("dinner_v1", given, by=by).pk


def _start(key: str, given: dict[str, Any], by: Any) -> int:
    """What is not given is as the form proposes it."""
    from workflows import engine
    from workflows.models import Workflow

    schema = Workflow.objects.get(key=key).input_schema["properties"]
    proposed = {name: part["default"] for name, part in schema.items() if "default" in part}
    return int(engine.start_workflow(key, proposed | given, by=by).pk)


def _approval(execution: int) -> int:
    from workflows.models import Approval

    asked = Approval.objects.filter(execution_id=execution).values_list("pk", flat=True)
    return int(until(asked.first, PATIENCE_SECONDS))


def _has_ended(runs: dict[str, int]) -> bool:
    from workflows.models import Execution

    ended = Execution.objects.filter(pk__in=runs.values(), finished_at__isnull=False)
    return ended.count() == len(runs)


if __name__ == "__main__":
    django.setup()
    from config.demo import outbox

    print(json.dumps(_live()))
