"""The only importer of django-q2: its tasks are wake-ups for work sessions, never steps.

What it does not survive by itself is mended here (docs/operations.md lists the measured faults):
locks that outlive their holder, polling, and a cluster that looks idle but is dead.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import socket
import tempfile
import threading
from datetime import timedelta
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.queues import Queue
from django_q.tasks import async_task

from workflows import clock
from workflows.models import QueuePulse, Session

CHANNEL = "signalbox_queue"
WORK_JOB = "agents.runner.work"
BATCH_JOB = "workflows.jobs.work_off_batches"
CANARY_JOB = "workflows.jobs.answer_canary"
FRESH_SECONDS = 30.0
LONGEST_WAIT = 5.0  # seconds a broker waits on LISTEN before it looks by itself
SESSION_LOCKS = 1 << 62  # session n holds the advisory lock SESSION_LOCKS + n; 0 guards the queue
LIVE_SESSIONS = """
    SELECT count(*) FROM workflows_session s
    WHERE s.is_accepting AND s.expires_at > now() AND (%(host)s::text IS NULL OR s.host = %(host)s)
        AND EXISTS (
            SELECT FROM pg_locks l
            WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                AND l.classid::bigint = %(space)s + (s.id >> 32)
                AND l.objid::bigint = s.id & 4294967295
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def wake() -> None:
    """Queue wake-ups, in the caller's transaction, if no session is there to take the work.

    Live sessions are woken by the doorbell of the transaction that made it.
    """
    if not live_sessions():
        _enqueue_slots(settings.WORKERS)


def fill_slots() -> None:
    """Queue a wake-up for each work slot of this host that has no live session."""
    _enqueue_slots(settings.WORKERS - live_sessions(socket.gethostname()))


def work_off_batches() -> None:
    """Queue a message, in the caller's transaction, that batches are to be worked off."""
    if not _queued(BATCH_JOB):
        async_task(BATCH_JOB, save=False)


def live_sessions(host: str | None = None) -> int:
    """How many sessions (of one host, or of all) accept work: leased, and with their connection."""
    with connection.cursor() as cursor:
        cursor.execute(LIVE_SESSIONS, {"space": SESSION_LOCKS >> 32, "host": host})
        count: int = cursor.fetchone()[0]
    return count


def send_canary() -> None:
    """Send a message through the whole queue; `canary_age` tells when one last came out."""
    now = clock.now()
    QueuePulse.objects.update_or_create(pk=1, defaults={"sent_at": now})
    if not _queued(CANARY_JOB):
        async_task(CANARY_JOB, save=False)


def canary_age() -> float | None:
    """Seconds since a canary last came out of the queue, None if none ever did."""
    answered = QueuePulse.objects.filter(pk=1).values_list("answered_at", flat=True).first()
    return (clock.now() - answered).total_seconds() if answered else None


def is_alive() -> bool:
    """Whether a canary or a session's renewal was seen in the last 30 seconds."""
    age = canary_age()
    if age is not None and age < FRESH_SECONDS:
        return True
    since = clock.now() - timedelta(seconds=FRESH_SECONDS)
    return Session.objects.filter(renewed_at__gt=since).exists()


def make_crash_proof() -> None:
    """Give django-q2 queues whose locks the kernel releases when their holder dies (its #23)."""
    import django_q.cluster

    django_q.cluster.Queue = RobustQueue
    from django_q.signals import post_spawn

    post_spawn.connect(_on_spawn, dispatch_uid="signalbox.wake")


class FileLock:
    """A lock between processes by flock(2): freed by the kernel when its holder is killed."""

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(prefix="signalbox-queue-")
        os.close(handle)
        Finalize(self, os.unlink, args=(self.path,), exitpriority=0)
        self._reset()

    def __getstate__(self) -> str:
        return self.path

    def __setstate__(self, path: str) -> None:
        self.path = path
        self._reset()

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        handle = self._handle()
        if not self._threads.acquire(block, -1 if timeout is None or not block else timeout):
            return False
        fcntl.flock(handle, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.flock(self._handle(), fcntl.LOCK_UN)
        self._threads.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _reset(self) -> None:
        self._owner = 0
        self._file = -1
        self._threads = threading.Lock()

    def _handle(self) -> int:
        """This process's own descriptor: one inherited over fork would share the lock."""
        if self._owner != os.getpid():
            self._reset()
            self._file = os.open(self.path, os.O_RDWR)
            self._owner = os.getpid()
        return self._file


class FileLockedCounter:
    """A counter between processes; what `Queue.size` is asked for, under a lock of our kind."""

    def __init__(self) -> None:
        self._count = multiprocessing.Value("i", 0, lock=False)
        self._lock = FileLock()

    def increment(self, n: int = 1) -> None:
        with self._lock:
            self._count.value += n

    @property
    def value(self) -> int:
        return self._count.value


class RobustQueue(Queue):
    """django-q2's queue with locks that do not outlive their holders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rlock = FileLock()
        self._wlock = FileLock()
        self.size = FileLockedCounter()


class PostgresBroker(ORM):
    """django-q2's ORM broker that waits on LISTEN and takes batches with SKIP LOCKED."""

    _listening: Any = None

    def enqueue(self, task: str) -> int:
        key: int = super().enqueue(task)
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
        return key

    def dequeue(self) -> list[tuple[int, str]] | None:
        try:
            rows = self._take()
            if not rows:
                self._wait()
            return rows
        except (OperationalError, InterfaceError):
            connections[Conf.ORM].close()
            self._listening = None
            threading.Event().wait(0.5)
            return None

    def _take(self) -> list[tuple[int, str]]:
        self._listen()
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(
                "UPDATE django_q_ormq SET lock = now() + %s * interval '1 second' "
                "WHERE id = ANY (ARRAY("
                "SELECT id FROM django_q_ormq WHERE key = %s AND lock <= now() "
                "ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)) RETURNING id, payload",
                [Conf.RETRY, self.list_key, Conf.BULK],
            )
            return cursor.fetchall()

    def _wait(self) -> None:
        """Until a message arrives; returns so that the next call takes it."""
        connection = connections[Conf.ORM].connection
        for _ in connection.notifies(timeout=LONGEST_WAIT, stop_after=1):
            pass

    def _listen(self) -> None:
        database = connections[Conf.ORM]
        database.ensure_connection()
        if self._listening is not database.connection:
            with database.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._listening = database.connection


def _enqueue_slots(wanted: int) -> None:
    """One at a time over all processes, so that many callers do not queue a wake-up each."""
    if wanted <= 0:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SESSION_LOCKS])
        for _ in range(wanted - _queued(WORK_JOB)):
            async_task(WORK_JOB, save=False)


def _queued(job: str) -> int:
    """Messages of a job that wait or have only just been taken."""
    return sum(1 for row in OrmQ.objects.all()[:100] if row.func() == job and not _is_taken(row))


def _is_taken(row: OrmQ) -> bool:
    return bool(row.lock and row.lock > clock.now())


def _on_spawn(**_: Any) -> None:
    try:
        fill_slots()
    except (OperationalError, InterfaceError):
        connections[Conf.ORM].close()
