"""The only importer of django-q2: its tasks are wake-ups for work sessions, never steps.

What it does not survive by itself is mended here (docs/operations.md lists the measured faults):
locks that outlive their holder, polling, and a cluster that looks idle but is dead. Hosts share the
queue, so every time in it is the database's.
"""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django_q.brokers import get_broker
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.queues import Queue
from django_q.tasks import async_task

from workflows.models import QueuePulse, Session

log = logging.getLogger(__name__)
_gathered: ContextVar[list[bool] | None] = ContextVar("gathered", default=None)
CHANNEL = "signalbox_queue"
WORK_JOB = "agents.runner.work"
BATCH_JOB = "workflows.jobs.work_off_batches"
CANARY_JOB = "workflows.jobs.answer_canary"
FRESH_SECONDS = 30.0
LONGEST_WAIT = 5.0  # seconds a broker waits for a message before it looks by itself
SWEEP_SECONDS = 10.0  # how often a host makes sure that each of its free slots has a wake-up
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


class BrokerAway(Exception):
    """The queue's broker does not answer."""


@contextmanager
def gathered() -> Iterator[None]:
    """Of all wake-ups that are asked for meanwhile one is queued, at the end."""
    reset = _gathered.set([])
    try:
        yield
        is_asked = bool(_gathered.get())
    finally:
        _gathered.reset(reset)
    if is_asked:
        wake()


def wake() -> None:
    """Queue wake-ups with the caller's transaction if no session is there to take the work.

    Live sessions are woken by the doorbell of the transaction that made it. A broker outside the
    database hears of it after the commit; when it is away, the sweep makes up for that.
    """
    asked = _gathered.get()
    if asked is not None:
        asked.append(True)
    elif not live_sessions():
        _with_the_transaction(partial(_enqueue_slots, settings.WORKERS))


def fill_slots() -> None:
    """Queue a wake-up for each work slot of this host that has no live session.

    Raises BrokerAway.
    """
    _enqueue_slots(settings.WORKERS - live_sessions(socket.gethostname()))


def work_off_batches() -> None:
    """Queue a message with the caller's transaction that batches are to be worked off."""
    _with_the_transaction(_enqueue_batches)


def live_sessions(host: str | None = None) -> int:
    """How many sessions (of one host, or of all) accept work: leased, and with their connection."""
    with connection.cursor() as cursor:
        cursor.execute(LIVE_SESSIONS, {"space": SESSION_LOCKS >> 32, "host": host})
        count: int = cursor.fetchone()[0]
    return count


def send_canary() -> None:
    """Send a message through the whole queue; `canary_age` tells when one last came out.

    Raises BrokerAway.
    """
    QueuePulse.note(sent_at=Now())
    if not get_broker().waiting(CANARY_JOB):
        async_task(CANARY_JOB, save=False)


def canary_age() -> float | None:
    """Seconds since a canary last came out of the queue, None if none ever did."""
    passed = ExpressionWrapper(Now() - F("answered_at"), output_field=DurationField())
    age = QueuePulse.objects.filter(pk=1).values_list(passed, flat=True).first()
    return None if age is None else age.total_seconds()


def is_alive() -> bool:
    """Whether a canary or a session's renewal was seen in the last 30 seconds."""
    age = canary_age()
    if age is not None and age < FRESH_SECONDS:
        return True
    since = Now() - timedelta(seconds=FRESH_SECONDS)
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


class Sweeper:
    """What a broker's reader does beside reading: no slot of its host stays without a wake-up.

    It covers messages that were lost with a process or with the broker.
    """

    _next_sweep = 0.0

    def sweep(self) -> None:
        """Fill the host's free slots, if SWEEP_SECONDS have passed."""
        now = time.monotonic()
        if now >= self._next_sweep:
            if self._next_sweep:
                fill_slots()
            self._next_sweep = now + SWEEP_SECONDS


class PostgresBroker(Sweeper, ORM):
    """django-q2's ORM broker that waits on LISTEN and takes batches with SKIP LOCKED."""

    is_transactional = True
    _listening: Any = None

    def waiting(self, job: str) -> int:
        """How many messages of a job nobody has taken yet."""
        rows = OrmQ.objects.filter(key=self.list_key).exclude(lock__gt=Now())[:100]
        return sum(1 for row in rows if row.func() == job)

    def enqueue(self, task: str) -> int:
        """Due at once by the clock that `_take` asks; the one here may be an hour ahead of it."""
        key: int = (
            self.get_connection()
            .create(key=self.list_key or Conf.CLUSTER_NAME, payload=task, lock=Now())
            .pk
        )
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
        return key

    def dequeue(self) -> list[tuple[int, str]] | None:
        try:
            self.sweep()
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
        for _ in range(wanted - get_broker().waiting(WORK_JOB)):
            async_task(WORK_JOB, save=False)


def _enqueue_batches() -> None:
    if not get_broker().waiting(BATCH_JOB):
        async_task(BATCH_JOB, save=False)


def _with_the_transaction(send: Callable[[], None]) -> None:
    if get_broker().is_transactional:
        send()
    else:
        transaction.on_commit(partial(_try, send))


def _try(send: Callable[[], None]) -> None:
    try:
        send()
    except BrokerAway as error:
        log.warning("No wake-up could be queued; it will be made up for. %s", error)


def _on_spawn(**_: Any) -> None:
    try:
        _try(fill_slots)
    except (OperationalError, InterfaceError):
        connections[Conf.ORM].close()
