"""The engine's side: `python -m config.bench.engine_run WHAT …` prints JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import psutil  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from agents import runner  # noqa: E402
from config.bench import workloads  # noqa: E402
from config.bench.endurance import old_snapshot, pile  # noqa: E402, F401
from workflows import engine  # noqa: E402
from workflows.audit import verify  # noqa: E402
from workflows.graph import validation  # noqa: E402
from workflows.models import Session  # noqa: E402

CHAIN_STEPS = len(workloads.CHAIN)
ROUNDS = {100: 9, 1000: 3}  # how often a fan-out of a width is measured; wider ones once


def in_process(number: int, rounds: int) -> dict[str, Any]:
    """Five-step chains, two sessions without django-q2 around them; the best of some rounds."""
    workloads.register_chain()
    found = []
    for _ in range(rounds):
        workloads.bulk("chain", number)
        helpers = [_module("session"), _module("session")]
        for helper in helpers:
            helper.wait()
        found.append(workloads.rates("chain", CHAIN_STEPS)["steps_per_second"])
    return {"best": max(found), "median": median(found)}


def session() -> dict[str, Any]:
    """One session until nothing is ready."""
    return {"steps": runner.drain()}


def cluster(number: int, rounds: int) -> dict[str, Any]:
    """Five-step chains through a real qcluster of two workers; then one at a time on it, idle."""
    with workloads.qcluster():
        found = []
        for _ in range(rounds):
            workloads.bulk("chain", number)
            workloads.wait_until_quiet()
            found.append(workloads.rates("chain", CHAIN_STEPS)["steps_per_second"])
        return {"best": max(found), "median": median(found)} | workloads.latency(100)


def fan_out(*widths: int) -> dict[str, Any]:
    """One execution on a warm cluster: a task, `width` tasks at once, a join; µs per task."""
    validation.MAX_NODES = max(validation.MAX_NODES, max(widths) + 2)  # the engine has no limit
    with workloads.qcluster():
        return {str(width): _fan_out(width) for width in widths}


def waiting(number: int) -> dict[str, Any]:
    """Steps that wait 50 ms each, as a model or an API call would; two workers."""
    workloads.register_waiting(0.05)
    with workloads.qcluster():
        workloads.bulk("waits", number)
        workloads.wait_until_quiet()
        return workloads.rates("waits", 1)


def memory(first: int, last: int) -> dict[str, Any]:
    """Resident memory of one worker, in bytes, after `first` and after `last` steps."""
    with workloads.qcluster():
        (pid,) = Session.objects.values_list("pid", flat=True)
        found = {}
        for done, upto in ((0, first), (first, last)):
            workloads.bulk("chain", (upto - done) // CHAIN_STEPS)
            workloads.wait_until_quiet()
            found[str(upto)] = psutil.Process(pid).memory_info().rss
        return found


def verification() -> dict[str, Any]:
    """Seconds that `verify_audit` takes for all audit rows, and how many there are."""
    began = time.monotonic()
    report = verify.verify()
    if not report.is_sound:
        raise RuntimeError(f"The audit of the benchmark itself is wrong: {report.findings[0]}")
    return {"seconds": time.monotonic() - began, "rows": report.rows}


def history(number: int) -> dict[str, Any]:
    """Fill the tables with finished executions, three audit rows each."""
    version = workloads.register_chain()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HISTORY, {"n": number, "version": version.pk, "workflow": version.workflow_id}
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE workflows_execution, workflows_task, workflows_auditevent")
    return {"executions": number}


def start_waiting(seconds: int) -> dict[str, Any]:
    """Start one execution whose only step takes long; its number."""
    workloads.register_waiting(seconds)
    return {"execution": engine.start_workflow("waits").pk}


def backlog(number: int) -> dict[str, Any]:
    """Leave this many chains to whoever works."""
    workloads.register_chain()
    workloads.bulk("chain", number)
    return {}


HISTORY = """
WITH x AS (
    INSERT INTO workflows_execution(workflow_id, version_id, state, priority, input, variables,
        variables_version, open_tasks, created_at, started_at, finished_at)
    SELECT %(workflow)s, %(version)s, 'completed', 2, '{}', '{}', 0, 0, now(), now(), now()
    FROM generate_series(1, %(n)s) RETURNING id),
t AS (
    INSERT INTO workflows_task(id, execution_id, node, key, name, kind, lane, state, priority,
        needs, waits_on, is_ready, attempt, max_attempts, fence, created_at)
    SELECT x.id << 20, x.id, 0, 'a', 'A', 'agent', 1, 'completed', 2, 0, 0, false, 1, 1, 1, now()
    FROM x),
h AS (
    INSERT INTO workflows_audithead(execution_id, seq, hash)
    SELECT x.id, 3, repeat('0', 64) FROM x)
INSERT INTO workflows_auditevent(execution_id, seq, at, at_text, kind, entity_type, entity_id,
    actor, data, data_digest, previous_hash, hash)
SELECT x.id, s, now(), '', 'execution.completed', 'execution', x.id::text, 'system', '{}',
    repeat('0', 64), repeat('0', 64), repeat('0', 64)
FROM x CROSS JOIN generate_series(1, 3) AS s
"""


def _fan_out(width: int) -> float:
    workloads.register_fan(width)
    found = []
    for _ in range(ROUNDS.get(width, 1)):
        execution = engine.start_workflow(f"fan{width}")
        workloads.wait_until_quiet()
        execution.refresh_from_db()
        if execution.started_at is None or execution.finished_at is None:
            raise RuntimeError(f"The fan-out ended {execution.state}: {execution.error}")
        found.append((execution.finished_at - execution.started_at).total_seconds())
    return median(found) / width * 1e6


def _module(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*workloads.tied(), "-m", "config.bench.engine_run", *arguments],
        cwd=workloads.PROJECT,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    print(json.dumps(globals()[what](*map(int, numbers))))
