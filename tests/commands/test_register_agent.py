from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agents.models import Agent
from tests.commands.conftest import Ran
from tests.factories import make_agent
from workflows.models import AgentSlot, AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def register_agent(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "agents", "register_agent")


def test_an_agent_is_registered(register_agent: Callable[..., Ran]) -> None:
    ran = register_agent(
        "--key", "a_1", "--name", "Echo", "--role", "reviewer", "--kind", "python",
        "--capabilities", "read, judge", "--max-concurrent", "4",
        "--config", '{"tool": "tests.echo"}', "--json",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.document == {
        "agent_id": "a_1", "created": True, "name": "Echo", "description": "", "role": "reviewer",
        "kind": "python", "capabilities": ["read", "judge"], "max_concurrent_tasks": 4,
        "status": "active", "config": {"tool": "tests.echo"}, "breaker_failures": 5,
        "breaker_cooldown_seconds": 30,
    }  # fmt: skip
    assert AgentSlot.objects.filter(agent_key="a_1").count() == 4
    assert AuditEvent.objects.get(entity_id="a_1").kind == "agent.registered"


def test_only_what_is_given_changes(register_agent: Callable[..., Ran]) -> None:
    make_agent()
    ran = register_agent("--key", "echo", "--max-concurrent", "2")
    agent = Agent.objects.get()
    assert ran.code == 0
    assert "Agent echo is changed" in ran.out
    assert (agent.name, agent.capabilities, agent.max_concurrent_tasks) == ("Echo", ["echo"], 2)


def test_the_configuration_may_come_from_a_file(
    register_agent: Callable[..., Ran], tmp_path: Path
) -> None:
    path = tmp_path / "agent.json"
    path.write_text('{"url": "https://api.example/x", "method": "GET"}')
    assert register_agent("--key", "api", "--kind", "http", "--config", f"@{path}").code == 0
    assert Agent.objects.get().config["method"] == "GET"


def test_everything_wrong_is_listed_at_once(register_agent: Callable[..., Ran]) -> None:
    ran = register_agent("--key", "no spaces", "--max-concurrent", "0", "--config", "{}", "--json")
    assert ran.code == 1
    assert len(ran.document["problems"]) == 3
    assert "The agent was not registered." in ran.err
    assert not Agent.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--key", "a", "--role", "king"),
        ("--key", "a", "--kind", "magic"),
        ("--key", "a", "--max-concurrent", "many"),
        ("--key", "a", "--config", "{"),
    ],
)
def test_bad_usage_has_its_own_exit_code(
    register_agent: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    ran = register_agent(*arguments)
    assert (ran.code, ran.out, Agent.objects.count()) == (2, "", 0)
