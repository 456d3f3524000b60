"""A process that events begin: messages, signals, times, conditions, each by its own start."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Clock
from tests.engine.test_token_events import event
from tests.engine.test_tokens import drained
from tests.factories import make_agent, make_user, node, register, start, states, step
from workflows import engine
from workflows.engine import timers, triggers
from workflows.errors import InvalidDefinition, InvalidInput
from workflows.models import BufferedMessage, Delivery, Event, Execution, Firing, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def begins(key: str, kind: str, **fields: Any) -> dict[str, Any]:
    return node(key, "start", **event(kind, **fields))


def shop(**fields: Any) -> Any:
    return register(
        node("by_hand", "start"),
        begins("ordered", "message", name="New order")
        | {"output_mapping": {"total": "output.total * 2"}},
        step("look", "by_hand"),
        step("pack", "ordered"),
        key="shop",
        **fields,
    )


def runs(key: str) -> list[Execution]:
    return [drained(one) for one in Execution.objects.filter(workflow__key=key).order_by("pk")]


def test_a_start_by_hand_begins_where_no_event_does_and_a_message_only_its_own_path() -> None:
    make_agent()
    shop()
    by_hand = drained(engine.start_workflow("shop", {}))
    assert states(by_hand) == {"look": "completed"}
    assert engine.publish_message("New order", {"total": 7})
    told = runs("shop")[1]
    assert (told.state, states(told)) == ("completed", {"pack": "completed"})
    assert told.variables["total"] == 14
    assert told.input == {"total": 7}
    created = told.audit_events.get(seq=1)
    assert created.data["start"] == "ordered"
    assert created.data["cause"]["name"] == "New order"
    assert not BufferedMessage.objects.exists()


def test_a_message_goes_to_who_waits_then_to_a_start_then_into_the_buffer() -> None:
    make_agent()
    shop()
    waiting = drained(
        start(node("wait", "catch", **event("message", name="New order")), key="other")
    )
    assert engine.publish_message("New order", {"total": 1})
    assert drained(waiting).state == "completed"
    assert not Execution.objects.filter(workflow__key="shop").exists()
    assert engine.publish_message("New order", {"total": 1})
    assert len(runs("shop")) == 1
    assert not engine.publish_message("Another", {"total": 1})
    assert BufferedMessage.objects.get().name == "Another"


def test_a_signal_starts_all_that_begin_with_it_and_wakes_who_waits() -> None:
    make_agent()
    for key in ("one", "two"):
        register(begins("go", "signal", name="morning"), step("a", "go"), key=key)
    waiting = drained(start(node("wait", "catch", **event("signal", name="morning")), key="third"))
    assert engine.publish_signal("morning") == 3
    assert [one.state for key in ("one", "two") for one in runs(key)] == ["completed"] * 2
    assert drained(waiting).state == "completed"


def test_one_execution_starts_another_by_a_message_in_the_name_of_its_requester() -> None:
    make_agent()
    shop()
    bob = make_user("bob")
    sends = node("send", "end", **event("message", name="New order", payload={"total": "4"}))
    register(step("a"), sends | {"dependencies": ["a"]}, key="front")
    drained(engine.start_workflow("front", {}, by=bob))
    (told,) = runs("shop")
    assert told.requested_by == bob
    assert told.variables["total"] == 8
    assert Firing.objects.get(execution=told).depth == 1
    assert not Delivery.objects.exists()


def test_workflows_that_start_each_other_by_messages_do_not_go_round_for_ever() -> None:
    register(
        node("hand", "start"),
        begins("again", "message", name="again"),
        node("send", "end", "hand", "again", join="one", **event("message", name="again")),
        key="round",
    )
    engine.start_workflow("round", {})
    assert len(runs("round")) == 11
    assert Firing.objects.get(outcome="refused").problems[0].startswith("10 workflows have started")


def test_times_start_a_process_as_often_as_they_say_and_no_longer(clock: Clock) -> None:
    make_agent()
    register(begins("often", "timer", cycle="R2/PT1H"), step("a", "often"), key="clockwork")
    for expected in (1, 2, 2):
        clock.shift(3_601)
        timers.fire_due()
        assert len(runs("clockwork")) == expected
    assert Trigger.objects.get().next_due_at is None


def test_a_start_by_cron_is_a_schedule_in_its_zone_and_goes_with_the_version() -> None:
    make_agent()
    timer = {"cron": "30 7 * * MON-FRI", "zone": "Asia/Shanghai"}
    register(begins("daily", "timer", **timer), step("a", "daily"), key="flow")
    (trigger,) = Trigger.objects.all()
    assert (trigger.kind, trigger.subject) == ("schedule", "30 7 * * MON-FRI")
    assert trigger.next_due_at is not None
    assert (trigger.next_due_at.hour, trigger.next_due_at.minute) == (23, 30)
    register(step("a"), key="flow")
    assert not Trigger.objects.exists()


def test_a_new_version_keeps_the_pause_of_a_start_that_it_keeps() -> None:
    make_agent()
    shop()
    trigger = Trigger.objects.get()
    triggers.pause(trigger.pk, by=None, reason="stocktaking")
    shop(variables={"new": 1})
    assert Trigger.objects.get().is_paused
    assert not engine.publish_message("New order", {"total": 7})
    assert Firing.objects.get().outcome == "paused"
    assert BufferedMessage.objects.get().name == "New order"
    register(begins("ordered", "message", name="Order"), step("pack", "ordered"), key="shop")
    assert Trigger.objects.get().subject == "Order"


def test_what_came_with_a_message_has_to_fit_the_start_input() -> None:
    shop(input_schema={"type": "object", "required": ["total"]})
    assert engine.publish_message("New order", {"sum": 7})
    assert (Firing.objects.get().outcome, Execution.objects.count()) == ("invalid", 0)


def test_conditions_start_a_process_when_somebody_tells_what_they_are_about() -> None:
    make_agent()
    register(begins("cold", "conditional", condition="degrees < 3"), step("heat", "cold"))
    assert engine.evaluate_conditions({"degrees": 20}) == []
    (started,) = engine.evaluate_conditions({"degrees": 1})
    assert drained(started).state == "completed"
    assert [one.outcome for one in Firing.objects.order_by("pk")] == ["filtered", "started"]


def test_any_of_several_events_begins_the_same_start() -> None:
    make_agent()
    parts = [{"type": "signal", "name": "bell"}, {"type": "message", "name": "mail"}]
    register(begins("either", "multiple", events=parts), step("a", "either"))
    engine.publish_signal("bell")
    engine.publish_message("mail")
    assert [states(one) for one in runs("flow")] == [{"a": "completed"}] * 2


def test_a_process_of_one_event_start_can_be_started_by_hand_and_one_of_two_asks_which() -> None:
    make_agent()
    register(begins("go", "signal", name="go"), step("a", "go"), key="one")
    assert drained(engine.start_workflow("one", {})).state == "completed"
    register(begins("x", "signal", name="x"), begins("y", "signal", name="y"), key="two")
    with pytest.raises(InvalidInput, match="begins only by events; say which start it is: x, y"):
        engine.start_workflow("two", {})
    assert drained(engine.start_workflow("two", {}, start="y")).state == "completed"
    with pytest.raises(InvalidInput, match="“z” is no start"):
        engine.start_workflow("two", {}, start="z")


def test_a_message_begins_one_workflow_only() -> None:
    shop()
    with pytest.raises(InvalidDefinition, match="begins “Shop” already"):
        register(begins("x", "message", name="New order"), key="rival")


def test_the_same_named_event_from_outside_begins_it_too() -> None:
    make_agent()
    register(begins("go", "message", name="order_created"), step("a", "go"), key="orders")
    (started,) = engine.publish_event("order_created", {"n": 1}, key="k1")
    assert engine.publish_event("order_created", {"n": 1}, key="k1") == [started]
    assert drained(started).state == "completed"
    assert Event.objects.get().name == "order_created"
