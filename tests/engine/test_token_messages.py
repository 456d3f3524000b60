"""Messages, signals and the choice between events, within and between executions."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Clock, together
from tests.engine.test_token_events import event
from tests.engine.test_tokens import drained
from tests.factories import make_agent, node, start, states, step
from workflows import engine
from workflows.models import BufferedMessage, Delivery, Subscription, Timer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_wakes_the_one_execution_that_waits_for_its_key() -> None:
    make_agent()
    ways = [
        node("paid", "catch", **event("message", name="payment", key="order"))
        | {"output_mapping": {"amount": "output.amount"}},
        step("ship", "paid"),
    ]
    first = drained(start(*ways, input={"order": "A1"}))
    second = drained(start(*ways, input={"order": "B2"}))
    assert engine.publish_message("payment", {"amount": 7}, key="B2")
    assert drained(second).state == "completed"
    assert second.variables["amount"] == 7
    assert drained(first).state == "running"
    assert Subscription.objects.get().key == "A1"


def test_an_early_message_is_kept_for_its_time_and_taken_by_the_first_that_waits(
    clock: Clock,
) -> None:
    assert not engine.publish_message("payment", {"amount": 7}, key="A1", ttl=60)
    assert not engine.publish_message("payment", {"amount": 8}, key="A1", ttl=600)
    clock.shift(61)
    ways = [
        node("paid", "catch", **event("message", name="payment", key="order"))
        | {"output_mapping": {"amount": "output.amount"}}
    ]
    execution = drained(start(*ways, input={"order": "A1"}))
    assert (execution.state, execution.variables["amount"]) == ("completed", 8)
    assert drained(start(*ways, input={"order": "A1"})).state == "running"
    assert not BufferedMessage.objects.exists()


def test_one_execution_sends_a_message_and_another_receives_it() -> None:
    make_agent()
    waiting = drained(
        start(
            node("order", "catch", **event("message", name="order", key="number")),
            key="shop",
            input={"number": 5},
        )
    )
    drained(
        start(
            step("a"),
            node(
                "send",
                "throw",
                "a",
                **event("message", name="order", key="n", payload={"from": "'me'"}),
            ),
            input={"n": 5},
        )
    )
    assert drained(waiting).state == "completed"
    assert waiting.tasks.get().output == {"from": "me"}


def test_a_signal_wakes_everyone_who_waits_for_it() -> None:
    ways = [node("bell", "catch", **event("signal", name="bell"))]
    waiting = [drained(start(*ways)) for _ in range(3)]
    assert engine.publish_signal("bell") == 3
    assert [drained(execution).state for execution in waiting] == ["completed"] * 3
    assert engine.publish_signal("bell") == 0


def test_the_first_event_behind_an_event_gateway_decides(clock: Clock) -> None:
    make_agent()
    ways = [
        node("which", "event_gateway"),
        node("answer", "catch", "which", **event("message", name="answer", key="id")),
        node("late", "catch", "which", **event("timer", duration="PT1M")),
        step("thank", "answer"),
        step("remind", "late"),
    ]
    execution = drained(start(*ways, input={"id": "x"}))
    assert engine.publish_message("answer", key="x")
    assert drained(execution).state == "completed"
    assert states(execution) == {"which": "completed", "thank": "completed"}
    assert not Timer.objects.exists()
    other = drained(start(*ways, input={"id": "y"}))
    clock.shift(61)
    assert drained(other).state == "completed"
    assert states(other) == {"which": "completed", "remind": "completed"}
    assert not Subscription.objects.exists()


def test_what_a_dead_process_left_undelivered_is_delivered_by_the_next_sweep() -> None:
    execution = drained(start(node("paid", "catch", **event("message", name="payment"))))
    Delivery.objects.create(
        kind="message", data={"name": "payment", "key": "", "payload": {"n": 1}, "ttl": 60}
    )
    assert drained(execution).state == "completed"
    assert not Delivery.objects.exists()


def test_a_message_sent_many_times_at_once_wakes_each_waiter_once() -> None:
    ways = [node("paid", "catch", **event("message", name="payment"))]
    waiting = [drained(start(*ways)) for _ in range(4)]
    results = together(*[lambda: engine.publish_message("payment")] * 6)
    assert all(isinstance(result, bool) for result in results), results
    assert [drained(execution).state for execution in waiting] == ["completed"] * 4
    assert BufferedMessage.objects.count() == 2
    assert not Delivery.objects.exists()
