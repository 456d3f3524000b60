"""What must hold between any two steps, read from outside: tables, counters, capacity and audit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from agents.models import Agent
from workflows.audit import rebuild
from workflows.graph.marking import Marking
from workflows.models import (
    FINAL,
    AgentSlot,
    Approval,
    AuditEvent,
    Execution,
    Session,
    State,
    Task,
    Timer,
)
from workflows.models.runs import task_id
from workflows.models.states import is_allowed


def violations() -> list[str]:
    """Every broken promise in the database at one moment, a sentence each."""
    with _one_moment():
        found = _of_chains() + _of_capacity()
        for execution in Execution.objects.order_by("pk"):
            found += rebuild.differences(execution) + _of_transitions(execution)
            found += of_tokens(execution) + _of_the_finished(execution)
        return found


@contextmanager
def _one_moment() -> Iterator[None]:
    """What workers change between two queries is no broken promise."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def hash_of(event: AuditEvent, data_digest: str) -> str:
    """The hash that docs/audit.md specifies for a row."""
    fields = [
        event.previous_hash,
        event.execution_id,
        event.seq,
        event.entity_type,
        event.entity_id,
        event.old_state,
        event.new_state,
        event.actor,
        event.attempt,
        event.agent_id,
        event.lease_token,
        event.at_text,
        data_digest,
    ]
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_chains() -> list[str]:
    found, last = [], defaultdict(lambda: (0, ""))
    for event in AuditEvent.objects.order_by("seq"):
        seq, previous = last[event.execution_id]
        if (event.seq, event.previous_hash) != (seq + 1, previous):
            found.append(f"row {event.seq} of {event.execution_id} does not follow row {seq}")
        if hash_of(event, event.data_digest) != event.hash:
            found.append(f"row {event.seq} of {event.execution_id} has another hash")
        last[event.execution_id] = (event.seq, event.hash)
    return found


def _of_transitions(execution: Execution) -> list[str]:
    moves = execution.audit_events.filter(new_state__isnull=False, old_state__isnull=False)
    return [
        f"row {move.seq} of {execution} goes from {move.old_state} to {move.new_state}"
        for move in moves
        if not is_allowed(move.old_state, move.new_state)
    ]


def of_tokens(execution: Execution) -> list[str]:
    tasks = list(execution.tasks.all())
    is_open = {
        task.pk: task.state in (State.RUNNING, State.PAUSED)
        or (task.state == State.PENDING and (task.waits_on == 0 or task.attempt > 0))
        for task in tasks
    }
    if sum(is_open.values()) != execution.open_tasks:
        return [f"{execution} counts {execution.open_tasks} open tasks; open are {is_open}"]
    return _of_marking(execution, tasks)


def _of_marking(execution: Execution, tasks: list[Task]) -> list[str]:
    """A token graph's marking and tables tell the same: open tasks, timers, subscriptions."""
    if execution.marking is None:
        return []
    marking = Marking.from_json(execution.marking)
    found = []
    live = {task.pk for task in tasks if task.state not in FINAL and task.state != State.FAILED}
    known = {task_id(execution.pk, seq) for seq in marking.open}
    if live - known or {task.pk for task in tasks if task.state in FINAL} & known:
        found.append(f"{execution} has {live} open; its marking says {known}")
    waited = {number for number, one in marking.armed.items() if one.kind != "conditional"}
    kept = set(execution.subscriptions.values_list("handler", flat=True))
    kept |= set(execution.timers.filter(kind="event").values_list("handler", flat=True))
    if waited != kept:
        found.append(f"{execution} waits for {kept}; its marking says {waited}")
    if marking.ended and (marking.open or marking.parked or marking.armed):
        found.append(f"{execution} has ended, and something is left of it")
    return found


def _of_the_finished(execution: Execution) -> list[str]:
    if not execution.is_final:
        return []
    left = execution.tasks.exclude(state__in=(State.COMPLETED, State.CANCELLED, State.FAILED))
    found = [f"{task.key} is {task.state} in a finished execution" for task in left]
    if Approval.objects.filter(execution=execution, state=Approval.State.OPEN).exists():
        found.append(f"an approval of the finished {execution} is open")
    if Timer.objects.filter(execution=execution).exists():
        found.append(f"a timer of the finished {execution} is set")
    return found


def _of_capacity() -> list[str]:
    found = []
    held = Counter(
        AgentSlot.objects.filter(session__isnull=False).values_list("session", "agent_key")
    )
    running = Counter(
        (task.session, task.agent_key)
        for execution in Execution.objects.all()
        for task in execution.tasks.filter(state=State.RUNNING, session__isnull=False)
        if task.agent_key
    )
    if held != running:
        found.append(f"slots are held as {dict(held)}; tasks run as {dict(running)}")
    for session, _ in held:
        if not Session.objects.filter(pk=session).exists():
            found.append(f"session {session}, which is gone, holds a slot")
    for agent in Agent.objects.all():
        usable = AgentSlot.objects.filter(agent_key=agent.key, is_retired=False).count()
        if usable != agent.max_concurrent_tasks:
            found.append(f"{agent.key} has {usable} slots, not {agent.max_concurrent_tasks}")
    return found
