"""One function per chart: a query -> figures. None of them reads the whole history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from workflows import clock
from workflows.models import State

MOST = 999  # a count above it is shown as "999+"
WINDOW = 5000  # executions of a state that are looked through for one workflow's
RECENT = 20_000  # executions that the throughput looks at
MINUTES = 60


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution is: tasks at their end, tasks, and the step that matters now."""

    done: int
    total: int
    step: str
    step_state: str


@dataclass(frozen=True, slots=True)
class Throughput:
    """Executions finished per minute, oldest minute first."""

    series: tuple[int, ...]
    since: datetime

    @property
    def total(self) -> int:
        return sum(self.series)

    @property
    def is_cut(self) -> bool:
        """Whether more may have finished than were looked at."""
        return self.total >= RECENT

    @property
    def line(self) -> str:
        """Points of an SVG polyline in a box of 100 by 30."""
        highest, last = max(self.series) or 1, len(self.series) - 1
        return " ".join(
            f"{100 * at / last:.1f},{29 - 27 * count / highest:.1f}"
            for at, count in enumerate(self.series)
        )


def state_counts() -> dict[str, int]:
    """Executions by state, each counted up to MOST + 1."""
    sql = """
        SELECT wanted.state, (
            SELECT count(*) FROM (
                SELECT FROM workflows_execution x WHERE x.state = wanted.state LIMIT %(most)s
            ) AS counted)
        FROM unnest(%(states)s::text[]) AS wanted(state)
    """
    return dict(_rows(sql, {"most": MOST + 1, "states": list(State.values)}))


def state_counts_of(workflow_id: int) -> dict[str, str]:
    """A workflow's executions by state, among the newest of each state: "12", or "12+" if cut."""
    sql = """
        SELECT wanted.state, counted.mine, counted.seen = %(window)s
        FROM unnest(%(states)s::text[]) AS wanted(state) CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE newest.workflow_id = %(workflow)s) AS mine,
                count(*) AS seen
            FROM (
                SELECT x.workflow_id FROM workflows_execution x
                WHERE x.state = wanted.state ORDER BY x.id DESC LIMIT %(window)s
            ) AS newest
        ) AS counted
    """
    given = {"workflow": workflow_id, "window": WINDOW, "states": list(State.values)}
    return {state: f"{mine}{'+' * is_cut}" for state, mine, is_cut in _rows(sql, given)}


def progress(execution_ids: Sequence[int]) -> dict[int, Progress]:
    """How far each execution is, from its own range of task ids."""
    sql = """
        SELECT x.id, p.done, p.total, split_part(coalesce(p.step, ''), chr(31), 1),
            split_part(coalesce(p.step, ''), chr(31), 2)
        FROM unnest(%(ids)s::bigint[]) AS x(id) CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE t.state IN ('completed', 'cancelled')) AS done,
                count(*) AS total,
                (array_agg(t.name || chr(31) || t.state ORDER BY t.state = 'failed' DESC, t.id)
                    FILTER (WHERE t.state IN ('running', 'paused', 'failed')))[1] AS step
            FROM workflows_task t WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20
        ) AS p
    """
    rows = _rows(sql, {"ids": list(execution_ids)})
    return {execution: Progress(*figures) for execution, *figures in rows}


def throughput() -> Throughput:
    """What finished in each of the last sixty minutes, among the newest executions."""
    until = clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - timedelta(minutes=MINUTES)
    sql = """
        SELECT floor(extract(epoch FROM x.finished_at - %(since)s) / 60)::integer, count(*)
        FROM workflows_execution x
        WHERE x.id > (SELECT coalesce(max(id), 0) - %(recent)s FROM workflows_execution)
            AND x.finished_at >= %(since)s AND x.finished_at < %(until)s
        GROUP BY 1
    """
    found = dict(_rows(sql, {"since": since, "until": until, "recent": RECENT}))
    return Throughput(tuple(found.get(minute, 0) for minute in range(MINUTES)), since)


def latest_runs(workflow_ids: Sequence[int], each: int = 8) -> dict[int, list[tuple[int, str]]]:
    """The newest executions (id, state) of each workflow, newest last."""
    sql = """
        SELECT w.id, r.id, r.state
        FROM unnest(%(ids)s::bigint[]) AS w(id) CROSS JOIN LATERAL (
            SELECT x.id, x.state FROM workflows_execution x
            WHERE x.workflow_id = w.id ORDER BY x.id DESC LIMIT %(each)s
        ) AS r ORDER BY r.id
    """
    found: dict[int, list[tuple[int, str]]] = {}
    for workflow, execution, state in _rows(sql, {"ids": list(workflow_ids), "each": each}):
        found.setdefault(workflow, []).append((execution, state))
    return found


def _rows(sql: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchall()
