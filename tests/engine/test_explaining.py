"""Why is it waiting? One sentence and the possible actions for every task that is not over."""

from __future__ import annotations

import pytest

from agents import orchestrator, runner
from tests.engine.conftest import Clock
from tests.engine.test_leases import in_a_dying_worker
from tests.factories import chain, human, make_agent, make_user, node, start, step, task
from workflows import engine
from workflows.engine import sessions
from workflows.engine.explaining import Cause, Explanation
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)


def why(execution: Execution, key: str) -> Explanation:
    return engine.explain(task(execution, key))


def test_a_dependency_names_the_steps_that_are_still_to_come() -> None:
    make_agent("slow")
    execution = start(
        step("a", capabilities=["rare"]),
        step("b", capabilities=["rare"]),
        step("one", "a"),
        step("both", "a", "b"),
    )
    one, both = why(execution, "one"), why(execution, "both")
    assert (one.cause, one.text) == (Cause.DEPENDENCY, "“One” waits for “A”.")
    assert (both.text, both.detail) == ("“Both” waits for 2 steps.", "A, B")


def test_an_approval_says_by_whom() -> None:
    make_agent()
    execution = start(human("ask", title="Big order"))
    runner.drain()
    found = why(execution, "ask")
    assert found.text == "Waits for approval by group approver."
    assert (found.cause, found.detail, found.actions) == (
        Cause.APPROVAL,
        "Big order",
        ("decide", "skip"),
    )
    assert found.approval is not None


def test_a_retry_says_when_it_is_due(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 2, "initial_delay": 60, "jitter": 0}
    execution = start(*chain("a"), retry_policy=policy)
    runner.drain()
    found = why(execution, "a")
    assert (found.cause, found.detail) == (Cause.RETRY, "It broke.")
    assert "attempt 2 of 3" in found.text
    assert found.due is not None


def test_no_agent_with_the_capability_says_which_and_who_lacks_what() -> None:
    make_agent("echo")
    make_agent("idle", capabilities=["magic"], status="offline")
    execution = start(step("a", capabilities=["magic"]))
    found = why(execution, "a")
    assert found.text == "“A” cannot start: no agent online can do magic."
    assert found.cause == Cause.NO_AGENT
    assert "echo: " in found.detail
    assert "magic" in found.detail
    assert "idle: " in found.detail
    assert found.actions == ("see_agents", "skip")


def test_a_cap_says_what_it_was_reached_by() -> None:
    make_agent(max_concurrent_tasks=1)
    busy, held = start(step("a")), start(step("b"), key="other")
    orchestrator.assign_task(task(busy, "a").pk)
    found = why(held, "b")
    assert (found.cause, found.text) == (
        Cause.CAP,
        "“B” cannot start: all its agents (echo) are at their limit.",
    )
    assert found.detail == f"Busy with “A” #{busy.pk}."
    assert why(busy, "a").cause == Cause.RESERVED


def test_a_pause_says_by_whom_and_why() -> None:
    make_agent()
    execution = start(*chain("a", "b"), human("ask"))
    engine.transition_state(execution.pk, "ask", "running", by=None)
    engine.transition_state(execution.pk, "ask", "paused", by=make_user("bob"), reason="no news")
    engine.pause(execution.pk, by=make_user("ada"), reason="stock count")
    first = why(execution, "a")
    assert (first.text, first.detail) == ("Paused by ada.", "stock count")
    assert (first.cause, first.actions) == (Cause.PAUSED, ("resume",))
    assert why(execution, "b").cause == Cause.DEPENDENCY
    by_hand = why(execution, "ask")
    assert (by_hand.text, by_hand.detail) == ("“Ask” was paused by bob.", "no news")


def test_a_failure_stops_what_is_beside_it() -> None:
    execution = start(step("a"), step("b"))
    for new in ("running", "failed"):
        engine.transition_state(execution.pk, "a", new, by=None, reason="broken")
    assert why(execution, "a").text == "“A” failed at attempt 1."
    assert why(execution, "a").actions == ("retry", "skip")
    assert why(execution, "b").text == "“B” does not start: “A” failed."


def test_what_nothing_holds_up_is_next() -> None:
    make_agent()
    execution = start(*chain("a"))
    alone = "“A” is next, but no worker is running: it starts when one does."
    assert (why(execution, "a").cause, why(execution, "a").text) == (Cause.QUEUED, alone)
    session = sessions.open_session()
    assert why(execution, "a").text == "“A” is next: a worker picks it up."
    sessions.close_session(session)
    runner.drain()
    assert why(execution, "a").cause == Cause.OVER


def test_a_step_in_doubt_says_what_is_not_known_and_who_can_end_it() -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("charge"))
    in_a_dying_worker()
    sessions.reap()
    found = why(execution, "charge")
    assert (found.cause, found.actions) == (Cause.IN_DOUBT, ("complete", "retry", "cancel"))
    assert found.text.startswith("“Charge” is in doubt: echo began attempt 1")
    assert "may or may not have been done" in found.detail


def test_a_retry_counts_the_attempts_that_its_kind_of_error_has() -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 1, "initial_delay": 60, "by_kind": {"other": {"max_retries": 8}}}
    execution = start(step("a"), retry_policy=policy)
    runner.drain()
    assert "(attempt 2 of 2)" in why(execution, "a").text


def test_a_time_in_a_paused_execution_is_told_to_wait_for_the_resume() -> None:
    event = {"type": "timer", "duration": "PT2H"}
    execution = start(node("cool", "catch", event=event), human("ask", "cool"))
    assert why(execution, "cool").due is not None
    engine.pause(execution.pk, by=make_user("ada"))
    held = why(execution, "cool")
    assert (held.cause, held.due, held.actions) == (Cause.PAUSED, None, ("resume", "skip"))
    assert "is paused by ada" in held.detail


def adhoc_beside(*more: dict) -> Execution:
    make_agent()
    return start(
        node("loose", "scope", scope={"type": "ad_hoc"}), step("inner", parent="loose"), *more
    )


@pytest.mark.parametrize("state", ["paused", "failed"])
def test_nothing_is_offered_that_the_execution_would_refuse(state: str) -> None:
    """Choosing in an ad-hoc sub-process begins something: not while nothing new begins."""
    execution = adhoc_beside(step("b", capabilities=["rare"]))
    runner.drain()
    assert why(execution, "loose").actions == ("activate", "complete")
    if state == "paused":
        engine.pause(execution.pk, by=make_user("boss"), reason="audit day")
    else:
        engine.transition_state(execution.pk, "b", "running", by=None)
        engine.transition_state(execution.pk, "b", "failed", by=None, reason="bad")
    execution.refresh_from_db()
    assert execution.state == state
    found = why(execution, "loose")
    assert found.actions == (("resume",) if state == "paused" else ("retry",))
    assert engine.offered(execution, task(execution, "loose")) == []
    (engine.resume if state == "paused" else engine.retry)(execution.pk, by=None)
    execution.refresh_from_db()
    assert [one.key for one in engine.offered(execution, task(execution, "loose"))] == ["inner"]


def test_sub_processes_are_no_steps_in_flight() -> None:
    execution = adhoc_beside(step("b", capabilities=["rare"]))
    runner.drain()
    engine.pause(execution.pk, by=make_user("boss"), reason="audit day")
    assert why(execution, "b").detail == "audit day"


def test_what_waits_for_events_names_messages_conditions_and_the_next_time(clock: Clock) -> None:
    make_agent()
    timer = {"type": "timer", "duration": "PT2H"}
    execution = start(
        node("s", "start"),
        node("gate", "event_gateway", "s"),
        node("in_time", "catch", "gate", event={"type": "message", "name": "paid", "key": "'7'"}),
        node("late", "catch", "gate", event=timer),
        node("many", "catch", "s", event={"type": "conditional", "condition": "n > 5"}),
        input={"n": 1},
    )
    runner.drain()
    gate, many = why(execution, "gate"), why(execution, "many")
    assert gate.detail == "“paid” (7)"
    assert gate.due == execution.timers.get().due_at
    assert (many.detail, many.due) == ("n > 5", None)
    engine.pause(execution.pk, by=None)
    assert why(execution, "gate").due is None, "it is held"
