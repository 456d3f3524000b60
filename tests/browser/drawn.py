"""Processes that come as BPMN files, published and running: one to look at, and a large one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import django

from tests.ops.waiting import until
from tests.scenarios.product import Product

LAYERS, BREADTH = 30, 5
PATIENCE_SECONDS = 240.0  # less than the whole is given


def _node(key: str, name: str, kind: str, *before: Any, **fields: Any) -> dict[str, Any]:
    return {"key": key, "name": name, "kind": kind, "dependencies": list(before), **fields}


def _human(key: str, name: str, *before: Any, **fields: Any) -> dict[str, Any]:
    return _node(key, name, "human", *before, approval={"groups": ["approver"]}, **fields)


AGAIN = {"task": "complete", "when": "verdict != 'approve'"}
ONBOARDING = {
    "key": "supplier_onboarding",
    "name": "Supplier onboarding",
    "tasks": [
        _node("application", "Application", "start"),
        _human(
            "check_papers",
            "Check papers",
            "application",
            AGAIN,
            join="one",
            output_mapping={"verdict": "output.decision"},
        ),
        _node("complete", "Complete?", "exclusive", "check_papers"),
        _node("set_up", "Set up the account", "scope", {"task": "complete", "default": True}),
        _node("both", "", "parallel", parent="set_up"),
        _human("bank", "Verify bank account", "both", parent="set_up"),
        _human("contract", "Sign contract", "both", parent="set_up"),
        _node("meet", "", "parallel", "bank", "contract", parent="set_up"),
        _node(
            "late",
            "After 3 days",
            "boundary",
            attached_to="set_up",
            event={"type": "timer", "duration": "P3D", "interrupting": False},
        ),
        _human("remind", "Call the supplier", "late"),
        _node("reminded", "Reminded", "end", "remind"),
        _node(
            "first_order",
            "First order",
            "catch",
            "set_up",
            event={"type": "message", "name": "first_order"},
        ),
        _node("active", "Active", "end", "first_order"),
    ],
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The numbers of the two executions; the large one has `elements` shapes."""

    onboarding: int
    large: int
    elements: int


def large() -> dict[str, Any]:
    """Layers of steps, each of which waits for two of the layer before."""
    tasks = [
        _human(f"s{layer}_{row}", f"Step {layer}.{row}", *_before(layer, row))
        for layer in range(LAYERS)
        for row in range(BREADTH)
    ]
    return {"key": "large", "name": "A large process", "tasks": tasks}


def drawn(product: Product) -> Drawn:
    """Imports and starts them in a process of its own, as `past.lived` does."""
    return Drawn(**product.told_by(__name__))


def _before(layer: int, row: int) -> list[str]:
    if layer == 0:
        return []
    other = (row + 1) % BREADTH
    return [f"s{layer - 1}_{row}", f"s{layer - 1}_{other}"]


def _run() -> dict[str, int]:
    from django.contrib.auth.models import User

    from workflows import engine
    from workflows.bpmn import writer

    ada, grace = (User.objects.get(username=name) for name in ("ada", "grace"))
    for definition in (ONBOARDING, large()):
        engine.import_bpmn(writer.write(definition), by=ada, publish=True)
    run = engine.start_workflow("supplier_onboarding", {}, by=ada)
    for key, verdict in (
        ("check_papers", "reject"),
        ("check_papers", "approve"),
        ("bank", "approve"),
    ):
        asked = until(lambda key=key: _asked(run.pk, key), PATIENCE_SECONDS)
        engine.decide(asked, by=grace, verdict=verdict, comment="As the papers say.")
    until(lambda: _asked(run.pk, "contract"), PATIENCE_SECONDS)
    many = engine.start_workflow("large", {}, by=ada)
    until(lambda: _asked(many.pk, f"s0_{BREADTH - 1}"), PATIENCE_SECONDS)
    document = writer.write(large())
    return {
        "onboarding": run.pk,
        "large": many.pk,
        "elements": document.count(b"<bpmndi:BPMNShape "),
    }


def _asked(execution: int, key: str) -> int | None:
    from workflows.models import Approval

    asked = Approval.objects.filter(execution=execution, task__key=key, state=Approval.State.OPEN)
    return asked.values_list("pk", flat=True).first()


if __name__ == "__main__":
    django.setup()
    print(json.dumps(_run()))
