"""What piled up while nobody worked, and what an old snapshot keeps: a claim stays cheap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from agents import runner
from tests.engine.conftest import at_work
from tests.factories import chain, make_agent, register, step
from tests.ops.waiting import until
from workflows import engine, queue
from workflows.engine import advancing, sessions
from workflows.models import Execution, State, Task

pytestmark = pytest.mark.django_db(transaction=True)

PILE = 200


def test_a_pile_of_work_drains_and_new_urgent_work_does_not_wait_for_it() -> None:
    make_agent(max_concurrent_tasks=8)
    register(*chain("a", "b", "c"))
    pile = [engine.start_workflow("flow", {}) for _ in range(PILE)]
    assert queue.get_broker().waiting(queue.WORK_JOB) == queue.settings.WORKERS, (
        "a wake-up per slot, not per run"
    )
    urgent = engine.start_workflow("flow", {}, priority=4)
    with at_work(2):
        until(lambda: not _unfinished(urgent), 60)
        assert _unfinished(*pile), "it has not waited for the pile"
        until(lambda: not _unfinished(*pile), 60)
    assert not Task.objects.exclude(state=State.COMPLETED).exists()
    assert set(Task.objects.values_list("attempt", flat=True)) == {1}


def test_new_work_beside_a_pile_of_the_same_urgency_is_served_in_its_turn() -> None:
    make_agent()
    register(step("a"))
    runs = [engine.start_workflow("flow", {}) for _ in range(60)]
    session = sessions.open_session()
    served = [advancing.exchange(session, [], 10) for _ in range(6)]
    assert [work.execution_id for works in served for work in works] == [run.pk for run in runs]
    for works in served:
        advancing.report(session, [(work, advancing.Completed({})) for work in works])
    sessions.close_session(session)


def test_a_claim_under_an_old_snapshot_reads_only_what_has_died_since() -> None:
    """It keeps dead index entries, a page for dozens of tasks: a claim steps over these alone."""
    make_agent()
    register(*chain("a", "b", "c"))
    _pages_of_a_claim()  # the first one also reads the catalogue
    with an_idle_transaction():
        before = _pages_of_a_claim()
        for _ in range(PILE):
            engine.start_workflow("flow", {})
        runner.drain()
        assert _pages_of_a_claim() <= before + 3 * PILE / 10


@contextmanager
def an_idle_transaction() -> Iterator[None]:
    """A reader whose snapshot stays open, as a forgotten report's does."""
    with psycopg.connect(**_login()) as link:
        link.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        link.execute("SELECT count(*) FROM workflows_task")
        yield


def _login() -> dict[str, object]:
    wanted = connection.get_connection_params()
    return {name: wanted[name] for name in ("host", "user", "password", "dbname")}


def _unfinished(*runs: Execution) -> bool:
    numbers = [run.pk for run in runs]
    return Execution.objects.filter(pk__in=numbers, finished_at=None).exists()


def _pages_of_a_claim() -> int:
    """How many pages an empty-handed exchange touches."""
    session = sessions.open_session()
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) "
            "SELECT * FROM workflows_advance(%s, '[]', 10)",
            [session],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    sessions.close_session(session)
    return sum(
        int(number) for number in re.findall(r"(?:hit|read)=(\d+)", plan.split("Planning")[0])
    )
