"""Assigning by hand: reserve an agent's slot for a task that a caller drives itself."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from agents.models import Agent
from workflows import clock
from workflows.engine import transitions
from workflows.models import AgentSlot, Execution, Lane, State, Task

from . import breakers, lanes, selection, workforce


def assign_task(task: Task | int) -> str | None:
    """Reserve a slot for a pending task and take it out of automatic dispatch.

    The agent's key, or None when nobody can serve it now. The choice and the reasons against the
    others are recorded.
    """
    number = task if isinstance(task, int) else task.pk
    with transaction.atomic():
        execution_id = Task.objects.values_list("execution_id", flat=True).get(pk=number)
        transitions.lock(execution_id)
        held = AgentSlot.objects.filter(task=number).first()
        if held is not None:
            return held.agent_key
        return _assign(Task.objects.get(pk=number))


def release_task(agent_id: str, task_id: int) -> None:
    """Give back what `assign_task` reserved; a task still pending is dispatched again."""
    with transaction.atomic():
        task = Task.objects.filter(pk=task_id).first()
        if task is None:
            return
        execution = transitions.lock(task.execution_id)
        freed = AgentSlot.objects.filter(agent_key=agent_id, task=task_id).update(
            task=None, session=None
        )
        if freed:
            _make_ready_again(execution, task_id)


def _assign(task: Task) -> str | None:
    if task.state != State.PENDING:
        return None
    choice = selection.choose(_candidates(), _requirement(task))
    slot = _free_slot(choice.chosen) if choice.chosen else None
    if slot is None:
        return None
    AgentSlot.objects.filter(pk=slot.pk).update(
        task=task.pk, assigned_total=F("assigned_total") + 1
    )
    Task.objects.filter(pk=task.pk).update(agent_key=slot.agent_key, is_ready=False)
    _record(task, slot.agent_key, choice)
    return slot.agent_key


def _candidates() -> list[selection.Candidate]:
    rows = {row["agent_id"]: row for row in workforce.get_all_agents_status()}
    states = breakers.get_breaker_states()
    return [
        lanes.candidate(agent, rows[agent.key]["current_tasks"], states[agent.key])
        for agent in Agent.objects.filter(key__in=rows).order_by("key")
    ]


def _requirement(task: Task) -> selection.Requirement:
    lane = Lane.objects.filter(pk=task.lane).first()
    if lane is None:
        return selection.Requirement()
    return selection.Requirement(lane.agent_key, lane.role, frozenset(lane.capabilities))


def _free_slot(key: str) -> AgentSlot | None:
    slots = AgentSlot.objects.select_for_update(skip_locked=True)
    return slots.filter(
        agent_key=key, task__isnull=True, session__isnull=True, is_retired=False
    ).first()


def _record(task: Task, key: str, choice: selection.Choice) -> None:
    reasons = [{"agent": name, "reason": why} for name, why in sorted(choice.reasons.items())]
    transitions.record(
        [
            transitions.Entry(
                kind="task.reserved",
                entity_type="task",
                entity_id=str(task.pk),
                actor="system",
                execution_id=task.execution_id,
                task_id=task.pk,
                agent_id=key,
                data={"key": task.key, "candidates": [{"agent": key}, *reasons]},
            )
        ]
    )
    transitions.doorbell([task.execution_id], "agents")


def _make_ready_again(execution: Execution, task_id: int) -> None:
    task = Task.objects.filter(pk=task_id, state=State.PENDING)
    task.filter(attempt=0).update(agent_key="")
    if execution.state in (State.PENDING, State.RUNNING):
        task.filter(waits_on=0).update(is_ready=True, waits_since=clock.in_database())
    transitions.doorbell([execution.pk], "agents", work=True)
