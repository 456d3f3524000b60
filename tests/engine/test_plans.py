"""The cost of a step: one statement for each exchange, and no scan of what has been."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import housekeeping, runner
from tests.engine.conftest import Clock
from tests.factories import chain, make_agent, register, start, step
from workflows import engine
from workflows.engine import advancing, claiming, lookout, sessions

pytestmark = pytest.mark.django_db(transaction=True)

# BEGIN, row, lock, LISTEN, COMMIT; one exchange; and BEGIN, row, COMMIT, UNLISTEN, unlock.
OF_THE_SESSION = 11
HISTORY = """
INSERT INTO workflows_execution(id, workflow_id, version_id, state, priority, input, variables,
    variables_version, open_tasks, created_at, finished_at)
SELECT n + 1000000, %(workflow)s, %(version)s, 'completed', 2, '{}', '{}', 0, 0, now(), now()
FROM generate_series(1, 4000) n;
INSERT INTO workflows_task(id, execution_id, node, key, name, kind, lane, state, priority, needs,
    waits_on, is_ready, attempt, max_attempts, fence, created_at)
SELECT (n + 1000000)::bigint << 20 | k, n + 1000000, k, 'k' || k, 'K', 'agent', 1, 'completed', 2,
    0, 0, false, 1, 1, 1, now()
FROM generate_series(1, 4000) n, generate_series(0, 4) k;
INSERT INTO workflows_auditevent(execution_id, seq, at, at_text, kind, entity_type, entity_id,
    actor, data, data_digest, previous_hash, hash)
SELECT n + 1000000, k, now(), '', 'task.completed', 'task', '', 'system', '{}', '', '', ''
FROM generate_series(1, 4000) n, generate_series(1, 5) k;
ANALYZE workflows_execution; ANALYZE workflows_task; ANALYZE workflows_auditevent;
"""


@pytest.fixture
def _everything_is_sound() -> None:
    """The made-up history here has neither hashes nor a chain."""


def test_an_exchange_is_one_statement_however_much_it_does() -> None:
    make_agent()
    register(step("a"), *(step(f"b{number}", "a") for number in range(20)))
    engine.start_workflow("flow")
    session = sessions.open_session()
    (first,) = advancing.exchange(session, [], 50)
    with CaptureQueriesContext(connection) as queries:
        works = advancing.exchange(session, [(first, advancing.Completed({}))], 50)
    assert (len(works), len(queries)) == (20, 1)
    with CaptureQueriesContext(connection) as queries:
        advancing.exchange(session, [(work, advancing.Completed({})) for work in works], 50)
    assert len(queries) == 1
    sessions.close_session(session)


def test_a_start_costs_the_same_for_small_and_large_workflows() -> None:
    counts = []
    for size in (1, 200):
        register(*(step(f"a{number}") for number in range(size)), key=f"flow{size}")
        engine.start_workflow(f"flow{size}")
        with CaptureQueriesContext(connection) as queries:
            engine.start_workflow(f"flow{size}")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_no_table_of_history_is_scanned_by_the_engine() -> None:
    make_agent()
    version = register(
        *chain("a", "b", "c"),
        step("d", timeout_seconds=60),
        step("e", "d", output_mapping={"n": "1"}),
        timeout_minutes=5,
    )
    with connection.cursor() as cursor:
        for statement in HISTORY.split(";\n"):
            cursor.execute(statement, {"workflow": version.workflow_id, "version": version.pk})
    engine.start_workflow("flow")
    runner.drain()
    before = scans()
    executions = [engine.start_workflow("flow") for _ in range(5)]
    engine.pause(executions[0].pk, by=None)
    engine.resume(executions[0].pk, by=None)
    engine.cancel(executions[1].pk, by=None)
    runner.drain()
    engine.get_execution_status(executions[2].pk)
    assert scans() == before
    executions[2].refresh_from_db()
    assert executions[2].state == "completed"


def test_an_exchange_does_not_look_at_what_others_run() -> None:
    make_agent()
    start(*chain("a", "b", "c"))
    session = sessions.open_session()
    works = advancing.exchange(session, [], 1)
    works = advancing.exchange(session, [(works[0], advancing.Completed({}))], 1)
    with connection.cursor() as cursor:  # the plans were made while hardly anything ran
        cursor.execute(
            "INSERT INTO workflows_task(id, execution_id, node, key, name, kind, lane, state, "
            "priority, needs, waits_on, is_ready, attempt, max_attempts, fence, created_at, "
            "session) SELECT (n + 1000000)::bigint << 20, n + 1000000, 0, 'a', 'A', 'agent', 1, "
            "'running', 2, 0, 0, false, 1, 1, 1, now(), 999999 FROM generate_series(1, 5000) n"
        )
    read = reads()
    works = advancing.exchange(session, [(works[0], advancing.Completed({}))], 1)
    assert reads() - read < 50
    advancing.report(session, [(works[0], advancing.Completed({}))])
    sessions.close_session(session)


def test_ageing_reads_only_what_has_waited_long(clock: Clock) -> None:
    register(step("a"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_task(id, execution_id, node, key, name, kind, lane, state, "
            "priority, needs, waits_on, is_ready, waits_since, attempt, max_attempts, fence, "
            "created_at) SELECT (n + 1000000)::bigint << 20, n + 1000000, 0, 'a', 'A', 'agent', 1, "
            "'pending', 2, 0, 0, true, now(), 0, 1, 0, now() FROM generate_series(1, 20000) n"
        )
        cursor.execute("ANALYZE workflows_task")
    engine.start_workflow("flow")
    before = scans()
    with CaptureQueriesContext(connection) as queries:
        assert claiming.age() == 0
    assert len(queries) == 1
    read = reads()
    assert claiming.age() == 0
    assert reads() - read == 0, "20,000 tasks wait, and none of them long enough to be looked at"
    clock.shift(11 * 60)
    assert claiming.age() == claiming.RAISED_AT_ONCE
    assert reads() - read <= 2 * claiming.RAISED_AT_ONCE
    assert scans() == before


def reads() -> int:
    """How many rows of tasks have been fetched by index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'workflows_task'"
        )
        return cursor.fetchone()[0]


def scans() -> dict[str, int]:
    """How often each growing table has been read whole, as PostgreSQL counts it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname IN "
            "('workflows_task', 'workflows_auditevent', 'workflows_execution') ORDER BY relname"
        )
        return dict(cursor.fetchall())


def test_an_idle_tick_is_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TICK_SECONDS", 0.01)
    asked = of_an_idle_session(monkeypatch, looks=11)
    looks = [statement for statement in asked if "workflows_look" in statement]
    assert len(looks) > 10
    assert len(asked) - len(looks) == OF_THE_SESSION + 1, "it stands down as the sweeper"


def test_only_one_session_of_all_looks_often(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(housekeeping, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "STANDBY_SECONDS", 60.0)
    settings.HEARTBEAT_SECONDS = 60.0
    sweeper = connection.copy()
    with sweeper.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lookout.SWEEPER_LOCK])
    asked = of_an_idle_session(monkeypatch, looks=2, then=0.5)
    sweeper.close()
    assert sum("workflows_look" in statement for statement in asked) == 2
    assert len(asked) == OF_THE_SESSION + 2


def of_an_idle_session(monkeypatch: pytest.MonkeyPatch, looks: int, then: float = 0.0) -> list[str]:
    """The statements of a session that finds nothing to do.

    It is told to end `then` seconds after it has looked around so often.
    """
    end = runner.End(time.monotonic() + 60)
    bell = threading.Timer(then, end.come_now)
    look, views = lookout.look, list[lookout.View]()

    def counted(session: int, *, is_sweeper: bool) -> lookout.View:
        views.append(look(session, is_sweeper=is_sweeper))
        if len(views) == looks:
            bell.start()
        return views[-1]

    monkeypatch.setattr(lookout, "look", counted)
    with CaptureQueriesContext(connection) as queries:
        runner.Slot(end).run()
    bell.join()
    end.close()
    return [query["sql"] for query in queries]
