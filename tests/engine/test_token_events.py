"""Timers, errors and event sub-processes, each by what the audit says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.engine.conftest import Clock
from tests.engine.test_tokens import drained, told
from tests.factories import (
    history,
    human,
    kinds,
    make_agent,
    make_user,
    node,
    start,
    states,
    step,
)
from workflows import clock as clocks
from workflows import engine
from workflows.engine import timers, transitions
from workflows.errors import InvalidInput
from workflows.models import Approval, Delivery, Execution, Subscription, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event": {"type": kind, **fields}}


def boundary(key: str, host: str, kind: str, **fields: Any) -> dict[str, Any]:
    return node(key, "boundary", attached_to=host, **event(kind, **fields))


def test_an_intermediate_timer_waits_without_a_worker_and_then_goes_on(clock: Clock) -> None:
    make_agent()
    execution = drained(
        start(
            step("a"),
            node("pause", "catch", "a", **event("timer", duration="PT1H")),
            step("b", "pause"),
        )
    )
    assert states(execution) == {"a": "completed", "pause": "paused"}
    assert Timer.objects.get().due_at > clocks.now() + timedelta(minutes=59)
    clock.shift(3_601)
    assert drained(execution).state == "completed"
    assert history(execution)[4:] == [
        "pause running",
        "pause paused",
        "pause running",
        "pause completed",
        "b running",
        "b completed",
        "execution completed",
    ]


def test_a_timer_waits_for_the_moment_or_the_seconds_that_an_expression_gives(clock: Clock) -> None:
    make_agent()
    execution = drained(
        start(
            node("first", "catch", **event("timer", at="when_at")),
            node("second", "catch", "first", **event("timer", duration="wait * 2")),
            input={"when_at": (clocks.now() + timedelta(seconds=50)).isoformat(), "wait": 30},
        )
    )
    clock.shift(51)
    assert drained(execution).state == "running"
    assert Timer.objects.get().due_at - clocks.of_database() == timedelta(seconds=60)
    clock.shift(61)
    assert drained(execution).state == "completed"


def test_a_paused_executions_timer_keeps_its_due_time_and_fires_on_resume(clock: Clock) -> None:
    execution = drained(start(node("pause", "catch", **event("timer", duration="PT10S"))))
    engine.pause(execution.pk, by=None)
    clock.shift(20)
    assert drained(execution).state == "paused"
    engine.resume(execution.pk, by=None)
    assert drained(execution).state == "completed"


def test_an_interrupting_timer_cancels_its_task_and_the_question_behind_it(clock: Clock) -> None:
    make_agent()
    execution = drained(
        start(
            human("ask"),
            step("good", "ask"),
            boundary("late", "ask", "timer", duration="P1D"),
            step("remind", "late"),
        )
    )
    clock.shift(86_401)
    assert drained(execution).state == "completed"
    assert states(execution) == {"ask": "cancelled", "remind": "completed"}
    assert Approval.objects.get().state == "cancelled"
    assert told(execution)[-6:] == [
        "ask cancelled",
        "late passed",
        "remind opened",
        "remind running",
        "remind completed",
        "execution completed",
    ]


def test_the_inboxes_are_told_of_a_question_that_an_event_withdraws(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained(start(human("ask"), boundary("late", "ask", "timer", duration="PT1H")))
    topics: set[str] = set()
    monkeypatch.setattr(transitions, "doorbell", lambda ids=(), *told, **_: topics.update(told))
    clock.shift(3_601)
    timers.fire_due()
    assert Approval.objects.get().state == "cancelled"
    assert "approvals" in topics


def test_a_repeating_timer_that_does_not_interrupt_reminds_until_the_task_is_done(
    clock: Clock,
) -> None:
    make_agent()
    bob = make_user("bob", "approver")
    execution = drained(
        start(
            human("ask"),
            boundary("late", "ask", "timer", cycle="R2/PT1H", interrupting=False),
            step("remind", "late"),
        )
    )
    for _ in range(3):
        clock.shift(3_601)
        drained(execution)
    assert [task.iteration for task in execution.tasks.filter(key="remind")] == [1, 2]
    assert not Timer.objects.exists()
    engine.decide(Approval.objects.get().pk, by=bob, verdict="approve")
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_done_task_takes_its_boundary_timer_with_it() -> None:
    make_agent()
    execution = drained(start(step("a"), boundary("late", "a", "timer", duration="PT1M")))
    assert execution.state == "completed"
    assert not Timer.objects.exists()


def test_an_error_is_caught_by_its_code_before_one_that_catches_all() -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            step("pay", input={"permanent": True}),
            boundary("declined", "pay", "error", code="broken"),
            boundary("anything", "pay", "error"),
            step("ask_again", "declined", input={"succeeds_at": 1}),
            step("give_up", "anything"),
        )
    )
    assert execution.state == "completed"
    assert states(execution) == {"pay": "failed", "ask_again": "completed"}
    failed = execution.audit_events.get(kind="task.failed")
    assert failed.data["caught"] == "declined"
    assert failed.data["error_kind"] == "broken"


def test_an_error_that_is_caught_by_name_is_not_tried_again_and_any_other_is() -> None:
    make_agent(tool="tests.fail")
    policy = {"max_retries": 2, "initial_delay": 0, "jitter": 0}
    for code, attempts in (("broken", 1), (None, 3)):
        execution = drained(
            start(
                step("pay"),
                boundary("caught", "pay", "error", **({"code": code} if code else {})),
                step("on", "caught", input={"succeeds_at": 1}),
                retry_policy=policy,
            )
        )
        assert execution.state == "completed"
        assert execution.tasks.get(key="pay").attempt == attempts


def test_an_error_end_event_ends_the_sub_process_and_goes_on_at_its_edge() -> None:
    make_agent()
    execution = drained(
        start(
            node("inside", "scope"),
            step("a", parent="inside"),
            node("broken", "end", "a", parent="inside", **event("error", code="stock")),
            human("ask") | {"parent": "inside"},
            boundary("caught", "inside", "error", code="stock"),
            step("order", "caught"),
            step("never", "inside"),
        )
    )
    assert execution.state == "completed"
    assert states(execution) == {
        "inside": "cancelled",
        "ask": "cancelled",
        "a": "completed",
        "order": "completed",
    }


def test_an_error_that_nobody_catches_is_an_incident_that_names_it() -> None:
    make_agent()
    execution = drained(start(step("a"), node("broken", "end", "a", **event("error", code="x"))))
    assert execution.state == "failed"
    assert "Nothing catches the error “x” of “Broken”" in execution.error


def test_an_error_starts_an_event_sub_process_that_is_all_that_is_left() -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            step("a", input={"permanent": True}),
            human("ask"),
            node("handler", "scope", **event("error")),
            step("tidy", parent="handler", input={"succeeds_at": 1}),
        )
    )
    assert execution.state == "completed"
    assert states(execution) == {
        "a": "failed",
        "ask": "cancelled",
        "handler": "completed",
        "tidy": "completed",
    }


def test_an_event_sub_process_that_does_not_interrupt_runs_beside_what_goes_on() -> None:
    make_agent()
    bob = make_user("bob", "approver")
    execution = drained(
        start(
            human("ask"),
            node("on_change", "scope", **event("signal", name="change", interrupting=False)),
            step("note", parent="on_change"),
        )
    )
    for _ in range(2):
        engine.publish_signal("change")
        drained(execution)
    assert [task.iteration for task in execution.tasks.filter(key="note")] == [1, 2]
    engine.decide(Approval.objects.get().pk, by=bob, verdict="approve")
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert not Subscription.objects.exists()


def test_a_task_that_waits_for_a_message_can_be_completed_by_hand() -> None:
    make_agent()
    execution = drained(
        start(node("paid", "catch", **event("message", name="payment")), step("ship", "paid"))
    )
    assert engine.transition_state(execution.pk, "paid", "running", by=None)
    assert engine.transition_state(execution.pk, "paid", "completed", by=make_user())
    assert drained(execution).state == "completed"
    assert not Subscription.objects.exists()


def test_cancel_forgets_everything_that_was_waited_for() -> None:
    execution = drained(
        start(
            node("paid", "catch", **event("message", name="payment")),
            node("late", "catch", **event("timer", duration="PT1M")),
            node("on_bell", "scope", **event("signal", name="bell")),
            node("done", "end", parent="on_bell"),
        )
    )
    engine.cancel(execution.pk, by=None)
    assert not Subscription.objects.exists()
    assert not Timer.objects.exists()
    assert engine.publish_signal("bell") == 0


def test_an_event_sub_process_leaves_the_timer_on_the_edge_of_its_scope(clock: Clock) -> None:
    make_agent()
    execution = drained(
        start(
            node("inside", "scope"),
            human("ask") | {"parent": "inside"},
            node("on_stop", "scope", parent="inside", **event("signal", name="stop")),
            human("tidy") | {"parent": "on_stop"},
            boundary("late", "inside", "timer", duration="PT1H"),
            step("after", "late"),
        )
    )
    engine.publish_signal("stop")
    drained(execution)
    assert states(execution)["ask"] == "cancelled"
    assert states(execution)["tidy"] == "paused"
    clock.shift(3_601)
    assert drained(execution).state == "completed"
    assert states(execution)["tidy"] == "cancelled"
    assert states(execution)["after"] == "completed"


def test_an_incident_that_a_timer_takes_away_lets_the_execution_be_completed(
    clock: Clock,
) -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            node("inside", "scope"),
            step("a", parent="inside", input={"permanent": True}),
            boundary("late", "inside", "timer", duration="PT1H"),
            node("done", "end", "late"),
        )
    )
    assert execution.state == "failed"
    clock.shift(3_601)
    assert drained(execution).state == "failed"
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "completed"


def test_a_start_whose_timer_cannot_be_told_is_refused_and_leaves_nothing() -> None:
    ways = [
        human("ask"),
        node("late", "scope", **event("timer", duration="hours * 2")),
        node("done", "end", parent="late"),
    ]
    with pytest.raises(InvalidInput) as refused:
        start(*ways)
    assert "hours" in str(refused.value)
    assert not Execution.objects.exists()


def test_a_question_that_could_not_be_asked_is_asked_when_it_is_retried() -> None:
    make_agent()
    execution = drained(
        start(
            step("a"),
            human("ask", "a"),
            boundary("late", "ask", "timer", duration="wait"),
            input={"wait": "soon"},
        )
    )
    assert execution.state == "failed"
    assert "'soon' is no duration" in execution.error
    engine.retry(execution.pk, by=None)
    assert drained(execution).state == "failed"
    assert not Approval.objects.exists()


def test_events_of_an_execution_that_has_failed_wait_until_it_is_retried(clock: Clock) -> None:
    make_agent(tool="tests.fail")
    execution = drained(
        start(
            step("pay", input={"permanent": True}),
            node("pause", "catch", **event("timer", duration="PT1M")),
            node("paid", "catch", **event("message", name="paid")),
            node("bell", "catch", **event("signal", name="bell")),
        )
    )
    assert execution.state == "failed"
    before = kinds(execution)
    clock.shift(120)
    assert engine.publish_message("paid", {"n": 1})
    assert engine.publish_signal("bell") == 1
    assert drained(execution).state == "failed"
    assert kinds(execution) == before, "nothing has happened in it"
    assert Delivery.objects.filter(held_for=execution.pk).count() == 2
    why = engine.explain(execution.tasks.get(key="pause"))
    assert (why.cause, why.due, why.actions) == ("stopped", None, ("retry",))
    pay = execution.tasks.get(key="pay").pk
    engine.retry(execution.pk, by=None, task_id=pay, input={"succeeds_at": 1})
    assert drained(execution).state == "completed"
    assert set(states(execution).values()) == {"completed"}
    assert not Delivery.objects.exists()


def test_a_message_held_for_what_is_then_cancelled_goes_to_the_next_who_waits() -> None:
    make_agent(tool="tests.fail")
    ways = [
        step("pay", input={"permanent": True}),
        node("paid", "catch", **event("message", name="paid")),
    ]
    failed = drained(start(*ways))
    assert engine.publish_message("paid", {"n": 1})
    other = drained(start(ways[1], key="other"))
    engine.cancel(failed.pk, by=None)
    assert drained(other).state == "completed"
