"""An execution's state, rebuilt from its audit rows alone; the same fold drives the time slider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Case, F, JSONField, Q, When

from workflows.models import AuditEvent, Execution, State

AT_ONCE = 5000  # rows fetched from the database at a time


class Row(NamedTuple):
    """What the fold reads of an audit row; `data` only where it says more than the columns."""

    seq: int
    at: datetime
    kind: str
    entity_type: str
    task_id: int | None
    old_state: str | None
    new_state: str | None
    actor: str
    attempt: int | None
    agent_id: str | None
    data: dict[str, Any] | None

    @property
    def key(self) -> str:
        """The key of the step, where `data` is known."""
        return str((self.data or {}).get("key", ""))


COLUMNS = Row._fields[:-1]
SAYS_MORE = Q(kind__in=["execution.created", "token.passed"]) | Q(
    data__has_any_keys=["set", "error", "fork", "to", "went_to", "caught"]
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt at a task: `started_at` None when none has begun, `ended_at` when open."""

    number: int = 0
    agent: str = ""
    error: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


NONE_YET = Attempt()


@dataclass(frozen=True, slots=True)
class Picture:
    """An execution after a number of rows: its state, its tasks' states by id, its variables."""

    seq: int = 0
    state: str = ""
    tasks: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


class Disagreement(ValueError):
    """A row starts from a state that the rows before it did not lead to."""


def rows(execution_id: int, upto: int | None = None) -> Iterator[Row]:
    """An execution's rows in order, up to a number; ten thousand are read in a tenth of a second.

    Candidates and the like, most of what `data` holds, stay in the database.
    """
    events = AuditEvent.objects.filter(execution=execution_id).order_by("seq")
    if upto is not None:
        events = events.filter(seq__lte=upto)
    more = Case(When(SAYS_MORE, then=F("data")), output_field=JSONField())
    return map(Row._make, events.values_list(*COLUMNS, more).iterator(AT_ONCE))


def row_of(event: AuditEvent) -> Row:
    """What the fold reads of a row that was fetched whole."""
    return Row._make(getattr(event, name) for name in Row._fields)


def pictures(events: Iterable[Row]) -> Iterator[Picture]:
    """The picture after each row, in order. Raises Disagreement."""
    picture = Picture()
    for event in events:
        picture = last([event], _apart(picture))
        yield picture


def last(events: Iterable[Row], before: Picture | None = None) -> Picture:
    """The picture after all of the rows; `before` is written into. Raises Disagreement."""
    picture = before or Picture()
    seq, state = picture.seq, picture.state
    for event in events:
        seq = event.seq
        picture.variables.update(set_by(event))
        if event.kind == "task.opened" and event.task_id is not None:
            picture.tasks[event.task_id] = State.PENDING
        if event.new_state is None:
            continue
        if event.entity_type == "execution":
            _agree(event, state or None)
            state = event.new_state
        elif event.entity_type == "task" and event.task_id is not None:
            _move(picture, event, event.task_id)
    return replace(picture, seq=seq, state=state)


def at(execution: Execution, seq: int | None = None) -> Picture:
    """The picture after row `seq`, or after the last row. Raises Disagreement."""
    return last(rows(execution.pk, seq))


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


def set_by(event: Row) -> dict[str, Any]:
    """The variables that a row sets: those given at the start, or what a step put out."""
    if not event.data:
        return {}
    given = event.data.get("variables") if event.kind == "execution.created" else None
    return {**(given or {}), **(event.data.get("set") or {})}


def _apart(picture: Picture) -> Picture:
    return replace(
        picture,
        tasks=picture.tasks.copy(),
        attempts=picture.attempts.copy(),
        variables=picture.variables.copy(),
    )


def _move(picture: Picture, event: Row, task_id: int) -> None:
    _agree(event, picture.tasks.get(task_id, State.PENDING))
    picture.tasks[task_id] = str(event.new_state)
    picture.attempts[task_id] = _attempt(picture.attempts.get(task_id, NONE_YET), event)


def _agree(event: Row, known: str | None) -> None:
    if event.old_state != known:
        raise Disagreement(f"Row {event.seq} starts from {event.old_state}; it was {known}.")


def _attempt(before: Attempt, event: Row) -> Attempt:
    number, agent = event.attempt or before.number, event.agent_id or before.agent
    if event.new_state == State.RUNNING and event.old_state == State.PENDING:
        return Attempt(number, agent, started_at=event.at)
    is_open = event.new_state in (State.RUNNING, State.PAUSED, State.PENDING)
    error = (event.data or {}).get("error", "") if event.new_state == State.FAILED else before.error
    return Attempt(number, agent, error, before.started_at, None if is_open else event.at)
