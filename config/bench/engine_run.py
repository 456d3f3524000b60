"""The engine's side: `python -m config.bench.engine_run WHAT …` prints JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402

from agents import orchestrator, runner  # noqa: E402
from workflows import engine, queue  # noqa: E402
from workflows.engine import transitions  # noqa: E402
from workflows.models import Execution, Task, Workflow  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent.parent
CHAIN = ("a", "b", "c", "d", "e")


def in_process(number: int) -> dict[str, Any]:
    """Five-step chains, two sessions without django-q2 around them."""
    register_chain()
    bulk("chain", number)
    began = time.perf_counter()
    helpers = [_module("session"), _module("session")]
    for helper in helpers:
        helper.wait()
    return _rates(number, time.perf_counter() - began)


def session() -> dict[str, Any]:
    """One session until nothing is ready."""
    return {"steps": runner.drain()}


def cluster(number: int) -> dict[str, Any]:
    """Five-step chains through a real qcluster of two workers; then one at a time on it, idle."""
    register_chain()
    with _qcluster():
        engine.start_workflow("chain")
        _quiet()
        bulk("chain", number)
        _quiet()
        loaded = _by_the_database()
        return loaded | _latency(60)


def fan_out(width: int) -> dict[str, Any]:
    """One execution: a task, `width` tasks at once, a join; two sessions."""
    agent()
    leaves = [_step(f"w{place}", "start") for place in range(width)]
    end = _step("end", *(leaf["key"] for leaf in leaves))
    _register(f"fan{width}", [_step("start"), *leaves, end])
    execution = engine.start_workflow(f"fan{width}")
    began = time.perf_counter()
    helpers = [_module("session"), _module("session")]
    for helper in helpers:
        helper.wait()
    execution.refresh_from_db()
    if execution.state != "completed" or execution.started_at is None:
        raise RuntimeError(f"The fan-out ended {execution.state}: {execution.error}")
    seconds = (execution.finished_at - execution.started_at).total_seconds()  # type: ignore[operator]
    return {
        "width": width,
        "seconds": seconds,
        "us_per_task": seconds / width * 1e6,
        "wall": time.perf_counter() - began,
    }


def waiting(number: int) -> dict[str, Any]:
    """Steps that wait 50 ms each, as a model or an API call would; two workers."""
    agent("waiter", "signalbox.wait")
    tasks = [_step("w", capabilities=["waiter"], input={"seconds": 0.05})]
    _register("waits", tasks)
    with _qcluster():
        engine.start_workflow("waits")
        _quiet()
        bulk("waits", number)
        _quiet()
        return _by_the_database(workflow="waits")


def history(number: int) -> dict[str, Any]:
    """Fill the tables with finished executions, three audit rows each."""
    version = register_chain()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HISTORY, {"n": number, "version": version.pk, "workflow": version.workflow_id}
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE workflows_execution, workflows_task, workflows_auditevent")
    return {"executions": number}


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


def agent(key: str = "bench", tool: str = "signalbox.pass") -> None:
    orchestrator.register_agent(
        key=key,
        name=key,
        kind="python",
        capabilities=[key],
        max_concurrent_tasks=500,
        config={"tool": tool},
    )


def register_chain() -> Any:
    """The five-step chain of no-op tools; its version."""
    agent()
    return _register(
        "chain", [_step(key, *CHAIN[max(0, place - 1) : place]) for place, key in enumerate(CHAIN)]
    )


def bulk(key: str, number: int) -> None:
    """Start many executions in one transaction."""
    workflow = Workflow.objects.select_related("published").get(key=key)
    run = {
        "input": {},
        "variables": {},
        "idempotency_key": None,
        "requested_by": None,
        "priority": 2,
        "explicit": None,
        "actor": "system",
        "data": {"workflow": key},
    }
    with transaction.atomic():
        transitions.start(workflow.published_id or 0, [run] * number)
        transitions.doorbell([], "executions", work=True)
        queue.wake()


def _step(key: str, *before: str, **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "name": key,
        "capabilities": ["bench"],
        "dependencies": list(before),
        **fields,
    }


def _register(key: str, tasks: list[dict[str, Any]]) -> Any:
    return engine.register_workflow({"key": key, "name": key, "tasks": tasks})


def _rates(number: int, seconds: float) -> dict[str, Any]:
    done = _by_the_database()
    return {"wall": seconds, **done}


def _by_the_database(workflow: str = "chain") -> dict[str, Any]:
    """Rates between the first start and the last end of the last batch, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), extract(epoch FROM max(x.finished_at) - min(x.started_at))::float "
            "FROM workflows_execution x JOIN workflows_workflow w ON w.id = x.workflow_id "
            "WHERE w.key = %s AND x.state = 'completed' AND x.created_at = ("
            "  SELECT max(y.created_at) FROM workflows_execution y WHERE y.workflow_id = w.id)",
            [workflow],
        )
        number, seconds = cursor.fetchone()
    steps = number * (len(CHAIN) if workflow == "chain" else 1)
    return {
        "executions_per_second": number / seconds,
        "steps_per_second": steps / seconds,
        "seconds": seconds,
    }


def _latency(number: int) -> dict[str, Any]:
    """One execution after another: start to complete by the audit's clock, in seconds."""
    ids = []
    for _ in range(number):
        ids.append(engine.start_workflow("chain").pk)
        _quiet(tick=0.005)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM max(at) - min(at))::float FROM workflows_auditevent "
            "WHERE execution_id = ANY (%s) GROUP BY execution_id",
            [ids],
        )
        whole = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT extract(epoch FROM b.at - a.at)::float FROM workflows_auditevent a "
            "JOIN workflows_auditevent b ON b.execution_id = a.execution_id "
            "AND b.kind = 'task.assigned' AND a.kind = 'task.assigned' "
            "AND b.task_id = a.task_id + 1 "
            "WHERE a.execution_id = ANY (%s)",
            [ids],
        )
        steps = [row[0] for row in cursor.fetchall()]
    return {
        "execution_p50": median(whole),
        "execution_p95": quantiles(whole, n=20)[-1],
        "step_p50": median(steps),
        "step_p95": quantiles(steps, n=20)[-1],
    }


def _quiet(tick: float = 0.05, patience: float = 600) -> None:
    """Until no execution is open."""
    end = time.monotonic() + patience
    while Execution.objects.filter(state__in=("pending", "running")).exists():
        if time.monotonic() > end:
            left = Task.objects.filter(state__in=("pending", "running")).count()
            raise RuntimeError(f"{left} tasks are still open after {patience:.0f} s.")
        time.sleep(tick)


@contextmanager
def _qcluster() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"],
        cwd=PROJECT,
        start_new_session=True,
        env=os.environ | {"APP_ROLE": "worker"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGUSR2)  # sessions end at their next pause
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever of the group is left
        process.wait()


def _module(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "config.bench.engine_run", *arguments],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    print(json.dumps(globals()[what](*map(int, numbers))))
