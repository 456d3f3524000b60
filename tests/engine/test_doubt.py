"""Work that must not be done twice, and of which nobody knows whether it was done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents import orchestrator, runner
from agents.orchestrator import lanes
from tests.engine.conftest import Clock, at_work, let_leases_run_out, wait_for_end
from tests.engine.test_leases import in_a_dying_worker
from tests.factories import chain, history, make_agent, make_user, start, states, step, task
from tests.tools import Gate
from workflows import engine
from workflows.engine import sessions, timers
from workflows.models import AgentSlot, Execution, LaneMember

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = {"max_retries": 3, "initial_delay": 0, "jitter": 0}
LOST = "The worker that ran it was lost. It may or may not have been done."


def lost(*steps: dict, **fields: object) -> Execution:
    """An execution whose first step's worker was lost while it ran."""
    execution = start(*(steps or chain("a", "b")), retry_policy=AT_ONCE, **fields)
    in_a_dying_worker()
    sessions.reap()
    execution.refresh_from_db()
    return execution


def test_lost_work_that_may_be_repeated_is_retried_as_ever() -> None:
    make_agent(tool="tests.wait_at_gate")
    execution = lost()
    assert (execution.state, states(execution)) == ("running", {"a": "pending", "b": "pending"})


def test_lost_work_that_must_not_be_repeated_is_in_doubt() -> None:
    make_agent(tool="tests.only_once", max_concurrent_tasks=1)
    execution = lost()
    assert (execution.state, execution.error) == ("failed", f"A: {LOST}")
    broken = task(execution, "a")
    assert (broken.error_kind, broken.attempt, broken.is_in_doubt) == ("in_doubt", 1, True)
    assert not AgentSlot.objects.filter(session__isnull=False).exists()
    row = execution.audit_events.get(kind="task.failed")
    assert (row.actor, row.data["error_kind"]) == ("system", "in_doubt")
    runner.drain()
    assert states(execution) == {"a": "failed", "b": "pending"}


@pytest.mark.parametrize("end", ["timeout", "deadline"])
def test_work_over_its_time_is_in_doubt_and_its_late_result_is_kept(
    end: str, clock: Clock, gate: Callable[[str], Gate]
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.only_once")
    limits = {"timeout_seconds": 30} if end == "timeout" else {}
    with at_work():
        execution = start(step("a", **limits), retry_policy=AT_ONCE, timeout_minutes=5)
        assert waiting.entered.wait(60)
        clock.shift(31 if end == "timeout" else 301)
        assert timers.fire_due() == 1
        assert task(execution, "a").is_in_doubt
        waiting.opened.set()
    execution.refresh_from_db()
    assert execution.state == "failed"
    assert task(execution, "a").error.endswith("It may or may not have been done.")
    late = execution.audit_events.get(kind="result.refused")
    assert late.data["output"] == {"attempt": 1, "charge": "ch_1"}


def test_a_deadline_that_ends_repeatable_work_leaves_no_doubt(
    clock: Clock, gate: Callable[[str], Gate]
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    with at_work():
        execution = start(step("a"), timeout_minutes=1)
        assert waiting.entered.wait(60)
        clock.shift(61)
        timers.fire_due()
        waiting.opened.set()
    assert task(execution, "a").error_kind == "execution_timeout"


@pytest.mark.parametrize("order", ["break off", "rubbish"])
def test_a_tool_that_breaks_off_in_the_middle_is_in_doubt(order: str) -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("a", input={"order": order}), retry_policy=AT_ONCE)
    runner.drain()
    assert (task(execution, "a").error_kind, task(execution, "a").attempt) == ("in_doubt", 1)


def test_what_a_tool_itself_calls_worth_another_attempt_is_retried() -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("a", input={"order": "refuse"}), retry_policy=AT_ONCE)
    runner.drain()
    assert (task(execution, "a").error_kind, task(execution, "a").attempt) == ("busy", 4)


def test_what_counts_is_what_the_agent_said_when_the_work_was_lent() -> None:
    make_agent(tool="tests.only_once")
    execution = start(*chain("a"), retry_policy=AT_ONCE)
    in_a_dying_worker()
    make_agent(tool="tests.wait_at_gate", status="offline")
    sessions.reap()
    assert task(execution, "a").is_in_doubt


def test_the_agent_that_got_it_decides_not_another_of_its_lane() -> None:
    make_agent("careful", tool="tests.only_once", capabilities=["echo"], max_concurrent_tasks=1)
    make_agent("easy", tool="tests.wait_at_gate", capabilities=["echo"], max_concurrent_tasks=1)
    execution = start(step("a"), step("b"), retry_policy=AT_ONCE)
    in_a_dying_worker(2)
    sessions.reap()
    by_agent = {one.agent_key: one.is_in_doubt for one in execution.tasks}
    assert by_agent == {"careful": True, "easy": False}


def test_http_agents_say_it_by_their_configuration() -> None:
    config = {"url": "https://api.example.com/"}
    for key, more in (
        ("a", {}),
        ("b", {"idempotent": False}),
        ("c", {"idempotent": False, "method": "put"}),
    ):
        orchestrator.register_agent(
            key=key, name=key, kind="http", capabilities=["echo"], config={**config, **more}
        )
    start(*chain("a"))
    members = LaneMember.objects.values_list("agent_key", "is_repeatable")
    assert dict(members) == {"a": True, "b": False, "c": True}


def test_a_worker_that_starts_with_new_code_tells_what_its_tools_say() -> None:
    make_agent(tool="tests.only_once")
    start(*chain("a"))
    LaneMember.objects.update(is_repeatable=True)
    lanes.refresh_repeatability()
    assert not LaneMember.objects.get().is_repeatable


def test_it_was_done_so_the_rest_goes_on() -> None:
    make_agent(tool="tests.only_once")
    first = step("a", output_mapping={"charge": "output.charge"})
    execution = lost(first, step("b", {"task": "a", "when": "charge == 'ch_9'"}))
    op = make_user("op", "operator")
    engine.complete(execution.pk, "a", {"charge": "ch_9"}, by=op, reason="it is on the statement")
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == (
        "completed",
        {"a": "completed", "b": "completed"},
    )
    assert (execution.variables["charge"], task(execution, "a").output) == (
        "ch_9",
        {"charge": "ch_9"},
    )
    rows = execution.audit_events.filter(actor="user:op").order_by("seq")
    assert [(row.kind, row.old_state, row.data["reason"]) for row in rows if row.task_id] == [
        ("task.pending", "failed", "it is on the statement"),
        ("task.running", "pending", "it is on the statement"),
        ("task.completed", "running", "it is on the statement"),
    ]
    assert history(execution)[5:10] == [
        "a pending",
        "execution pending",
        "execution running",
        "a running",
        "a completed",
    ]


def test_it_was_not_done_so_it_runs_again_under_the_same_key() -> None:
    make_agent(tool="tests.only_once")
    execution = lost()
    engine.retry(execution.pk, by=None, task_id=task(execution, "a").pk, reason="not on it")
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, task(execution, "a").attempt) == ("completed", 2)


def test_giving_up_cancels_the_execution() -> None:
    make_agent(tool="tests.only_once")
    execution = lost()
    engine.cancel(execution.pk, by=make_user("op"), reason="too late anyway")
    assert states(execution) == {"a": "failed", "b": "cancelled"}


def test_one_doubt_resolved_leaves_the_other_and_nothing_starts_meanwhile() -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("a"), step("b"), step("c", "a"), retry_policy=AT_ONCE)
    in_a_dying_worker(2)
    sessions.reap()
    for key, state in (("a", "failed"), ("b", "pending")):
        engine.complete(execution.pk, key, {}, by=None)
        execution.refresh_from_db()
        after = "running" if key == "b" else state
        assert execution.state == after
        assert task(execution, "c").is_ready == (key == "b")
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_lease_that_ran_out_under_a_living_worker_leaves_the_same_doubt(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.only_once")
    with at_work():
        execution = start(*chain("a"), retry_policy=AT_ONCE)
        assert waiting.entered.wait(60)
        let_leases_run_out()
        waiting.opened.set()
        wait_for_end(execution)
    assert task(execution, "a").is_in_doubt
    assert task(execution, "a").attempt == 1
