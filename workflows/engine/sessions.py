"""Leases: a session is a worker slot at work, and its row is the lease of all that it runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from django.conf import settings
from django.db import connection, transaction

from workflows.graph.retry import LOST
from workflows.models import AgentSlot, Session, State, Task
from workflows.queue import SESSION_LOCKS, live_sessions

from . import advancing, claiming, transitions


class NoFreeSlot(Exception):
    """The host's work slots all have their session."""


def open_session(slots: int | None = None) -> int:
    """Begin a session on this connection, which then holds its advisory lock; the session's id.

    Lease times are the database's clock alone. Nobody sees the row before the lock is held: a
    session without its lock looks dead. Raises NoFreeSlot when this host has `slots` live ones:
    counted and opened one at a time, for of many wake-ups at once one too many would take the
    process that is left for canaries and short jobs.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if slots is not None:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SESSION_LOCKS])
            if live_sessions(socket.gethostname()) >= slots:
                raise NoFreeSlot
        cursor.execute(
            "INSERT INTO workflows_session("
            "host, pid, is_accepting, started_at, renewed_at, expires_at) "
            "VALUES (%s, %s, true, now(), now(), now() + %s * interval '1 second') RETURNING id",
            [socket.gethostname(), os.getpid(), settings.LEASE_SECONDS],
        )
        session_id: int = cursor.fetchone()[0]
        cursor.execute("SELECT pg_advisory_lock(%s)", [SESSION_LOCKS + session_id])
        cursor.execute(f"LISTEN {transitions.WORK_CHANNEL}")
    return session_id


def renew(session_id: int) -> bool:
    """Prolong the lease of everything the session runs; False when it has been taken away."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_session SET renewed_at = now(), "
            "expires_at = now() + %s * interval '1 second' WHERE id = %s AND expires_at > now()",
            [settings.LEASE_SECONDS, session_id],
        )
        return cursor.rowcount == 1


def close_session(session_id: int) -> None:
    """End a session that holds no work any more."""
    Session.objects.filter(pk=session_id).delete()
    with connection.cursor() as cursor:
        cursor.execute(f"UNLISTEN {transitions.WORK_CHANNEL}")
        cursor.execute("SELECT pg_advisory_unlock(%s)", [SESSION_LOCKS + session_id])


def reap(own: int | None = None) -> int:
    """Take back the work of dead sessions; how many tasks.

    A session is dead when its connection is gone (its advisory lock is free) or its lease ran out.
    `own` is the session of this connection, to which its own lock looks free.
    """
    lost = 0
    for session_id in _dead(own):
        lost += _take_back(session_id)
    return lost


def _dead(own: int | None) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM workflows_session WHERE id IS DISTINCT FROM %s AND (expires_at < now() "
            "OR pg_try_advisory_xact_lock(%s + id)) FOR UPDATE SKIP LOCKED",
            [own, SESSION_LOCKS],
        )
        return [row[0] for row in cursor.fetchall()]


def _take_back(session_id: int) -> int:
    with transaction.atomic():
        if not Session.objects.select_for_update().filter(pk=session_id).exists():
            return 0
        tasks = list(Task.objects.filter(session=session_id, state=State.RUNNING))
        transitions.lock_all(task.execution_id for task in tasks)
        advancing.report(session_id, [(claiming.in_hand(task), _lost(task)) for task in tasks])
        AgentSlot.objects.filter(session=session_id).update(session=None)
        Session.objects.filter(pk=session_id).delete()
        if tasks:
            transitions.doorbell([task.execution_id for task in tasks], work=True)
    return len(tasks)


def often_lost(works: Iterable[claiming.Work]) -> set[int]:
    """The tasks that were lost with their worker once and again, so that they may be the reason."""
    again = [work.task_id for work in works if work.attempt > 2]
    if not again:
        return set()
    lost = Task.objects.filter(pk__in=again, error_kind=LOST)
    return set(lost.values_list("pk", flat=True))


def _lost(task: Task) -> advancing.Broken:
    """Says how many of its attempts have ended so, once it is more than one."""
    text = "The worker that ran it was lost."
    failed = task.execution.audit_events.filter(task_id=task.pk, kind="task.failed")
    before = failed.filter(data__error_kind=LOST).count()
    if before:
        text = f"The worker that ran it was lost, as at {before + 1} of {task.attempt} attempts."
    return advancing.unreported(task, text, LOST)
