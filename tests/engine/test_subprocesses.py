"""Transactions, ad-hoc sub-processes and multiple events, each by what the audit says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Clock, together
from tests.engine.test_token_events import boundary, event
from tests.engine.test_tokens import drained, told
from tests.factories import make_agent, make_user, node, start, states, step, task
from workflows import engine
from workflows.engine.explaining import Cause
from workflows.errors import NotOffered, UnknownTask, WrongState
from workflows.models import Execution, State, Subscription, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_cancelled_transaction_undoes_what_is_done_then_leaves_by_its_cancel_event() -> None:
    make_agent()
    execution = drained(
        start(
            node("trip", "scope", scope={"type": "transaction"}),
            step("flight", parent="trip"),
            step("room", "flight", parent="trip"),
            step("unflight", parent="trip", compensates="flight"),
            step("unroom", parent="trip", compensates="room"),
            node("wait", "catch", parent="trip", **event("timer", duration="P1D")),
            node("give_up", "end", "room", parent="trip", **event("cancel")),
            boundary("late", "trip", "timer", duration="P2D"),
            boundary("called_off", "trip", "cancel"),
            step("tell", "called_off"),
            step("travel", "trip"),
        )
    )
    assert execution.state == "completed"
    assert told(execution)[-18:-3] == [
        "give_up passed",
        "wait cancelled",
        "give_up opened",
        "give_up running",
        "unroom opened",
        "unroom running",
        "unroom completed",
        "unflight opened",
        "unflight running",
        "unflight completed",
        "give_up completed",
        "trip paused",
        "trip cancelled",
        "called_off passed",
        "tell opened",
    ]
    assert states(execution)["trip"] == "cancelled"
    assert "travel" not in states(execution)
    assert not Timer.objects.exists()


def case(**scope: Any) -> Execution:
    make_agent()
    return drained(
        start(
            node("case", "scope", scope={"type": "ad_hoc", **scope}),
            step("call", parent="case"),
            step("note", "call", parent="case"),
            step("mail", parent="case", output_mapping={"sent": "true"}),
            step("after", "case"),
            variables={"sent": False},
        )
    )


def test_an_ad_hoc_sub_process_waits_until_somebody_chooses_and_says_that_it_is_done() -> None:
    ada = make_user("ada")
    execution = case()
    scope = task(execution, "case")
    assert states(execution) == {"case": "running"}
    why = engine.explain(scope)
    assert (why.cause, why.detail, why.actions) == (
        Cause.CHOICE,
        "Call, Mail",
        ("activate", "complete"),
    )
    for key in ("call", "mail", "call"):
        engine.activate(execution.pk, "case", key, by=ada, reason="as agreed")
        drained(execution)
    assert [one.iteration for one in execution.tasks.filter(key="note")] == [1, 2]
    row = execution.audit_events.filter(kind="task.activated").first()
    assert row is not None
    assert (row.actor, row.data["chosen"], row.data["reason"]) == ("user:ada", "call", "as agreed")
    engine.complete(execution.pk, scope.pk, {}, by=ada)
    assert drained(execution).state == "completed"
    assert states(execution)["after"] == "completed"
    with pytest.raises(WrongState):
        engine.activate(execution.pk, scope.pk, "call", by=ada)


def test_what_is_not_offered_is_refused_and_recorded() -> None:
    execution = case(ordering="sequential")
    with pytest.raises(NotOffered, match="“note” is not offered by “Case”; these are: call, mail"):
        engine.activate(execution.pk, "case", "note", by=None)
    with pytest.raises(UnknownTask):
        engine.activate(execution.pk, 1, "call", by=None)
    engine.activate(execution.pk, "case", "call", by=None)
    with pytest.raises(NotOffered, match="offers nothing now"):
        engine.activate(execution.pk, "case", "mail", by=None)
    engine.pause(execution.pk, by=None)
    with pytest.raises(WrongState):
        engine.activate(execution.pk, "case", "mail", by=None)
    assert execution.audit_events.filter(kind="operation.refused").count() == 4


def test_its_condition_ends_it_and_takes_away_what_still_runs() -> None:
    execution = case(completion="sent")
    engine.activate(execution.pk, "case", "call", by=None)
    drained(execution)
    assert execution.state == State.RUNNING
    engine.activate(execution.pk, "case", "call", by=None)
    engine.activate(execution.pk, "case", "mail", by=None)
    assert drained(execution).state == "completed"


def test_of_many_who_choose_at_once_one_begins_where_one_may() -> None:
    execution = case(ordering="sequential")
    results = together(*[lambda: engine.activate(execution.pk, "case", "mail", by=None)] * 6)
    assert sum(isinstance(one, Execution) for one in results) == 1
    assert sum(isinstance(one, NotOffered) for one in results) == 5
    assert drained(execution).tasks.filter(key="mail").count() == 1


def both(is_parallel: bool) -> dict[str, Any]:
    parts = [
        {"type": "message", "name": "paid", "key": "order"},
        {"type": "timer", "duration": "PT1M"},
    ]
    return event("multiple", parallel=is_parallel, events=parts)


def test_the_first_of_several_events_is_enough_and_the_others_are_forgotten(clock: Clock) -> None:
    ways = [node("wait", "catch", **both(False))]
    first = drained(start(*ways, input={"order": "A"}))
    assert engine.publish_message("paid", {"n": 1}, key="A")
    assert drained(first).state == "completed"
    assert task(first, "wait").output == {"n": 1}
    second = drained(start(*ways, input={"order": "B"}))
    clock.shift(61)
    assert drained(second).state == "completed"
    assert not Subscription.objects.exists()
    assert not Timer.objects.exists()


def test_all_of_several_events_together_are_waited_for_whatever_their_order(clock: Clock) -> None:
    ways = [node("wait", "catch", **both(True))]
    execution = drained(start(*ways, input={"order": "A"}))
    clock.shift(61)
    assert drained(execution).state == "running"
    assert engine.publish_message("paid", {"n": 1}, key="A")
    assert drained(execution).state == "completed"
    assert task(execution, "wait").output == {"n": 1}


def test_several_events_on_an_edge_interrupt_once(clock: Clock) -> None:
    make_agent("other", capabilities=["other"])
    execution = drained(
        start(
            step("a"),
            node("edge", "boundary", attached_to="a", **both(False)),
            node("b", "pass", "edge"),
            input={"order": "A"},
        )
    )
    assert engine.publish_message("paid", {}, key="A")
    assert drained(execution).state == "completed"
    assert states(execution)["a"] == "cancelled"
    assert not Timer.objects.exists()
