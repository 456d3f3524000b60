from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from agents import runner
from config.demo.workflows import ORDER_PROCESSING
from tests.engine.conftest import together
from tests.factories import chain, make_agent, make_user, register
from workflows import engine
from workflows.engine import firing, intake, triggers
from workflows.errors import InvalidDefinition, InvalidInput
from workflows.models import AuditEvent, Event, Execution, Firing, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {
    "order_id": "ORD-1",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
}


def listening(*, key: str = "flow", **settings: Any) -> Trigger:
    """A workflow of one step that an event “ping” starts."""
    version = register(*chain("a"), key=key, triggers=[{"event": "ping", **settings}])
    return Trigger.objects.get(workflow=version.workflow)


def outcomes() -> list[tuple[str, str, list[str]]]:
    """What came of every occasion: the workflow, the outcome, the reasons."""
    rows = Firing.objects.order_by("pk").select_related("workflow")
    return [(row.workflow.key, row.outcome, row.problems) for row in rows]


def test_an_order_starts_the_order_process_with_its_payload_as_input() -> None:
    engine.register_workflow(ORDER_PROCESSING)
    (execution,) = engine.publish_event("order_created", ORDER, by=make_user())
    assert execution.input == ORDER
    assert execution.workflow.key == "order_processing_v1"
    assert str(execution.requested_by) == "ada"
    created = execution.audit_events.get(kind="execution.created")
    event = Event.objects.get()
    trigger = Trigger.objects.get()
    assert created.actor == "system"
    assert created.data["cause"] == {
        "trigger": trigger.pk, "kind": "event", "event": event.pk, "name": "order_created",
    }  # fmt: skip
    received = AuditEvent.objects.get(kind="event.received")
    assert (received.actor, received.data["key"]) == ("user:ada", "order_created")


def test_an_event_starts_every_workflow_that_waits_for_it_and_no_other() -> None:
    for key in ("one", "two"):
        listening(key=key)
    register(*chain("a"), key="three", triggers=["pong"])
    started = engine.publish_event("ping", {"n": 1})
    assert [execution.workflow.key for execution in started] == ["one", "two"]
    assert Execution.objects.count() == 2


def test_an_event_that_nobody_waits_for_is_kept_all_the_same() -> None:
    assert engine.publish_event("ping") == []
    assert (Event.objects.get().name, Event.objects.get().payload) == ("ping", {})


def test_the_same_key_starts_once_and_gives_the_same_execution() -> None:
    trigger = listening()
    first = engine.publish_event("ping", {"n": 1}, key="k")
    assert engine.publish_event("ping", {"n": 2}, key="k") == first
    assert first[0].idempotency_key == f"trigger:{trigger.pk}:key:k"
    assert Execution.objects.count() == Event.objects.count() == 1
    assert len(engine.publish_event("ping", {"n": 1}, key="other")) == 1
    assert len(engine.publish_event("ping")) == len(engine.publish_event("ping")) == 1
    assert Execution.objects.count() == 4


def test_eight_deliveries_at_once_of_one_key_start_one_execution() -> None:
    listening()
    tell = lambda: engine.publish_event("ping", {"n": 1}, key="k")  # noqa: E731
    results = together(*[tell] * 8)
    assert {tuple(execution.pk for execution in result) for result in results} == {
        (Execution.objects.get().pk,)
    }
    assert AuditEvent.objects.filter(kind="event.received").count() == 1


def test_a_filter_that_says_no_starts_nothing_and_is_told() -> None:
    listening(filter="total > 100 && payload.total > 100")
    assert engine.publish_event("ping", {"total": 99}) == []
    assert len(engine.publish_event("ping", {"total": 101})) == 1
    assert outcomes() == [
        ("flow", "filtered", ["“total > 100 && payload.total > 100” is false."]),
        ("flow", "started", []),
    ]
    row = AuditEvent.objects.get(kind="firing.filtered")
    assert row.data["event"] == Event.objects.earliest("pk").pk


def test_a_mapping_makes_the_input() -> None:
    listening(mapping={"order_id": "'ORD-' + id", "count": "size(items)"})
    (execution,) = engine.publish_event("ping", {"id": "7", "items": [1, 2], "more": True})
    assert execution.input == {"order_id": "ORD-7", "count": 2}


def test_one_trigger_that_fails_does_not_stop_the_others() -> None:
    listening(key="first", filter="unknown > 1")
    register(
        *chain("a"), key="second", triggers=["ping"],
        input_schema={"required": ["a", "b"]},
    )  # fmt: skip
    listening(key="third")
    (execution,) = engine.publish_event("ping", {"n": 1})
    assert execution.workflow.key == "third"
    (failed, invalid, started) = outcomes()
    assert failed[:2] == ("first", "failed")
    assert "unknown" in failed[2][0]
    assert invalid == (
        "second", "invalid",
        ['input: "a" is a required property', 'input: "b" is a required property'],
    )  # fmt: skip
    assert started == ("third", "started", [])
    kinds = AuditEvent.objects.filter(entity_type="trigger", kind__in=(
        "firing.failed", "firing.invalid"))  # fmt: skip
    assert kinds.count() == 2


def test_a_paused_trigger_starts_nothing_and_says_why() -> None:
    trigger = listening()
    triggers.pause(trigger.pk, by=make_user(), reason="Stocktaking.")
    assert engine.publish_event("ping") == []
    assert outcomes() == [("flow", "paused", ["The trigger is paused. Stocktaking."])]
    triggers.resume(trigger.pk, by=None)
    assert len(engine.publish_event("ping")) == 1
    assert list(
        AuditEvent.objects.filter(kind__in=("trigger.paused", "trigger.resumed"))
        .order_by("pk").values_list("actor", flat=True)
    ) == ["user:ada", "system"]  # fmt: skip


def test_what_a_crash_leaves_between_the_event_and_its_starts_is_carried_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_agent()
    listening()
    with monkeypatch.context() as patch:
        patch.setattr(firing, "fire", _die)
        with pytest.raises(KeyboardInterrupt):
            engine.publish_event("ping", {"n": 1}, key="k")
    assert outcomes() == [("flow", "waiting", [])]
    runner.drain()
    (execution,) = engine.publish_event("ping", {"n": 1}, key="k")
    assert execution.state == "completed"
    assert Execution.objects.count() == 1


def _die(_: int) -> bool:
    raise KeyboardInterrupt


def test_an_unforeseen_error_is_an_outcome_and_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listening()
    monkeypatch.setattr(firing, "_cause", lambda *_: 1 / 0)
    assert engine.publish_event("ping") == []
    assert outcomes() == [("flow", "failed", ["ZeroDivisionError: division by zero"])]
    assert firing.fire_waiting() == 0


def test_every_problem_of_an_event_is_listed() -> None:
    with pytest.raises(InvalidInput) as refused:
        engine.publish_event("not a name", [1], key="k" * 201)  # type: ignore[arg-type]
    name, key, payload = refused.value.problems
    assert name.startswith("name: 'not a name' is no name of an event")
    assert key.startswith("key: 'kkk")
    assert payload == "payload: [1] is not a JSON object"
    assert not Event.objects.exists()


def test_what_postgresql_cannot_store_does_not_lose_the_event() -> None:
    listening()
    (execution,) = engine.publish_event("ping", {"text": "a\0b\ud800"})
    assert execution.input == {"text": "ab?"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"event": "no spaces"}, "Trigger 1, event: 'no spaces' is no name of an event"),
        ({"event": "x", "filter": "1 +"}, "Trigger 1, filter: “1 +”"),
        ({"event": "x", "mapping": {"a": "("}}, "Trigger 1, mapping: “(”"),
        ({"event": "x", "mapping": {"a": 5}}, "Trigger 1, mapping: 5 is no expression"),
        ({"event": "x", "mapping": "a"}, "Trigger 1, mapping: An object was expected"),
        ({"event": "x", "fliter": "true"}, "Trigger 1, fliter: “fliter” is no setting"),
        ({"kind": "webhook"}, "Trigger 1, kind: 'webhook' is none of event, schedule"),
        (5, "Trigger 1, triggers: 5 is neither the name of an event nor an object."),
    ],
)
def test_each_setting_is_checked_when_a_workflow_is_registered(settings: Any, message: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(*chain("a"), triggers=[settings])
    assert any(message in str(problem) for problem in refused.value.problems)
    assert not Trigger.objects.exists()


def test_triggers_that_are_no_list_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="no list of triggers"):
        register(*chain("a"), triggers="ping")


def test_the_names_of_a_definition_become_event_triggers_and_go_with_it() -> None:
    register(*chain("a"), triggers=["ping", "pong"])
    ping = Trigger.objects.get(config__event="ping")
    Trigger.objects.filter(pk=ping.pk).update(config={**ping.config, "filter": "n > 1"})
    register(*chain("a"), triggers=["ping", "pang"])
    assert {one.config["event"] for one in Trigger.objects.all()} == {"ping", "pang"}
    ping.refresh_from_db()
    assert ping.config["filter"] == "n > 1"
    register(*chain("a"), triggers=[{"event": "ping", "filter": "n > 2"}])
    ping.refresh_from_db()
    assert ping.config["filter"] == "n > 2"
    assert Trigger.objects.count() == 1


def test_the_same_definition_again_changes_no_trigger_and_keeps_a_pause() -> None:
    trigger = listening(filter="n > 1")
    triggers.pause(trigger.pk, by=None)
    count = AuditEvent.objects.count()
    listening(filter="n > 1")
    trigger.refresh_from_db()
    assert trigger.is_paused
    assert AuditEvent.objects.count() == count


def test_an_event_costs_the_same_whatever_has_arrived(django_assert_max_num_queries: Any) -> None:
    listening()
    engine.publish_event("ping")
    with django_assert_max_num_queries(30):
        intake.receive_event("ping")
    assert connection.in_atomic_block is False


def test_a_workflow_whose_intake_is_paused_is_not_started_and_the_firing_says_why() -> None:
    listening()
    listening(key="other")
    engine.pause_intake("flow", by=make_user("ada"), reason="stock count")
    (started,) = engine.publish_event("ping", key="k")
    assert started.workflow.key == "other"
    why = "“Flow” takes no new starts. Its intake was paused by ada: stock count."
    assert outcomes() == [("flow", "refused", [why]), ("other", "started", [])]
    assert AuditEvent.objects.get(kind="firing.refused").data["problems"] == [why]
    engine.resume_intake("flow", by=None)
    assert engine.publish_event("ping", key="k") == [started], "what was refused is not made up for"
