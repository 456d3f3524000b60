from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from agents.executors import configuration
from agents.models import Agent
from config.demo.workforce import AGENTS
from tests.admin.conftest import Someone
from tests.admin.pages import filled, said
from tests.factories import chain, make_agent, register
from workflows.models import AgentSlot, AuditEvent, LaneMember

pytestmark = pytest.mark.django_db
LIST = "/admin/agents/agent/"


def address(agent: Agent) -> str:
    return f"{LIST}{agent.pk}/change/"


def save(client: Client, agent: Agent, **changes: Any) -> Any:
    return client.post(address(agent), {**filled(client, address(agent)), **changes})


def usable(key: str) -> int:
    return AgentSlot.objects.filter(agent_key=key, is_retired=False).count()


def recorded() -> list[tuple[str, str]]:
    events = AuditEvent.objects.filter(entity_type="agent", actor="user:mona").order_by("id")
    return list(events.values_list("kind", "entity_id"))


def test_a_new_agent_serves_at_once(modeller: Client) -> None:
    register(*chain("a"))
    response = modeller.post(f"{LIST}add/", {
        "key": "helper", "name": "Helper", "role": "worker", "kind": "python", "status": "active",
        "capabilities": "echo, more", "max_concurrent_tasks": 3,
        "config": '{"tool": "tests.echo"}',
    })  # fmt: skip
    assert response.status_code == 302
    assert Agent.objects.get().capabilities == ["echo", "more"]
    assert usable("helper") == 3
    assert LaneMember.objects.get().agent_key == "helper"
    assert recorded() == [("agent.registered", "helper")]


def test_dispatch_follows_a_change(modeller: Client) -> None:
    agent = make_agent(max_concurrent_tasks=5)
    register(*chain("a"))
    save(modeller, agent, max_concurrent_tasks=2, capabilities="other")
    assert usable("echo") == 2
    assert not LaneMember.objects.exists()
    assert recorded() == [("agent.changed", "echo")]


def test_saving_what_is_shown_changes_nothing(modeller: Client) -> None:
    for fields in AGENTS:
        agent = Agent.objects.create(**fields)
        assert save(modeller, agent).status_code == 302
    assert recorded() == []


def test_a_removed_agent_gets_no_more_work(modeller: Client) -> None:
    agent = make_agent()
    register(*chain("a"))
    response = modeller.post(f"{LIST}{agent.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert not Agent.objects.exists()
    assert not LaneMember.objects.exists()
    assert not AgentSlot.objects.exists()
    assert recorded() == [("agent.removed", "echo")]


def test_several_agents_are_removed_with_their_slots(modeller: Client) -> None:
    chosen = [make_agent("a").pk, make_agent("b").pk]
    modeller.post(LIST, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert not Agent.objects.exists()
    assert not AgentSlot.objects.exists()
    assert sorted(recorded()) == [("agent.removed", "a"), ("agent.removed", "b")]


def test_agents_are_set_offline_and_active_together(modeller: Client) -> None:
    register(*chain("a"))
    chosen = [make_agent().pk, make_agent("idle", status="offline").pk]
    response = modeller.post(LIST, {"action": "set_offline", "_selected_action": chosen})
    assert "1 agent changed." in said(response)
    assert set(Agent.objects.values_list("status", flat=True)) == {"offline"}
    assert not LaneMember.objects.exists()
    modeller.post(LIST, {"action": "set_active", "_selected_action": chosen})
    assert set(Agent.objects.values_list("status", flat=True)) == {"active"}
    assert LaneMember.objects.get().agent_key == "echo"
    assert len(recorded()) == 3


def test_an_operator_takes_an_agent_offline_but_adds_and_removes_none(someone: Someone) -> None:
    agent = make_agent()
    operator = someone("olga", "operator")
    operator.post(LIST, {"action": "set_offline", "_selected_action": agent.pk})
    agent.refresh_from_db()
    assert agent.status == "offline"
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{agent.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_list_shows_the_load(modeller: Client) -> None:
    make_agent(max_concurrent_tasks=4)
    AgentSlot.objects.filter(pk=AgentSlot.objects.first().pk).update(task=1)
    assert "1 / 4" in modeller.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("kind", "config", "complaint"),
    [
        ("python", "{}", "Name the tool"),
        ("python", '{"tool": "nope"}', "No tool is registered under the name “nope”"),
        ("python", '{"tool": }', "Line 1, column 10"),
        ("http", "{}", "Give the address"),
        ("http", '{"url": "ftp://x"}', "is not an http or https address"),
        ("http", '{"url": "https://{host}/x"}', "must be fixed"),
        ("http", '{"url": "${DATABASE_URL}/x"}', "only SIGNALBOX_…_URL may be named"),
        ("http", '{"url": "https://x", "method": "FETCH"}', "was expected"),
        ("http", '{"url": "https://x", "haeders": {}}', "is not a setting"),
        ("http", '{"url": "https://x", "headers": {"a": 1}}', "printable ASCII"),
        ("http", '{"url": "https://x", "accept": ["402"]}', "list of HTTP statuses"),
        ("http", '{"url": "https://x", "timeout_seconds": 0}', "a number up to"),
        ("http", '{"url": "https://x", "idempotent": "no"}', "true or false"),
        ("http", '{"url": "https://x", "body": 5}', "keys of the input"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_reason(
    modeller: Client, kind: str, config: str, complaint: str
) -> None:
    agent = make_agent()
    response = save(modeller, agent, kind=kind, config=config)
    assert response.status_code == 200
    assert complaint in " ".join(response.context["adminform"].form.errors["config"])
    agent.refresh_from_db()
    assert agent.config == {"tool": "tests.echo"}


def test_the_known_tools_are_named(modeller: Client) -> None:
    assert "tests.echo" in modeller.get(f"{LIST}add/").content.decode()


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent["key"])
def test_the_demos_agents_are_configured_well(agent: dict[str, Any]) -> None:
    assert configuration.problems(agent["kind"], agent["config"]) == []
