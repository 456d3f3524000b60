"""Due times of approvals: told when they are asked, noted when they pass, and never a decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents import housekeeping, runner
from tests.engine.conftest import Clock, at_work
from tests.factories import human, kinds, make_agent, make_user, node, register, start, states, step
from tests.ops.waiting import until
from workflows import engine
from workflows.engine import timers
from workflows.errors import InvalidDefinition
from workflows.models import Approval, Execution, Timer

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def asked(execution: Execution) -> Approval:
    runner.drain()
    return Approval.objects.get(execution=execution)


def overdue_rows(execution: Execution) -> int:
    return kinds(execution).count("approval.overdue")


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ("PT4H", 4 * HOUR),
        ("P2D", 48 * HOUR),
        ('order.urgent ? "PT1H" : "P1D"', HOUR),
        ("order.seconds", HOUR),
        ('duration("90m")', 1.5 * HOUR),
        ("order.nothing", None),
    ],
)
def test_a_due_time_counts_from_when_it_is_asked(given: str, after: timedelta | None) -> None:
    order = {"urgent": True, "seconds": 3600, "nothing": None}
    approval = asked(start(human("ask", due=given, follow_up=given), input={"order": order}))
    found = approval.due_at and approval.due_at - approval.requested_at
    assert found == after
    assert approval.follow_up_at == approval.due_at
    assert Timer.objects.count() == int(after is not None)


@pytest.mark.parametrize("given", ["2030-01-31T09:00:00+01:00", "by", "timestamp(by)"])
def test_a_due_time_may_be_a_moment(given: str) -> None:
    approval = asked(start(human("ask", due=given), input={"by": "2030-01-31T08:00:00Z"}))
    assert approval.due_at == datetime(2030, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("field", ["due", "follow_up"])
@pytest.mark.parametrize("given", ["P1M", "2030-01-31", "R3/PT1H", "1 +", 5, ""])
def test_what_says_no_time_is_not_published_and_the_field_is_named(field: str, given: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(human("ask", **{field: given}))
    (problem,) = refused.value.problems
    assert (problem.element, problem.field) == ("ask", "approval")
    assert f"“{field}” is " in problem.message
    assert "a duration such as PT4H" in problem.message


def test_a_due_time_that_cannot_be_told_stops_the_step_and_says_so() -> None:
    execution = start(human("ask", due="order.by"), input={"order": {"by": "soon"}})
    runner.drain()
    execution.refresh_from_db()
    assert (execution.state, states(execution)) == ("failed", {"ask": "failed"})
    assert "(“due”)" in execution.error
    assert "'soon' is no moment" in execution.error


@pytest.mark.parametrize("is_tokened", [False, True])
def test_when_it_passes_one_row_says_so_and_people_decide_as_before(
    clock: Clock, is_tokened: bool
) -> None:
    make_agent()
    start_node = [node("s", "start")] if is_tokened else []
    before = ["s"] if is_tokened else []
    execution = start(*start_node, human("ask", *before, due="PT1H"), step("b", "ask"))
    approval = asked(execution)
    clock.shift(3500)
    timers.fire_due()
    assert overdue_rows(execution) == 0
    clock.shift(101)
    assert timers.fire_due() == 1
    timers.fire_due()
    approval.refresh_from_db()
    assert (approval.is_overdue, approval.state) == (True, "open")
    assert approval.overdue_at is not None
    row = execution.audit_events.get(kind="approval.overdue")
    assert (row.actor, row.entity_id, row.new_state) == ("system", str(approval.pk), None)
    assert row.data == {"due_at": approval.due_at.isoformat()}
    decided = engine.decide(approval.pk, by=make_user("bob", "approver"), verdict="approve")
    assert not decided.is_overdue
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_what_is_decided_or_withdrawn_in_time_is_never_overdue(clock: Clock) -> None:
    register(human("ask", due="PT1H"))
    decided, cancelled = engine.start_workflow("flow"), engine.start_workflow("flow")
    engine.decide(asked(decided).pk, by=make_user("bob", "approver"), verdict="reject")
    engine.cancel(cancelled.pk, by=None)
    assert not Timer.objects.exists()
    clock.shift(3700)
    timers.fire_due()
    assert [overdue_rows(one) for one in (decided, cancelled)] == [0, 0]


def test_a_pause_stops_no_due_time_for_people_decide_meanwhile(clock: Clock) -> None:
    execution = start(human("ask", due="PT1H"))
    asked(execution)
    engine.pause(execution.pk, by=None)
    clock.shift(3700)
    timers.fire_due()
    assert overdue_rows(execution) == 1


def test_a_rerun_asks_anew_with_a_time_of_its_own(clock: Clock) -> None:
    make_agent()
    execution = start(human("ask", due="PT1H"), step("b", "ask"))
    first = asked(execution)
    engine.decide(first.pk, by=make_user("bob", "approver"), verdict="approve")
    runner.drain()
    clock.shift(7200)
    again = engine.rerun_from(execution.pk, "ask", by=make_user("op", "operator"), reason="anew")
    second = asked(again)
    assert second.due_at is not None
    assert second.due_at - second.requested_at == HOUR
    assert not second.is_overdue


def test_a_question_moves_to_another_version_with_its_due_time() -> None:
    execution = start(human("ask", due="PT1H"))
    before = asked(execution)
    register(human("ask", due="P1D"), human("then", "ask"))
    engine.move_to_version(execution.pk, 2, by=make_user("op", "operator"), reason="better")
    after = Approval.objects.get(execution=execution)
    assert (after.pk, after.due_at) == (before.pk, before.due_at)


@pytest.mark.alone
def test_an_idle_session_notes_it_within_a_tenth_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the best of 20: the machine may have other things to do."""
    monkeypatch.setattr(housekeeping, "TICK_SECONDS", 3600.0)
    late: list[float] = []
    register(human("ask", due="PT0.3S"))
    while not late or (min(late) >= 0.1 and len(late) < 20):
        with at_work():
            execution = engine.start_workflow("flow")
            until(lambda one=execution: overdue_rows(one) == 1)
        row = execution.audit_events.get(kind="approval.overdue")
        late.append((row.at - Approval.objects.get(execution=execution).due_at).total_seconds())
    assert 0 <= min(late) < 0.1
