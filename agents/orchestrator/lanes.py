"""Keeps dispatch true to the agents: who serves which lane, with how many slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from agents import executors
from agents.models import Agent
from workflows.engine import breakers, transitions
from workflows.models import AgentSlot, Breaker, Lane, LaneMember

from . import selection

LANES_LOCK = 1 << 61


def serve_new_lane(*, instance: Lane, created: bool, **_: Any) -> None:
    """A new requirement was published: find who serves it."""
    if created:
        with transaction.atomic():
            _one_at_a_time()
            refresh_lane(instance, list(Agent.objects.all()), breakers.hold_still())


def refresh_agent(agent: Agent, *, by: AbstractBaseUser | None = None) -> list[transitions.Entry]:
    """An agent was registered or changed: its slots and every lane's members follow.

    The audit rows are still to append.
    """
    with transaction.atomic():
        _one_at_a_time()
        breakers.hold_still()  # before slots are locked, as sessions do
        entries = breakers.fit(
            agent.key, agent.breaker_failures, agent.breaker_cooldown_seconds, by=by
        )
        _fit_slots(agent)
        breakers.keep_trial_slot(agent.key)
        agents, states = list(Agent.objects.all()), breakers.hold_still()
        for lane in Lane.objects.select_for_update().order_by("pk"):
            refresh_lane(lane, agents, states)
    return entries


def refresh_repeatability() -> None:
    """Whether each agent may do work twice, as the code of this process says it now."""
    for agent in Agent.objects.only("key", "kind", "config"):
        is_repeatable = executors.is_repeatable(agent.kind, agent.config)
        stale = LaneMember.objects.filter(agent_key=agent.key).exclude(is_repeatable=is_repeatable)
        stale.update(is_repeatable=is_repeatable)


def forget_agent(key: str) -> None:
    """An agent was removed: no lane offers it any more; work in flight finishes."""
    with transaction.atomic():
        states = breakers.hold_still()
        breakers.forget(key)
        LaneMember.objects.filter(agent_key=key).delete()
        AgentSlot.objects.filter(agent_key=key, task__isnull=True, session__isnull=True).delete()
        AgentSlot.objects.filter(agent_key=key).update(is_retired=True)
        left = list(Agent.objects.exclude(key=key))
        for lane in Lane.objects.select_for_update().order_by("pk"):
            refresh_lane(lane, left, states)


def refresh_lane(lane: Lane, agents: list[Agent], states: Mapping[str, str]) -> None:
    """Recompute who serves a lane, and why the others do not; `states` are of the breakers."""
    wanted = selection.Requirement(lane.agent_key, lane.role, frozenset(lane.capabilities))
    reasons = {agent.key: selection.unfit(candidate(agent), wanted) for agent in agents}
    members = [agent for agent in agents if not reasons[agent.key]]
    _write_members(lane, members, states)
    rejected = [{"agent": key, "reason": why} for key, why in sorted(reasons.items()) if why]
    Lane.objects.filter(pk=lane.pk).update(rejected=rejected)


def candidate(
    agent: Agent, load: int = 0, breaker: str = Breaker.State.CLOSED
) -> selection.Candidate:
    """An agent as `selection` sees it, with `load` units taken."""
    return selection.Candidate(
        key=agent.key,
        role=agent.role,
        capabilities=frozenset(agent.capabilities),
        is_active=agent.status == Agent.Status.ACTIVE,
        load=load,
        cap=agent.max_concurrent_tasks,
        breaker=breaker,
    )


def _one_at_a_time() -> None:
    """A lane and an agent that are new at the same moment would not see each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LANES_LOCK])


def _write_members(lane: Lane, members: list[Agent], states: Mapping[str, str]) -> None:
    lane.members.exclude(agent_key__in=[agent.key for agent in members]).delete()
    LaneMember.objects.bulk_create(
        [
            LaneMember(
                lane=lane,
                agent_key=agent.key,
                capacity=agent.max_concurrent_tasks,
                is_repeatable=executors.is_repeatable(agent.kind, agent.config),
                breaker=states.get(agent.key, Breaker.State.CLOSED),
            )
            for agent in members
        ],
        update_conflicts=True,
        unique_fields=["lane", "agent_key"],
        update_fields=["capacity", "is_repeatable", "breaker"],
    )


def _fit_slots(agent: Agent) -> None:
    """As many usable slots as the cap; slots above it retire, free ones at once."""
    slots = AgentSlot.objects.select_for_update().filter(agent_key=agent.key)
    usable = sorted(slots.order_by("is_retired", "session", "task", "pk"), key=_is_used_less)
    keep = usable[: agent.max_concurrent_tasks]
    surplus = usable[agent.max_concurrent_tasks :]
    AgentSlot.objects.filter(pk__in=[slot.pk for slot in keep]).update(is_retired=False)
    AgentSlot.objects.filter(pk__in=[slot.pk for slot in surplus]).update(is_retired=True)
    AgentSlot.objects.bulk_create(
        AgentSlot(agent_key=agent.key) for _ in range(agent.max_concurrent_tasks - len(keep))
    )


def _is_used_less(slot: AgentSlot) -> tuple[bool, bool, bool]:
    """Orders slots by how much they are to be kept; one on which a trial runs before others."""
    is_free = slot.session is None and slot.task is None
    return slot.is_retired, is_free, not slot.is_trial
