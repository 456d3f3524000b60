from __future__ import annotations

from collections.abc import Callable

import pytest

from agents import runner
from tests.engine.conftest import at_work, seen
from tests.factories import (
    chain,
    history,
    human,
    kinds,
    make_agent,
    make_user,
    start,
    states,
    step,
    task,
)
from tests.ops.waiting import until
from tests.tools import Gate
from workflows import engine
from workflows.errors import AlreadyDecided, IllegalTransition, UnknownExecution
from workflows.models import AgentSlot, Approval, Execution, State, Timer

pytestmark = pytest.mark.django_db(transaction=True)

VERBS = {
    "pause": engine.pause,
    "resume": engine.resume,
    "cancel": engine.cancel,
    "retry": engine.retry,
}
LEGAL = {
    ("pause", "pending"),
    ("pause", "running"),
    ("resume", "paused"),
    ("cancel", "pending"),
    ("cancel", "running"),
    ("cancel", "paused"),
    ("cancel", "failed"),
    ("retry", "failed"),
}


def brought_to(state: str) -> Execution:
    """An execution in a state, by the product's own ways."""
    make_agent(tool="tests.obey")
    orders = {"a": "fail"} if state == "failed" else {}
    execution = start(*chain("a"), human("ask", "a"), input={"orders": orders})
    if state in ("running", "failed", "completed"):
        runner.drain()
    if state == "completed":
        engine.decide(Approval.objects.get().pk, by=make_user("bob", "approver"), verdict="approve")
    if state == "paused":
        engine.pause(execution.pk, by=None)
    if state == "cancelled":
        engine.cancel(execution.pk, by=None)
    execution.refresh_from_db()
    assert execution.state == state
    return execution


@pytest.mark.parametrize("state", State.values)
def test_each_verb_is_legal_in_some_states_and_refused_in_the_others(state: str) -> None:
    execution = brought_to(state)
    illegal = [verb for verb in VERBS if (verb, state) not in LEGAL]
    before = Execution.objects.values().get(), list(execution.tasks.values())
    for verb in illegal:
        with pytest.raises(IllegalTransition) as refused:
            VERBS[verb](execution.pk, by=make_user(f"op-{verb}"))
        assert refused.value.old == state
        row = execution.audit_events.latest("seq")
        assert (row.kind, row.actor) == ("transition.refused", f"user:op-{verb}")
        assert row.data["was"] == state
    assert (Execution.objects.values().get(), list(execution.tasks.values())) == before


@pytest.mark.parametrize(("verb", "state"), sorted(LEGAL))
def test_each_legal_verb_is_recorded_with_who_and_why(verb: str, state: str) -> None:
    execution = brought_to(state)
    VERBS[verb](execution.pk, by=make_user("op"), reason="because")
    rows = execution.audit_events.filter(actor="user:op", entity_type="execution")
    assert rows.latest("seq").data == {"reason": "because"}


def test_an_unknown_execution_is_named() -> None:
    for verb in VERBS.values():
        with pytest.raises(UnknownExecution):
            verb(0, by=None)


def test_while_paused_nothing_new_starts_and_it_goes_on_after() -> None:
    make_agent()
    op = make_user("op")
    execution = start(*chain("a", "b"))
    engine.pause(execution.pk, by=op, reason="stock-taking")
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, execution.pause_reason, execution.paused_by) == (
        "paused",
        "stock-taking",
        op,
    )
    assert states(execution) == {"a": "pending", "b": "pending"}
    engine.resume(execution.pk, by=op)
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, execution.pause_reason, execution.paused_by) == ("completed", "", None)
    assert history(execution)[:5] == [
        "execution pending",
        "execution running",
        "execution paused",
        "execution running",
        "a running",
    ]


def test_a_step_in_flight_finishes_during_a_pause_and_its_successor_waits(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    with at_work():
        execution = start(*chain("a", "b"))
        assert waiting.entered.wait(60)
        engine.pause(execution.pk, by=None)
        waiting.opened.set()
    assert states(execution) == {"a": "completed", "b": "pending"}
    runner.drain()
    assert states(execution)["b"] == "pending"
    engine.resume(execution.pk, by=None)
    runner.drain()
    assert states(execution)["b"] == "completed"


@pytest.mark.parametrize(
    ("tool", "end"), [("tests.wait_at_gate", "completed"), ("tests.break_at_gate", "failed")]
)
def test_what_ends_during_a_pause_ends_the_execution_on_resume(
    gate: Callable[[str], Gate], tool: str, end: str
) -> None:
    waiting = gate("a")
    make_agent(tool=tool)
    with at_work():
        execution = start(*chain("a"))
        assert waiting.entered.wait(60)
        engine.pause(execution.pk, by=None)
        waiting.opened.set()
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == ("paused", {"a": end})
    assert engine.resume(execution.pk, by=None).state == end


def test_cancelling_stops_everything_and_refuses_the_late_result(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=1)
    with at_work():
        execution = start(
            step("a", timeout_seconds=60), human("ask"), step("b", "a"), timeout_minutes=5
        )
        assert waiting.entered.wait(60)
        engine.cancel(execution.pk, by=make_user("op"), reason="not wanted")
        assert not AgentSlot.objects.filter(session__isnull=False).exists()
        waiting.opened.set()
    execution.refresh_from_db()
    assert (execution.state, execution.open_tasks) == ("cancelled", 0)
    assert set(states(execution).values()) == {"cancelled"}
    assert [line for line in history(execution) if line.startswith("a ")] == [
        "a running",
        "a paused",
        "a cancelled",
    ]
    assert set(Approval.objects.values_list("state", flat=True)) <= {"cancelled"}
    assert not Timer.objects.exists()
    refused = execution.audit_events.get(kind="result.refused", task_id=task(execution, "a").pk)
    assert refused.data["output"] == {"attempt": 1}


def test_a_cancelled_approval_cannot_be_decided() -> None:
    execution = start(human("ask"))
    runner.drain()
    engine.cancel(execution.pk, by=None)
    approval = Approval.objects.get()
    assert approval.state == "cancelled"
    with pytest.raises(AlreadyDecided):
        engine.decide(approval.pk, by=make_user("bob", "approver"), verdict="approve")


def test_a_freed_slot_is_used_by_the_next_execution(gate: Callable[[str], Gate]) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=1)
    with at_work():
        first = start(*chain("a"))
        assert waiting.entered.wait(60)
        second = start(*chain("b"), key="other")
        assert states(second) == {"b": "pending"}
        with seen(
            "execution_state_changed",
            lambda data: data["execution_id"] == second.pk and data["new_state"] == "completed",
        ):
            engine.cancel(first.pk, by=None)
        waiting.opened.set()
    assert kinds(first).count("result.refused") == 1


def test_a_failure_in_one_branch_fails_the_execution_while_the_other_finishes(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("slow")
    make_agent(tool="tests.wait_at_gate")
    make_agent("breaker", tool="tests.fail")
    with at_work():
        execution = start(
            step("slow"),
            step("bad", capabilities=["breaker"], input={"permanent": True}),
            step("after", "slow"),
        )
        assert waiting.entered.wait(60)
        until(lambda: states(execution)["bad"] == "failed")
        waiting.opened.set()
    execution.refresh_from_db()
    assert execution.state == "failed"
    assert states(execution) == {"slow": "completed", "bad": "failed", "after": "pending"}
    runner.drain()
    assert states(execution)["after"] == "pending", "nothing starts under a failed execution"
    assert task(execution, "after").is_ready is False
