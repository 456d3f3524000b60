"""The workforce: who is registered, who is online, how loaded each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Q, Sum

from agents.executors import EXECUTORS
from agents.models import Agent, Kind, Role
from workflows import clock
from workflows.engine import breakers, transitions
from workflows.errors import InvalidDefinition
from workflows.graph.validation import Problem
from workflows.models import AgentSlot
from workflows.models.definitions import KEY, KEY_PATTERN

from . import lanes

FIELDS = (
    "name",
    "description",
    "role",
    "kind",
    "capabilities",
    "max_concurrent_tasks",
    "status",
    "config",
    "breaker_failures",
    "breaker_cooldown_seconds",
)
BOUNDS = {
    "max_concurrent_tasks": (1, 10_000),
    "breaker_failures": (0, breakers.MOST_FAILURES),
    "breaker_cooldown_seconds": (1, breakers.LONGEST_COOLDOWN),
}
TAKEN = Q(session__isnull=False) | Q(task__isnull=False)  # by running work, or by a reservation


def register_agent(
    agent: Mapping[str, Any] | None = None, *, by: AbstractBaseUser | None = None, **fields: Any
) -> Agent:
    """Add an agent or change the one with the same key; the sketch's `agent_id` is understood.

    Raises InvalidDefinition that names every wrong field.
    """
    given = {**(agent or {}), **fields}
    key = given.get("key") or given.get("agent_id") or ""
    values = {name: given[name] for name in FIELDS if name in given}
    found = problems(key, values)
    if found:
        raise InvalidDefinition(found)
    with transaction.atomic():
        saved, created = Agent.objects.update_or_create(
            key=key, defaults={**values, "last_heartbeat": clock.of_database()}
        )
        changed(saved, by=by, kind="agent.registered" if created else "agent.changed")
    return saved


def changed(agent: Agent, *, by: AbstractBaseUser | None, kind: str = "agent.changed") -> None:
    """Record that an agent was added or changed, and let dispatch follow."""
    turned_off = lanes.refresh_agent(agent, by=by)
    transitions.record(
        [
            *turned_off,
            transitions.Entry(
                kind=kind,
                entity_type="agent",
                entity_id=agent.key,
                actor=transitions.actor(by),
                agent_id=agent.key,
                data={
                    "role": agent.role,
                    "kind": agent.kind,
                    "capabilities": agent.capabilities,
                    "max_concurrent_tasks": agent.max_concurrent_tasks,
                    "status": agent.status,
                    "breaker_failures": agent.breaker_failures,
                    "breaker_cooldown_seconds": agent.breaker_cooldown_seconds,
                },
            ),
        ]
    )
    transitions.doorbell([], "agents", work=True)


def problems(key: str, values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an agent as somebody described it."""
    found = []
    if not key:
        found.append(Problem("", "key", "Give the agent a key."))
    elif len(key) > 100 or not re.match(KEY_PATTERN, key):
        found.append(Problem(key, "key", f"{KEY.message} At most 100 characters."))
    for name, known in (
        ("role", Role.values),
        ("kind", Kind.values),
        ("status", Agent.Status.values),
    ):
        if name in values and values[name] not in known:
            expected = ", ".join(known)
            found.append(Problem(key, name, f"“{values[name]}” is none of {expected}."))
    for name, (least, most) in BOUNDS.items():
        number = values.get(name, least)
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            found.append(Problem(key, name, f"{number!r}; expected {least} to {most}."))
    capabilities = values.get("capabilities", [])
    if not _is_list_of_words(capabilities):
        found.append(Problem(key, "capabilities", "A list of words was expected."))
    return found


def beat() -> None:
    """The agents that run inside the workers are online as long as a worker is."""
    Agent.objects.filter(status=Agent.Status.ACTIVE, kind__in=list(EXECUTORS)).update(
        last_heartbeat=clock.in_database()
    )


def get_agent_load(agent_id: str) -> dict[str, Any]:
    """The sketch's load of one agent; {"error": …} when there is no such agent."""
    return next(iter(_loads(Agent.objects.filter(key=agent_id))), {"error": "Agent not found"})


def get_all_agents_status() -> list[dict[str, Any]]:
    """The sketch's load of every agent, in the order of their keys."""
    return _loads(Agent.objects.order_by("key"))


def _loads(agents: Iterable[Agent]) -> list[dict[str, Any]]:
    chosen = list(agents)
    counts = {
        row["agent_key"]: row
        for row in AgentSlot.objects.filter(agent_key__in=[agent.key for agent in chosen])
        .values("agent_key")
        .annotate(busy=Count("pk", filter=TAKEN), total=Sum("assigned_total"))
    }
    return [_load(agent, counts.get(agent.key, {"busy": 0, "total": 0})) for agent in chosen]


def _load(agent: Agent, counts: Mapping[str, Any]) -> dict[str, Any]:
    cap = agent.max_concurrent_tasks
    return {
        "agent_id": agent.key,
        "name": agent.name,
        "role": agent.role,
        "status": agent.status,
        "current_tasks": counts["busy"],
        "max_concurrent": cap,
        "load_percentage": counts["busy"] / cap * 100 if cap else 0,
        "total_assigned": counts["total"] or 0,
    }


def _is_list_of_words(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(item, str) for item in given)
