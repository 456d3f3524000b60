"""What must be true of an execution and its effects, however its workers have died."""

from __future__ import annotations

from collections import Counter

from tests import soundness
from tests.reliability.recorder import Effect
from workflows.models import AuditEvent, Decision, Execution, State


def broken_promises(execution: Execution, effects: list[Effect], *keys: str) -> list[str]:
    """A sentence each; `keys` are the steps that have an effect."""
    execution.refresh_from_db()
    found = soundness.violations()
    if execution.state != State.COMPLETED:
        found.append(f"{execution} is {execution.state}: {execution.error}")
    expected = {f"{execution.pk}:{key}:1" for key in keys}
    calls = Counter(effect.key for effect in effects)
    if set(calls) != expected:
        found.append(f"effects have the keys {sorted(calls)}, not {sorted(expected)}")
    for task in execution.tasks.filter(key__in=keys):
        found += _of_task(execution, task.key, calls[f"{execution.pk}:{task.key}:1"], task.attempt)
        found += _late(task.pk, [each for each in effects if each.key.split(":")[1] == task.key])
    return found + _of_decisions(execution)


def overlaps(agent_key: str, *, capacity: int) -> list[str]:
    """Moments at which, by the audit, an agent ran more tasks than it may."""
    found, running = [], set()
    for row in AuditEvent.objects.filter(entity_type="task").order_by("pk"):
        if row.new_state == State.RUNNING and row.agent_id == agent_key:
            running.add(row.task_id)
        elif row.old_state == State.RUNNING:
            running.discard(row.task_id)
        if len(running) > capacity:
            found.append(f"{agent_key} ran {sorted(running)} at {row.at_text}")
    return found


def _of_task(execution: Execution, key: str, calls: int, attempts: int) -> list[str]:
    recorded = execution.audit_events.filter(kind="task.assigned", data__key=key).count()
    found = []
    if recorded != attempts:
        found.append(f"{key} has {attempts} attempts, the audit {recorded}")
    if calls > recorded:
        found.append(f"{key} was called {calls} times in {recorded} recorded attempts")
    return found


def _late(task_id: int, effects: list[Effect]) -> list[str]:
    done = AuditEvent.objects.filter(task_id=task_id, kind="task.completed").first()
    return [
        f"attempt {effect.attempt} of {effect.key} began after the step was completed"
        for effect in effects
        if done is None or effect.at > done.at
    ]


def _of_decisions(execution: Execution) -> list[str]:
    counts = Counter(
        Decision.objects.filter(approval__execution=execution).values_list("approval", flat=True)
    )
    return [f"approval {one} was decided {n} times" for one, n in counts.items() if n != 1]
