"""An execution's state, rebuilt from its audit rows alone; the same fold drives the time slider."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from workflows.models import AuditEvent, Execution, State


@dataclass(frozen=True, slots=True)
class Picture:
    """An execution after a number of rows: its state, its tasks' states by id, its variables."""

    seq: int = 0
    state: str = ""
    tasks: dict[int, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


class Disagreement(ValueError):
    """A row starts from a state that the rows before it did not lead to."""


def pictures(events: Iterable[AuditEvent]) -> Iterator[Picture]:
    """The picture after each row, in order. Raises Disagreement."""
    picture = Picture()
    for event in events:
        picture = _after(picture, event)
        yield picture


def at(execution: Execution, seq: int | None = None) -> Picture:
    """The picture after row `seq`, or after the last row."""
    events = execution.audit_events.order_by("seq")
    if seq is not None:
        events = events.filter(seq__lte=seq)
    last = deque([Picture()], maxlen=1)
    last.extend(pictures(events.iterator()))
    return last.pop()


def differences(execution: Execution) -> list[str]:
    """Where the tables and the audit log tell different stories, a sentence each."""
    picture = at(execution)
    execution.refresh_from_db()
    found = []
    if picture.state != execution.state:
        found.append(f"{execution} is {execution.state}; its audit says {picture.state}")
    if picture.variables != execution.variables:
        found.append(f"{execution}'s variables differ from its audit")
    for pk, key, state in execution.tasks.values_list("pk", "key", "state"):
        told = picture.tasks.get(pk, State.PENDING)
        if told != state:
            found.append(f"{key} is {state}; its audit says {told}")
    return found


def _after(picture: Picture, event: AuditEvent) -> Picture:
    picture = replace(picture, seq=event.seq)
    if event.kind == "execution.created":
        picture = replace(picture, variables=event.data.get("variables", {}))
    if event.data.get("set"):
        picture = replace(picture, variables={**picture.variables, **event.data["set"]})
    if event.kind == "task.opened" and event.task_id is not None:
        picture = replace(picture, tasks={**picture.tasks, event.task_id: State.PENDING})
    if event.new_state is None:
        return picture
    if event.entity_type == "execution":
        _agree(event, picture.state or None)
        return replace(picture, state=event.new_state)
    if event.entity_type == "task" and event.task_id is not None:
        _agree(event, picture.tasks.get(event.task_id, State.PENDING))
        return replace(picture, tasks={**picture.tasks, event.task_id: event.new_state})
    return picture


def _agree(event: AuditEvent, known: str | None) -> None:
    if event.old_state != known:
        raise Disagreement(f"Row {event.seq} starts from {event.old_state}; it was {known}.")
