"""What the queue does under strain: after a pile-up, and under a snapshot that stays open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

import psycopg
from django.db import connection

from config.bench import workloads
from workflows import clock, engine
from workflows.engine import advancing, sessions
from workflows.models import Execution, Workflow

STEPS = len(workloads.CHAIN)
STEADY_SECONDS = 10.0
CLAIMS = 500
ROUND = 1000  # executions turned over between two looks at the claims
URGENT, NORMAL = 4, 2


def pile(number: int) -> dict[str, Any]:
    """Executions that waited for workers: how fast they are done, in times of the steady rate; how
    long what came meanwhile took, in times of the whole: urgent (p95), and the rest at most."""
    workloads.register_chain()
    workloads.register_chain("fresh")
    with workloads.qcluster():
        steady = _steady_rate()
    workloads.bulk("chain", number)
    with workloads.qcluster(is_warm=False):
        urgent, normal = _what_comes_meanwhile()
        workloads.wait_until_quiet()
    rate = workloads.rates("chain", STEPS)["steps_per_second"]
    seconds = number * STEPS / rate
    return {
        "ratio": rate / steady,
        "urgent": quantiles(_waits(urgent), n=20)[-1] / seconds,
        "new": max(_waits(normal)) / seconds,
    }


def old_snapshot(number: int) -> dict[str, Any]:
    """Seconds of an empty-handed claim, p99, while an idle transaction keeps what is done visible:
    at first, and after `number` executions."""
    with workloads.qcluster(), _open_snapshot():
        found = [_claim_p99()]
        for _ in range(number // ROUND):
            workloads.bulk("chain", ROUND)
            workloads.wait_until_quiet()
            found.append(_claim_p99())
    return {"first": found[0], "last": found[-1], "most": max(found)}


def _steady_rate() -> float:
    """Steps a second while work comes in as fast as it is done."""
    began = clock.of_database()
    end = time.monotonic() + STEADY_SECONDS
    while time.monotonic() < end:
        if Execution.objects.filter(finished_at=None).count() < 300:
            workloads.bulk("chain", 200)
        time.sleep(0.01)
    ended = clock.of_database()
    done = Execution.objects.filter(finished_at__gt=began, finished_at__lte=ended).count()
    return done * STEPS / (ended - began).total_seconds()


def _what_comes_meanwhile() -> tuple[list[int], list[int]]:
    """Executions started while a pile is worked off: urgent ones, and such as those in it."""
    pile = Workflow.objects.get(key="chain")
    left = Execution.objects.filter(workflow=pile, finished_at=None)
    urgent: list[int] = []
    normal: list[int] = []
    while left.exists():
        if not left.filter(started_at=None).count() or not left.exclude(started_at=None).exists():
            time.sleep(0.02)
            continue
        urgent.append(engine.start_workflow("fresh", priority=URGENT).pk)
        normal.append(engine.start_workflow("fresh", priority=NORMAL).pk)
        time.sleep(0.05)
    return urgent, normal


def _waits(numbers: list[int]) -> list[float]:
    """Seconds from start to end."""
    times = Execution.objects.filter(pk__in=numbers).values_list("created_at", "finished_at")
    return [(end - begin).total_seconds() for begin, end in times if end is not None]


def _claim_p99() -> float:
    session = sessions.open_session()
    taken = []
    for _ in range(CLAIMS):
        began = time.perf_counter()
        advancing.exchange(session, [], 10)
        taken.append(time.perf_counter() - began)
    sessions.close_session(session)
    return quantiles(taken, n=100)[-1]


@contextmanager
def _open_snapshot() -> Iterator[None]:
    """A reader that forgot to end its transaction; the server's own limit on that is lifted."""
    login = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    wanted = {name: login[name] for name in names if login.get(name)}
    with psycopg.connect(**wanted) as link:
        link.execute("SET idle_in_transaction_session_timeout = 0")
        link.commit()
        link.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        link.execute("SELECT count(*) FROM workflows_task")
        yield
