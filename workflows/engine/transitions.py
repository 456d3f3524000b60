"""The only writer of a state: guarded update and audit rows together, in one transaction.

The hot path (`advance`, `start`) is one database function per call; an operator's or a
timer's move is the ORM under the execution's lock. docs/architecture.md has the lock order.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import Model

from workflows import json_text
from workflows.errors import IllegalTransition, StaleState, UnknownExecution
from workflows.models import AgentSlot, AuditHead, Execution, Task
from workflows.models.states import is_allowed

from . import arguments

SYSTEM = "system"
TAKEN_UP = (
    "id",
    "workflow_id",
    "version_id",
    "state",
    "parent_task",
    "variables",
    "marking",
)
LIVE_CHANNEL, WORK_CHANNEL = "signalbox_live", "signalbox_work"
WORDS_TOLD = 400  # in one notification, which holds 8,000 bytes
MOST_NAMED = 2000  # executions; of more, pages are told only that there are many

_token: ContextVar[str] = ContextVar("token", default="")


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit row to append. `task_id`, states and lease may be None."""

    kind: str
    entity_type: str
    entity_id: str
    actor: str
    execution_id: int | None = None
    task_id: int | None = None
    old_state: str | None = None
    new_state: str | None = None
    attempt: int | None = None
    agent_id: str | None = None
    lease_token: int | None = None
    data: Mapping[str, Any] | None = None


ENTRY = tuple(item.name for item in fields(Entry) if item.name != "data")


class Effect(NamedTuple):
    """A row of `advance`: "work" lent, a "stale" or "refused" result, or an "ended" run.

    What a kind of row does not tell is None in it: `sql/advance.sql` says which has what.
    """

    what: str
    task_id: int
    execution_id: int
    version_id: int
    position: int
    key: str
    lane: int
    attempt: int
    max_attempts: int
    fence: int
    agent_key: str
    state: str
    input: dict[str, Any] | None
    variables: dict[str, Any]
    variables_version: int


def actor(by: AbstractBaseUser | None) -> str:
    """How the audit names who acts: "user:ada", or "system" for None."""
    return f"user:{by.get_username()}" if by is not None else SYSTEM


@contextmanager
def with_token(prefix: str) -> Iterator[None]:
    """Rows recorded meanwhile say in `data.token` through which API token the person acts."""
    reset = _token.set(prefix)
    try:
        yield
    finally:
        _token.reset(reset)


def lock(execution_id: int) -> Execution:
    """The execution, locked until the transaction ends; raises UnknownExecution."""
    number = arguments.number(execution_id)
    head = AuditHead.objects.select_for_update().filter(execution_id=number)
    if not number or not head.exists():
        raise UnknownExecution(f"There is no execution {execution_id!r:.100}.")
    return Execution.objects.get(pk=number)


def move(
    subject: Execution | Task,
    new: str,
    *,
    by: str,
    reason: str = "",
    told: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Entry:
    """Write one legal transition of a locked subject and return its audit row, still to append.

    `told` is data for the row beside the reason.
    Raises IllegalTransition when the table forbids it, StaleState when the row has moved on.
    """
    only: Any = [subject]
    return move_all(only, new, by=by, told={**_reason(reason), **(told or {})}, **fields)[0]


def move_all(
    subjects: Sequence[Execution] | Sequence[Task],
    new: str,
    *,
    by: str,
    reason: str = "",
    told: Mapping[str, Any] | None = None,
    **fields: Any,
) -> list[Entry]:
    """`move` of many executions, or of many tasks: one statement for those of a state."""
    from_where = defaultdict[str, list[int]](list)
    for subject in subjects:
        if not is_allowed(subject.state, new):
            raise IllegalTransition(subject.state, new, str(subject))
        from_where[subject.state].append(subject.pk)
    for old, ids in from_where.items():
        rows = type(subjects[0])._default_manager.filter(pk__in=ids, state=old)
        if rows.update(state=new, **fields) != len(ids):
            raise StaleState()
    data = {**_reason(reason), **(told or {})}
    return [_moved(subject, new, by, data, fields) for subject in subjects]


def foreseen(
    subject: Execution, new: str, *, by: str, told: Mapping[str, Any] | None = None
) -> Entry:
    """The audit row of a legal transition of a locked execution that `advance_tokens` will write.

    The subject itself says the new state from now on. Raises IllegalTransition.
    """
    old = subject.state
    if not is_allowed(old, new):
        raise IllegalTransition(old, new, str(subject))
    subject.state = new
    return _entry_of(subject, old, new, by=by, told=told or {})


def lock_all(execution_ids: Iterable[int]) -> None:
    """Lock executions in the order of their ids, the one order in which they are ever locked."""
    wanted = sorted(set(execution_ids))
    _call(
        "SELECT 1 FROM workflows_audithead WHERE execution_id = ANY (%s) "
        "ORDER BY execution_id FOR NO KEY UPDATE",
        [wanted],
    )


def with_data(entry: Entry, **more: Any) -> Entry:
    """The audit row with more said in its data."""
    return replace(entry, data={**(entry.data or {}), **more})


def record(entries: Iterable[Entry]) -> None:
    """Append audit rows in this transaction."""
    rows = _rows(entries)
    if rows:
        _call("SELECT workflows_record(%s)", [json_text.stored(rows)])


def doorbell(execution_ids: Sequence[int] = (), *topics: str, work: bool = False) -> None:
    """Tell listening pages and, with `work`, waiting sessions: delivered when this commits.

    The topic `executions` stands for more of them than are named.
    """
    named = execution_ids if len(execution_ids) <= MOST_NAMED else ()
    words = [*map(str, named), *topics]
    if not words or len(named) < len(execution_ids):
        words.append("executions")
    told = [",".join(words[at : at + WORDS_TOLD]) for at in range(0, len(words), WORDS_TOLD)]
    _call("SELECT pg_notify(%s, each) FROM unnest(%s::text[]) AS each", [LIVE_CHANNEL, told])
    if work:
        wake_sessions()


def wake_sessions() -> None:
    """Let waiting sessions look for work and at the timers, once this commits."""
    _call("SELECT pg_notify(%s, '')", [WORK_CHANNEL])


def start(version_id: int, runs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert executions of a version with their tasks; their ids, in order. See sql/start.sql."""
    ids: list[int] = _call("SELECT workflows_start(%s, %s)", [version_id, _runs(runs)])[0][0]
    return ids


def start_if_open(version_id: int, run: Mapping[str, Any]) -> int | None:
    """`start` of one, and at the same time: None if the workflow takes no new starts.

    The row is inserted all the same: the caller undoes it. Starts share the workflow's row, pausing
    the intake waits for them; so no start commits after a pause did.
    """
    ids, is_open = _call(
        "SELECT workflows_start(%s, %s), (SELECT w.intake_paused_at IS NULL "
        "FROM workflows_workflow w JOIN workflows_version v ON v.workflow_id = w.id "
        "WHERE v.id = %s FOR KEY SHARE OF w)",
        [version_id, _runs([run]), version_id],
    )[0]
    number: int = ids[0]
    return number if is_open else None


def advance(
    session_id: int | None, outcomes: Sequence[Mapping[str, Any]], want: int
) -> list[Effect]:
    """One exchange with a session (None: a person's hand), as sql/advance.sql describes it."""
    rows = _call(
        "SELECT * FROM workflows_advance(%s, %s, %s)",
        [session_id, json_text.stored(outcomes), want],
    )
    return _effects(rows)


def take_up(
    session_id: int | None, task_ids: Sequence[int]
) -> tuple[list[Execution], dict[int, int]]:
    """The executions of tasks, locked, and the fences of the tasks that the session still runs.

    Only what routing a token graph reads of them is read: sql/take_up.sql.
    """
    rows = _call("SELECT * FROM workflows_take_up(%s, %s)", [session_id, list(task_ids)])
    executions, fences = [], dict[int, int]()
    for *plain, seen, marking, held in rows:
        known = dict(zip(TAKEN_UP, [*plain, _load(seen), _load(marking)], strict=True))
        names = [item.attname for item in Execution._meta.concrete_fields if item.attname in known]
        values = [known[name] for name in names]  # in the order of the model's fields
        executions.append(Execution.from_db(connection.alias, names, values))
        fences |= {int(pk): fence for pk, fence in (_load(held) or {}).items()}
    return executions, fences


def advance_tokens(
    session_id: int | None,
    outcomes: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    entries: Sequence[Entry],
    want: int,
) -> list[Effect]:
    """Settle outcomes, write what moved in locked token graphs, record it and lend what is next.

    sql/advance_tokens.sql. Raises StaleState when an outcome's task has moved on.
    """
    given = [json_text.stored(one) for one in (outcomes, tasks, runs, _rows(entries))]
    sql = "SELECT * FROM workflows_advance_tokens(%s, %s, %s, %s, %s, %s)"
    effects = _effects(_call(sql, [session_id, *given, want]))
    if any(effect.what == "refused" for effect in effects):
        raise StaleState()
    return effects


def move_tasks(moves: Sequence[Mapping[str, Any]]) -> None:
    """One legal move each, of tasks of locked executions; raises StaleState if one has moved on.

    The caller records the audit rows. See sql/move_tasks.sql.
    """
    count = _call("SELECT workflows_move_tasks(%s)", [json_text.stored(moves)])[0][0]
    if count != len(moves):
        raise StaleState()


def end(execution_id: int) -> str | None:
    """End a locked, running execution if nothing is left of it to do; the state it ended in."""
    return end_all([execution_id])[0]


def end_all(execution_ids: Sequence[int]) -> list[str | None]:
    """`end` of several, in their order."""
    sql = "SELECT workflows_end_one(n) FROM unnest(%s::bigint[]) WITH ORDINALITY AS u(n, place)"
    return [row[0] for row in _call(f"{sql} ORDER BY u.place", [list(execution_ids)])]


def let_go(tasks: Iterable[Task]) -> None:
    """Give back the capacity that tasks stand on which are taken from whoever runs them."""
    chosen = list(tasks)
    AgentSlot.objects.filter(task__in=[task.pk for task in chosen]).update(task=None)
    held: dict[int, Counter[str]] = defaultdict(Counter)
    for task in chosen:
        if task.session is not None and task.agent_key:
            held[task.session][task.agent_key] += 1
    for session_id, units in sorted(held.items()):
        given = [session_id, list(units), list(units.values())]
        _call("SELECT workflows_hold(%s, %s::text[], %s::integer[], '{}', '{}')", given)


def fire_retries(limit: int) -> list[int]:
    """Make tasks ready whose retry is due; the executions they belong to."""
    return [row[0] for row in _call("SELECT workflows_fire_retries(%s)", [limit])]


def age(minutes: float, limit: int) -> int:
    """Raise the rank of tasks that have waited so long at theirs; how many. See sql/age.sql."""
    raised: int = _call("SELECT workflows_age(%s, %s)", [minutes, limit])[0][0]
    return raised


def _effects(rows: Iterable[Any]) -> list[Effect]:
    return [
        Effect._make([*plain, _load(given), _load(seen), version])
        for *plain, given, seen, version in rows
    ]


def _moved(
    subject: Execution | Task, new: str, by: str, told: Mapping[str, Any], fields: dict[str, Any]
) -> Entry:
    """The subject says what has been written of it; the audit row of that."""
    old = subject.state
    for name, value in {"state": new, **fields}.items():
        setattr(subject, name, value)
    return _entry_of(subject, old, new, by=by, told=told)


def _reason(reason: str) -> dict[str, Any]:
    return {"reason": reason} if reason else {}


def _entry_of(subject: Model, old: str, new: str, *, by: str, told: Mapping[str, Any]) -> Entry:
    if isinstance(subject, Task):
        return Entry(
            kind=f"task.{new}",
            entity_type="task",
            entity_id=str(subject.pk),
            actor=by,
            execution_id=subject.execution_id,
            task_id=subject.pk,
            old_state=old,
            new_state=new,
            attempt=subject.attempt,
            agent_id=subject.agent_key or None,
            lease_token=subject.fence,
            data={"key": subject.key, **told},
        )
    return Entry(
        kind=f"execution.{new}",
        entity_type="execution",
        entity_id=str(subject.pk),
        actor=by,
        execution_id=subject.pk,
        old_state=old,
        new_state=new,
        data=told,
    )


def _rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [
        {name: getattr(entry, name) for name in ENTRY} | {"data": signed(entry.data or {})}
        for entry in entries
    ]


def _runs(runs: Sequence[Mapping[str, Any]]) -> str:
    return json_text.stored([{**run, "data": signed(run.get("data") or {})} for run in runs])


def signed(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a row tells, with the API token through which the person acts, if there is one."""
    return {**data, **({"token": _token.get()} if _token.get() else {})}


def _call(sql: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _load(value: Any) -> Any:
    if value == "{}":  # as most are
        return {}
    return json.loads(value) if isinstance(value, str) else value
