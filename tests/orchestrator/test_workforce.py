from __future__ import annotations

import pytest

from agents import orchestrator
from agents.models import Agent
from agents.orchestrator import workforce
from tests.factories import make_agent, make_user
from workflows.errors import InvalidDefinition
from workflows.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"key": ""}, {"key"}),
        ({"key": "a b"}, {"key"}),
        ({"key": "a\nb"}, {"key"}),
        ({"key": "x" * 101}, {"key"}),
        ({"role": "boss", "kind": "magic", "status": "busy"}, {"role", "kind", "status"}),
        ({"max_concurrent_tasks": 0}, {"max_concurrent_tasks"}),
        ({"max_concurrent_tasks": 10_001}, {"max_concurrent_tasks"}),
        ({"max_concurrent_tasks": True}, {"max_concurrent_tasks"}),
        ({"capabilities": "echo"}, {"capabilities"}),
        ({"capabilities": [1]}, {"capabilities"}),
    ],
)
def test_a_wrong_agent_is_refused_with_every_field(wrong: dict, fields: set[str]) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        orchestrator.register_agent({"key": "a", "name": "A", **wrong})
    assert {problem.field for problem in refused.value.problems} == fields
    assert not Agent.objects.exists()


def test_registering_again_changes_only_what_is_given_and_says_who_did() -> None:
    make_agent("echo", description="first")
    orchestrator.register_agent(agent_id="echo", max_concurrent_tasks=2, by=make_user("op"))
    agent = Agent.objects.get()
    assert (agent.description, agent.max_concurrent_tasks) == ("first", 2)
    row = AuditEvent.objects.latest("id")
    assert (row.kind, row.actor, row.data["max_concurrent_tasks"]) == (
        "agent.changed",
        "user:op",
        2,
    )


def test_agents_inside_the_workers_are_online_while_a_worker_is() -> None:
    make_agent("on")
    make_agent("off", status="offline")
    Agent.objects.update(last_heartbeat=None)
    workforce.beat()
    assert list(
        Agent.objects.filter(last_heartbeat__isnull=False).values_list("key", flat=True)
    ) == ["on"]
