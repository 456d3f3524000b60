from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from agents import runner, tools
from tests.engine.conftest import at_work, let_leases_run_out, together, wait_for_end
from tests.factories import chain, kinds, make_agent, start, states, step, task
from tests.ops.waiting import until
from tests.tools import Gate
from workflows import clock
from workflows.engine import advancing, claiming, sessions, timers, transitions
from workflows.models import AgentSlot, Execution, Session

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = {"max_retries": 2, "initial_delay": 0, "jitter": 0}


def ending_of_a_worker() -> int:
    """How a worker process ends that is forked, as django-q2 forks them, and drains the queue."""
    child = os.fork()
    if child == 0:
        try:
            connection.connection = None  # the parent's: neither used nor closed here
            runner.drain()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    wait_for_the_end_of_sessions()
    return os.waitstatus_to_exitcode(status)


def wait_for_the_end_of_sessions() -> None:
    """PostgreSQL needs a moment to notice that a client is gone: wait for the locks it held."""
    for session in Session.objects.values_list("pk", flat=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [sessions.SESSION_LOCKS + session])
            cursor.execute("SELECT pg_advisory_unlock(%s)", [sessions.SESSION_LOCKS + session])


def in_a_dying_worker(want: int = 1) -> list[advancing.Work]:
    """Work lent to a session whose connection is gone."""
    found: list[advancing.Work] = []

    def live_and_die() -> None:
        found.extend(advancing.exchange(sessions.open_session(), [], want))

    together(live_and_die)
    wait_for_the_end_of_sessions()
    return found


def fences(execution: Execution) -> list[int]:
    rows = execution.audit_events.filter(kind="task.assigned").order_by("seq")
    return [row.lease_token for row in rows]


def test_a_living_session_is_left_alone() -> None:
    make_agent()
    execution = start(*chain("a"))
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    assert together(sessions.reap) == [0]
    assert sessions.reap(session) == 0, "its own lock looks free to itself"
    assert Session.objects.filter(pk=session).exists()
    assert sessions.renew(session)
    advancing.report(session, [(work, advancing.Completed({}))])
    sessions.close_session(session)
    assert states(execution) == {"a": "completed"}


def test_of_many_wake_ups_at_once_a_host_keeps_as_many_sessions_as_it_has_slots() -> None:
    asked, answered = threading.Barrier(6), threading.Barrier(6)

    def wake_up() -> bool:
        connection.ensure_connection()
        asked.wait()
        try:
            sessions.open_session(slots=2)
            return True
        except sessions.NoFreeSlot:
            return False
        finally:
            answered.wait()  # a connection that closes gives its slot back

    assert sorted(together(*[wake_up] * 6)) == [False] * 4 + [True] * 2


def test_a_session_whose_work_was_taken_back_is_lent_nothing() -> None:
    make_agent()
    start(*chain("a"))
    session = sessions.open_session()
    Session.objects.filter(pk=session).update(expires_at=clock.now() - timedelta(seconds=1))
    together(sessions.reap)
    with pytest.raises(claiming.LeaseLost):
        advancing.exchange(session, [], 1)


def test_nobody_takes_work_back_while_more_of_it_is_being_lent() -> None:
    make_agent()
    execution = start(*chain("a"), retry_policy=AT_ONCE)
    session = sessions.open_session()
    Session.objects.filter(pk=session).update(expires_at=clock.now() - timedelta(seconds=1))
    with transaction.atomic():
        assert len(advancing.exchange(session, [], 1)) == 1
        together(sessions.reap)
        assert Session.objects.filter(pk=session).exists()
    together(sessions.reap)
    assert states(execution) == {"a": "pending"}


def test_sessions_keep_their_leases_while_each_looks_after_the_others(
    gate: Callable[[str], Gate], settings: Any
) -> None:
    settings.HEARTBEAT_SECONDS = 0.1
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    with at_work(2):
        execution = start(*chain("a"))
        assert waiting.entered.wait(60)
        until(lambda: Session.objects.count() == 2)
        leases = dict(Session.objects.values_list("pk", "expires_at"))
        for _ in range(3):
            until(partial(all_renewed_since, leases))
            leases = dict(Session.objects.values_list("pk", "expires_at"))
        waiting.opened.set()
    assert states(execution) == {"a": "completed"}
    assert not Session.objects.exists()


def all_renewed_since(leases: dict[int, datetime]) -> bool:
    """Whether the sessions of then are those of now, and each has prolonged its lease meanwhile."""
    now = dict(Session.objects.values_list("pk", "expires_at"))
    assert set(now) == set(leases)
    return all(now[session] > until_then for session, until_then in leases.items())


def test_the_work_of_a_lost_connection_is_retried_with_a_higher_fence() -> None:
    make_agent(max_concurrent_tasks=1)
    execution = start(*chain("a"), retry_policy=AT_ONCE)
    (zombie,) = in_a_dying_worker()
    assert sessions.reap() == 1
    assert states(execution) == {"a": "pending"}
    assert not AgentSlot.objects.filter(session__isnull=False).exists()
    runner.drain()
    assert states(execution) == {"a": "completed"}
    assert fences(execution) == [1, 2]
    gone = sessions.open_session()
    advancing.report(gone, [(zombie, advancing.Completed({"from": "the zombie"}))])
    sessions.close_session(gone)
    assert task(execution, "a").output == {"attempt": 2}
    refused = execution.audit_events.latest("seq")
    assert (refused.kind, refused.data["output"]) == ("result.refused", {"from": "the zombie"})


def test_lost_work_is_retried_whatever_errors_are_retried() -> None:
    make_agent()
    execution = start(*chain("a"), retry_policy={**AT_ONCE, "retry_on": ["http_503"]})
    in_a_dying_worker()
    sessions.reap()
    runner.drain()
    assert states(execution) == {"a": "completed"}


def test_lost_work_has_no_more_attempts_than_the_task(gate: Callable[[str], Gate]) -> None:
    make_agent()
    execution = start(step("a", max_retries=1), retry_policy=AT_ONCE)
    for lives in (2, 1):
        in_a_dying_worker()
        sessions.reap()
        with connection.cursor() as cursor:
            cursor.execute("SELECT workflows_fire_retries(10)")
        execution.refresh_from_db()
        assert (execution.state == "failed") == (lives == 1)
    assert execution.error == "A: The worker that ran it was lost, as at 2 of 2 attempts."
    assert fences(execution) == [1, 2]


def test_lost_work_has_the_retries_of_its_own_kind() -> None:
    make_agent()
    execution = start(
        *chain("a"), retry_policy={**AT_ONCE, "by_kind": {"http_503": {"max_retries": 9}}}
    )
    for _ in range(3):
        in_a_dying_worker()
        sessions.reap()
        timers.fire_due()
    execution.refresh_from_db()
    assert (execution.state, task(execution, "a").attempt) == ("failed", 3)
    assert execution.error == "A: The worker that ran it was lost, as at 3 of 3 attempts."


def test_only_attempts_whose_worker_was_lost_are_counted_so() -> None:
    make_agent(tool="tests.fail")
    execution = start(*chain("a"), retry_policy=AT_ONCE, input={"succeeds_at": 9})
    in_a_dying_worker()
    sessions.reap()
    timers.fire_due()
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    advancing.report(session, [(work, advancing.Broken("It broke."))])
    sessions.close_session(session)
    timers.fire_due()
    in_a_dying_worker()
    sessions.reap()
    assert task(execution, "a").error == "The worker that ran it was lost, as at 2 of 3 attempts."


def test_a_session_whose_lease_ran_out_loses_its_work_and_its_late_result(
    gate: Callable[[str], Gate],
) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate", max_concurrent_tasks=1)
    with at_work():
        execution = start(*chain("a"), retry_policy=AT_ONCE)
        assert waiting.entered.wait(60)
        let_leases_run_out()
        with at_work():
            waiting.opened.set()
            wait_for_end(execution)
            until(lambda: "result.refused" in kinds(execution))
    assert fences(execution) == [1, 2]
    assert kinds(execution).count("result.refused") == 1


def test_a_session_that_learns_of_its_loss_with_a_late_result_stores_it_once(
    gate: Callable[[str], Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, name = gate("a"), "tests.wait_at_gate"
    monkeypatch.setitem(tools._registered, name, replace(tools.get(name), inline=True))
    make_agent(tool="tests.wait_at_gate")
    with at_work():
        execution = start(*chain("a"), retry_policy={"max_retries": 0})
        assert waiting.entered.wait(60)
        let_leases_run_out()
        waiting.opened.set()
        until(lambda: "result.refused" in kinds(execution))
    assert kinds(execution).count("result.refused") == 1


def test_a_session_cut_off_by_the_server_is_reaped(gate: Callable[[str], Gate]) -> None:
    waiting = gate("a")
    make_agent(tool="tests.wait_at_gate")
    cut: list[BaseException] = []

    def work() -> None:
        try:
            runner.Slot(runner.End(float("inf"))).run()
        except Exception as error:  # noqa: BLE001 the session's end is what is looked for
            cut.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    execution = start(*chain("a"), retry_policy=AT_ONCE)
    assert waiting.entered.wait(60)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' "
            "AND pid <> pg_backend_pid() AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    assert sessions.reap() == 1
    waiting.opened.set()
    thread.join(60)
    with at_work():
        wait_for_end(execution)
    assert len(cut) == 1
    assert states(execution) == {"a": "completed"}
    assert fences(execution) == [1, 2]


def test_what_a_session_could_not_tell_the_pages_the_next_one_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_agent()
    execution = start(*chain("a"))
    told: set[int] = set()

    def break_at_the_end(*_: object, **__: object) -> None:
        if states(execution) == {"a": "completed"}:
            raise OperationalError

    monkeypatch.setattr(transitions, "doorbell", break_at_the_end)
    broken = runner.Slot(runner.End(float("inf")))
    with pytest.raises(OperationalError):
        broken.run(until_quiet=True)
    monkeypatch.setattr(transitions, "doorbell", lambda ids, *_, **__: told.update(ids))
    runner.Slot(runner.End(0.0), before=broken).run()
    assert execution.pk in told


def test_a_killed_process_loses_its_work_to_the_next_worker() -> None:
    make_agent(tool="tests.kill_the_worker")
    execution = start(*chain("a"), retry_policy=AT_ONCE, input={"survives_at": 2})
    assert ending_of_a_worker() == -signal.SIGKILL
    assert states(execution) == {"a": "running"}
    runner.drain()
    assert states(execution) == {"a": "completed"}
    assert task(execution, "a").output == {"attempt": 2}
    assert fences(execution) == [1, 2]


def test_poison_kills_two_workers_and_then_nothing_but_itself() -> None:
    make_agent(tool="tests.kill_the_worker")
    make_agent("other")
    execution = start(step("a", max_retries=2), retry_policy=AT_ONCE)
    other = start(step("b", capabilities=["other"], max_retries=5), key="other")
    deaths = [ending_of_a_worker() for _ in range(3)]
    assert deaths == [-signal.SIGKILL] * 2 + [0]
    execution.refresh_from_db()
    assert (execution.state, execution.error) == (
        "failed",
        "A: The process that ran it ended, and nothing else ran in it.",
    )
    assert (task(execution, "a").attempt, states(other)) == (3, {"b": "completed"})
