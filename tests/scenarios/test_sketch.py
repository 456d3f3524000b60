"""The sketch's own example, with its own names, through the public functions and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from agents import orchestrator, runner
from workflows import engine

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {
    "order_id": "ORD-2026-001",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
}


def _task(task_id: str, name: str, priority: str, retries: int, given: dict, *before: str) -> dict:
    return {
        "task_id": task_id,
        "name": name,
        "description": name,
        "agent_id": None,
        "priority": priority,
        "status": "pending",
        "input_data": given,
        "output_data": None,
        "created_at": None,
        "started_at": None,
        "completed_at": None,
        "error_message": None,
        "retry_count": 0,
        "max_retries": retries,
        "dependencies": list(before),
    }


WORKFLOW = {
    "workflow_id": "order_processing_v1",
    "name": "订单处理工作流",
    "description": "自动化订单处理流程",
    "tasks": [
        _task(
            "validate_order",
            "订单验证",
            "HIGH",
            3,
            {"rules": ["check_items", "check_address", "check_payment"]},
        ),
        _task(
            "check_inventory",
            "库存检查",
            "NORMAL",
            3,
            {"check_availability": True},
            "validate_order",
        ),
        _task(
            "process_payment",
            "支付处理",
            "CRITICAL",
            5,
            {"payment_gateway": "stripe"},
            "check_inventory",
        ),
        _task(
            "fulfill_order",
            "订单履行",
            "NORMAL",
            3,
            {"shipping_method": "express"},
            "process_payment",
        ),
        _task(
            "send_notification",
            "发送通知",
            "LOW",
            2,
            {"channels": ["email", "sms"]},
            "fulfill_order",
        ),
    ],
    "triggers": ["order_created"],
    "variables": {"currency": "USD", "tax_rate": 0.08},
    "timeout_minutes": 60,
    "retry_policy": {"max_retries": 3, "backoff_multiplier": 2},
}
AGENTS = [
    ("agent_001", "订单验证 Agent", "worker", ["order_validation", "data_check"], 10),
    ("agent_002", "库存管理 Agent", "worker", ["inventory_check", "stock_management"], 8),
    ("agent_003", "支付处理 Agent", "worker", ["payment_processing", "fraud_detection"], 5),
    ("agent_004", "物流协调 Agent", "worker", ["shipping", "logistics"], 15),
    ("agent_005", "通知发送 Agent", "worker", ["email", "sms", "push_notification"], 20),
    (
        "agent_supervisor",
        "流程监督 Agent",
        "supervisor",
        ["monitoring", "quality_check", "escalation"],
        50,
    ),
]


@pytest.fixture
def heard() -> Iterator[dict[str, list[dict[str, Any]]]]:
    started: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    engine.on_event("workflow_started", started.append)
    engine.on_event("task_state_changed", moved.append)
    yield {"workflow_started": started, "task_state_changed": moved}
    engine.off_event("workflow_started", started.append)
    engine.off_event("task_state_changed", moved.append)


@pytest.fixture
def execution(heard: dict[str, Any]) -> Any:
    engine.register_workflow(WORKFLOW)
    for agent_id, name, role, capabilities, limit in AGENTS:
        orchestrator.register_agent(
            {
                "agent_id": agent_id,
                "name": name,
                "role": role,
                "capabilities": capabilities,
                "current_tasks": [],
                "max_concurrent_tasks": limit,
                "status": "active",
                "last_heartbeat": None,
                "config": {"tool": "tests.echo"},
            }
        )
    return engine.start_workflow("order_processing_v1", ORDER)


def test_the_status_has_the_sketchs_keys(execution: Any, heard: dict[str, Any]) -> None:
    status = engine.get_execution_status(execution.pk)
    assert set(status) == {
        "execution_id",
        "workflow_id",
        "status",
        "started_at",
        "updated_at",
        "task_stats",
        "log_entries",
    }
    assert status["workflow_id"] == "order_processing_v1"
    assert status["task_stats"] == {"pending": 5}
    assert status["log_entries"] == 1
    assert heard["workflow_started"] == [
        {"execution_id": execution.pk, "workflow_id": "order_processing_v1"}
    ]
    assert engine.get_execution_status(execution.pk + 1) == {"error": "Execution not found"}


def test_the_loads_have_the_sketchs_keys_and_values(execution: Any) -> None:
    loads = orchestrator.get_all_agents_status()
    assert loads == [
        {
            "agent_id": agent_id,
            "name": name,
            "role": role,
            "status": "active",
            "current_tasks": 0,
            "max_concurrent": limit,
            "load_percentage": 0,
            "total_assigned": 0,
        }
        for agent_id, name, role, _, limit in AGENTS
    ]
    assert orchestrator.get_agent_load("agent_003") == loads[2]
    assert orchestrator.get_agent_load("agent_999") == {"error": "Agent not found"}


def test_a_task_is_assigned_counted_and_released(execution: Any) -> None:
    first, second = execution.tasks.order_by("pk")[:2]
    chosen = orchestrator.assign_task(first)
    assert chosen == "agent_supervisor", "the largest cap gives the least load"
    load = orchestrator.get_agent_load(chosen)
    assert (load["current_tasks"], load["load_percentage"], load["total_assigned"]) == (1, 2.0, 1)
    assert orchestrator.assign_task(first) == chosen, "asking again changes nothing"
    assert orchestrator.assign_task(second) == "agent_supervisor"
    orchestrator.release_task(chosen, first.pk)
    orchestrator.release_task(chosen, second.pk)
    orchestrator.release_task("agent_999", first.pk)
    orchestrator.release_task(chosen, 999)
    load = orchestrator.get_agent_load(chosen)
    assert (load["current_tasks"], load["total_assigned"]) == (0, 2)
    runner.drain()
    assert engine.get_execution_status(execution.pk)["status"] == "completed"


def test_a_task_is_driven_by_its_caller_as_in_the_sketch(
    execution: Any, heard: dict[str, Any]
) -> None:
    first = execution.tasks.order_by("pk")[0]
    agent = orchestrator.assign_task(first)
    assert engine.transition_state(execution.pk, first.pk, "running", by=None)
    assert orchestrator.get_agent_load(agent)["current_tasks"] == 1
    assert not engine.transition_state(execution.pk, first.pk, "pending", by=None)
    assert engine.transition_state(execution.pk, first.pk, "completed", by=None)
    orchestrator.release_task(agent, first.pk)
    assert orchestrator.get_agent_load(agent)["current_tasks"] == 0
    assert heard["task_state_changed"] == [
        {"execution_id": execution.pk, "task_id": first.pk, "old_state": old, "new_state": new}
        for old, new in (("pending", "running"), ("running", "completed"))
    ]


@pytest.mark.alone
def test_the_whole_order_runs_to_its_end(execution: Any, heard: dict[str, Any]) -> None:
    begun = time.monotonic()
    runner.drain()
    status = engine.get_execution_status(execution.pk)
    assert (status["status"], status["task_stats"]) == ("completed", {"completed": 5})
    assert status["log_entries"] == 13
    assert len(heard["task_state_changed"]) == 10
    assert sum(load["total_assigned"] for load in orchestrator.get_all_agents_status()) == 5
    assert time.monotonic() - begun < 10


def test_a_handler_that_fails_disturbs_nothing(execution: Any) -> None:
    def broken(data: dict[str, Any]) -> None:
        raise RuntimeError("the handler is broken")

    engine.on_event("task_state_changed", broken)
    try:
        runner.drain()
    finally:
        engine.off_event("task_state_changed", broken)
    assert engine.get_execution_status(execution.pk)["status"] == "completed"
