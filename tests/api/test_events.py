"""Events told by programs."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program, limited
from tests.factories import chain, register
from workflows import engine
from workflows.models import AuditEvent, Event, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def listening() -> None:
    """Of two workflows that wait for “ping”, one wants n to be above 1."""
    register(*chain("a"), key="all", triggers=["ping"])
    register(*chain("a"), key="some", triggers=[{"event": "ping", "filter": "n > 1"}])


def test_an_event_starts_what_waits_for_it_and_says_what_came_of_it(operator: Program) -> None:
    listening()
    answer = operator.post("events/ping", {"payload": {"n": 1}, "key": "k"})
    execution = Execution.objects.get()
    assert (answer.status, answer.body["payload"]) == (200, {"n": 1})
    told = [(one["workflow_id"], one["outcome"]) for one in answer.body["firings"]]
    assert told == [("all", "started"), ("some", "filtered")]
    assert answer.body["firings"][0]["execution_id"] == execution.pk
    assert answer.body["firings"][1]["problems"] == ["“n > 1” is false."]
    assert execution.requested_by == operator.user
    row = AuditEvent.objects.get(kind="event.received")
    assert (row.actor, row.data["token"]) == ("user:ada", operator.text[:12])


def test_the_same_key_is_the_same_event(operator: Program) -> None:
    listening()
    first = operator.post("events/ping", {"key": "k", "payload": {"n": 2}})
    again = operator.post("events/ping", {"key": "k", "payload": {"n": 9}})
    assert first.body == again.body
    assert (Event.objects.count(), Execution.objects.count()) == (1, 2)


def test_an_event_that_nobody_waits_for_is_kept(operator: Program) -> None:
    assert operator.post("events/pong").body["firings"] == []
    assert Event.objects.get().name == "pong"


def test_a_paused_intake_is_told(operator: Program) -> None:
    listening()
    engine.pause_intake("all", by=operator.user, reason="stock count")
    (one, _other) = operator.post("events/ping", {"payload": {"n": 1}}).body["firings"]
    assert (one["outcome"], one["execution_id"]) == ("refused", None)
    assert "paused by ada: stock count" in one["problems"][0]


def test_what_is_no_event_is_refused_and_not_kept(operator: Program) -> None:
    bodies = ({"payload": []}, {"key": ""}, {"key": "k" * 201}, {"key": 1}, {"more": 1}, b"{")
    for body in bodies:
        assert operator.post("events/ping", body).status in (400, 422)
    assert operator.post("events/1ping").status == 422
    assert not Event.objects.exists()


def test_strangers_viewers_and_tokens_without_the_scope_tell_nothing(
    operator: Program, auditor: Program, stranger: Program
) -> None:
    listening()
    for client in (stranger, auditor, limited(operator, "read", "operate", "decide", "agents")):
        assert client.post("events/ping").status == 403
    assert not Event.objects.exists()
