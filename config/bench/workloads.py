"""What the benchmark lets the engine do, and what its tables then say of the time it took."""

from __future__ import annotations

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

from django.db import connection, transaction

from agents import orchestrator
from workflows import engine, queue
from workflows.engine import transitions
from workflows.models import Execution, Task, Workflow

PROJECT = Path(__file__).resolve().parent.parent.parent
CHAIN = ("a", "b", "c", "d", "e")
AT_ONCE = {"max_retries": 5, "initial_delay": 0, "jitter": 0}


def register_agent(key: str = "bench", tool: str = "signalbox.pass") -> None:
    orchestrator.register_agent(
        key=key,
        name=key,
        kind="python",
        capabilities=[key],
        max_concurrent_tasks=500,
        config={"tool": tool},
    )


def register_chain(key: str = "chain") -> Any:
    """The five-step chain of no-op tools; its version."""
    register_agent()
    return _register(
        key, [_step(key, *CHAIN[max(0, place - 1) : place]) for place, key in enumerate(CHAIN)]
    )


def register_fan(width: int) -> None:
    """A task, `width` tasks at once, a join."""
    leaves = [_step(f"w{place}", "start") for place in range(width)]
    end = _step("end", *(leaf["key"] for leaf in leaves))
    _register(f"fan{width}", [_step("start"), *leaves, end])


def register_waiting(seconds: float) -> None:
    """One step that waits, as one that calls a model or an API does."""
    register_agent("waiter", "signalbox.wait")
    _register("waits", [_step("w", capabilities=["waiter"], input={"seconds": seconds})])


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


def rates(key: str, steps: int) -> dict[str, float]:
    """Between the first start and the last end of the last batch, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH last AS (SELECT w.id, max(x.created_at) AS at FROM workflows_workflow w "
            "  JOIN workflows_execution x ON x.workflow_id = w.id WHERE w.key = %s GROUP BY w.id) "
            "SELECT count(*), extract(epoch FROM max(x.finished_at) - min(x.started_at))::float "
            "FROM workflows_execution x JOIN last ON last.id = x.workflow_id "
            "WHERE x.state = 'completed' AND x.created_at = last.at",
            [key],
        )
        number, seconds = cursor.fetchone()
    return {
        "executions_per_second": number / seconds,
        "steps_per_second": number * steps / seconds,
    }


def latency(number: int) -> dict[str, float]:
    """One chain after another, alone: seconds by the audit's clock."""
    ids = []
    for _ in range(number):
        ids.append(engine.start_workflow("chain").pk)
        wait_until_quiet(tick=0.005)
    whole = _seconds(
        "SELECT extract(epoch FROM max(at) - min(at))::float FROM workflows_auditevent "
        "WHERE execution_id = ANY (%s) GROUP BY execution_id",
        ids,
    )
    first = _seconds(
        "SELECT extract(epoch FROM min(at) FILTER (WHERE kind = 'task.assigned') - min(at))::float "
        "FROM workflows_auditevent WHERE execution_id = ANY (%s) GROUP BY execution_id",
        ids,
    )
    between = _seconds(
        "SELECT extract(epoch FROM b.at - a.at)::float FROM workflows_auditevent a "
        "JOIN workflows_auditevent b ON b.execution_id = a.execution_id "
        "AND b.kind = 'task.assigned' AND a.kind = 'task.assigned' AND b.task_id = a.task_id + 1 "
        "WHERE a.execution_id = ANY (%s)",
        ids,
    )
    found = {}
    for name, seconds in (("execution", whole), ("first_step", first), ("step", between)):
        found[f"{name}_p50"] = median(seconds)
        found[f"{name}_p95"] = quantiles(seconds, n=20)[-1]
    return found


def wait_until_quiet(tick: float = 0.05, patience: float = 900) -> None:
    """Until no execution is open; raises RuntimeError after `patience` seconds."""
    end = time.monotonic() + patience
    while Execution.objects.filter(state__in=("pending", "running")).exists():
        if time.monotonic() > end:
            left = Task.objects.filter(state__in=("pending", "running")).count()
            raise RuntimeError(f"{left} tasks are still open after {patience:.0f} s.")
        time.sleep(tick)


@contextmanager
def qcluster(*, is_warm: bool = True) -> Iterator[None]:
    """A real cluster of django-q2, warm: its sessions have run a chain. Else just started."""
    process = subprocess.Popen(
        [*tied(), "manage.py", "qcluster"],
        cwd=PROJECT,
        start_new_session=True,
        env=os.environ | {"APP_ROLE": "worker"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        register_chain()
        for _ in range(10 if is_warm else 0):
            bulk("chain", 20)
            wait_until_quiet()
        yield
    finally:
        os.killpg(process.pid, signal.SIGUSR2)  # sessions end at their next pause
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever of the group is left
        process.wait()


def tied() -> list[str]:
    """How to run a program of Python's that ends, with all its forks, when this process does."""
    return [sys.executable, "-m", "config.supervisor.lifeline", str(os.getpid())]


def _step(key: str, *before: str, **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "name": key,
        "capabilities": ["bench"],
        "dependencies": list(before),
        **fields,
    }


def _register(key: str, tasks: list[dict[str, Any]]) -> Any:
    return engine.register_workflow(
        {"key": key, "name": key, "tasks": tasks, "retry_policy": AT_ONCE}
    )


def _seconds(query: str, ids: list[int]) -> list[float]:
    with connection.cursor() as cursor:
        cursor.execute(query, [ids])
        return [row[0] for row in cursor.fetchall()]
