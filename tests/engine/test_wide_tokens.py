"""Token graphs at size, and many hands on one of them at once."""

from __future__ import annotations

import os
import time

import pytest
from django.db import connection

from agents import runner
from tests import soundness
from tests.engine.conftest import together
from tests.factories import history, make_agent, node, register, start, step
from workflows import engine
from workflows.engine import advancing, sessions
from workflows.models import Execution, Task

pytestmark = pytest.mark.django_db(transaction=True)
LAYERS = int(os.environ.get("SIGNALBOX_LAYERS", "10"))


def drained(execution: Execution) -> Execution:
    runner.drain()
    execution.refresh_from_db()
    return execution


def test_a_thousand_branches_fork_and_join_once() -> None:
    make_agent()
    branches = [f"b{number}" for number in range(1000)]
    execution = drained(
        start(
            node("fork", "parallel"),
            *(step(key, "fork") for key in branches),
            node("join", "parallel", *branches),
            step("after", "join"),
        )
    )
    lines = history(execution)
    assert execution.state == "completed"
    assert lines.count("after running") == 1
    assert sum(line.endswith(" completed") for line in lines) == 1002


def test_layers_of_a_hundred_steps_each_join_once() -> None:
    """A hundred layers take a minute: `SIGNALBOX_LAYERS=100`; tests/graph plays them every time."""
    make_agent()
    tasks = [node("l0", "parallel")]
    for layer in range(1, LAYERS + 1):
        branches = [f"s{layer}_{number}" for number in range(100)]
        tasks += [step(key, f"l{layer - 1}") for key in branches]
        tasks.append(node(f"l{layer}", "parallel", *branches))
    execution = drained(start(*tasks))
    assert execution.state == "completed"
    assert execution.tasks.count() == 100 * LAYERS
    passed = execution.audit_events.filter(kind="token.passed")
    assert sorted(passed.values_list("entity_id", flat=True)) == sorted(
        f"l{layer}" for layer in range(LAYERS + 1)
    )


def test_eight_workers_that_deliver_everything_twice_fire_each_join_once() -> None:
    make_agent(max_concurrent_tasks=1000)
    tasks = [node("j0", "parallel")]
    for layer in range(1, 4):
        branches = [f"s{layer}_{number}" for number in range(40)]
        tasks += [step(key, f"j{layer - 1}") for key in branches]
        tasks.append(node(f"j{layer}", "inclusive" if layer == 2 else "parallel", *branches))
    execution = start(*tasks)

    def work() -> int:
        session, done = sessions.open_session(), 0
        deadline = time.monotonic() + 100
        held: list[advancing.Work] = []
        while time.monotonic() < deadline:
            results = [(work, advancing.Completed({})) for work in held for _ in range(2)]
            done += len(held)
            held = advancing.exchange(session, results, 3)
            if not held and _is_over(execution):
                break
        sessions.close_session(session)
        return done

    counts = together(*[work] * 8)
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert sum(counts) == 120
    passed = execution.audit_events.filter(kind="token.passed")
    assert sorted(passed.values_list("entity_id", flat=True)) == ["j0", "j1", "j2", "j3"]
    assert execution.audit_events.filter(kind="result.refused").count() == 120
    assert Task.objects.filter(execution=execution).count() == 120


def _is_over(execution: Execution) -> bool:
    return Execution.objects.filter(pk=execution.pk, state="completed").exists()


@pytest.mark.alone
def test_a_step_costs_the_same_in_a_small_and_in_a_large_graph() -> None:
    make_agent()
    took = {}
    for size in (10, 1000):
        keys = [f"n{number}" for number in range(size)]
        register(
            node("begin", "start"),
            *(step(key, keys[at - 1] if at else "begin") for at, key in enumerate(keys)),
            key=f"chain{size}",
        )
        runs = [engine.start_workflow(f"chain{size}") for _ in range(2)]
        session = sessions.open_session()
        held = advancing.exchange(session, [], 2)
        for _ in range(4):  # graphs and plans are read once
            held = advancing.exchange(session, [(w, advancing.Completed({})) for w in held], 2)
        best = 1.0
        for _ in range(4):
            begun = time.perf_counter()
            held = advancing.exchange(session, [(w, advancing.Completed({})) for w in held], 2)
            best = min(best, time.perf_counter() - begun)
        advancing.report(session, [(w, advancing.Released()) for w in held])
        sessions.close_session(session)
        took[size] = best
        for run in runs:
            engine.cancel(run.pk, by=None)
    assert took[1000] < 2 * took[10], took
    assert soundness.violations() == []
    assert not connection.in_atomic_block
