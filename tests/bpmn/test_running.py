"""What is read runs as the standard says: the steps that are completed, in order."""

from __future__ import annotations

from typing import Any

import pytest

from agents import runner
from tests.factories import make_agent
from workflows import engine
from workflows.bpmn.reader import read
from workflows.models import State

from .drawing import el, file, flow

pytestmark = pytest.mark.django_db(transaction=True)


def completed(*elements: str, **variables: Any) -> list[str]:
    """The keys of the steps that a file's process has completed when nothing is left to do."""
    make_agent()
    reading = read(file(*elements))
    assert reading.unsupported == []
    version = engine.register_workflow(reading.definition)
    execution = engine.start_workflow(version.workflow.key, variables)
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == State.COMPLETED
    done = execution.tasks.filter(state=State.COMPLETED).order_by("finished_at", "pk")
    return list(done.values_list("key", flat=True))


def work(*keys: str) -> list[str]:
    return [el("serviceTask", key) for key in keys]


CHOICE = [
    el("startEvent", "s"),
    el("exclusiveGateway", "g", default="g-small"),
    el("exclusiveGateway", "m"),
    el("endEvent", "e"),
    *work("small", "huge", "big", "after"),
    flow("s", "g"),
    flow("g", "small"),
    flow("g", "huge", "${total &gt; 1000}"),
    flow("g", "big", "${total &gt; 100}"),
    *(flow(key, "m") for key in ("small", "big", "huge")),
    flow("m", "after"),
    flow("after", "e"),
]


@pytest.mark.parametrize(("total", "taken"), [(50, "small"), (500, "big"), (5_000, "huge")])
def test_an_exclusive_gateway_takes_the_first_way_that_holds_else_the_default(
    total: int, taken: str
) -> None:
    assert completed(*CHOICE, total=total) == [taken, "after"]


def test_parallel_ways_are_joined_by_a_gateway_and_merged_without_one() -> None:
    split = [el("startEvent", "s"), el("parallelGateway", "g"), flow("s", "g")]
    ways = [*work("a", "b"), flow("g", "a"), flow("g", "b")]
    join = [el("parallelGateway", "j"), *work("c"), flow("a", "j"), flow("b", "j"), flow("j", "c")]
    assert sorted(completed(*split, *ways, *join)) == ["a", "b", "c"]
    merge = [*work("c"), flow("a", "c"), flow("b", "c")]
    assert sorted(completed(*split, *ways, *merge)) == ["a", "b", "c", "c"]


def test_a_sub_process_a_loop_and_two_flows_between_the_same_steps() -> None:
    inner = el("startEvent", "is") + el("serviceTask", "x") + flow("is", "x")
    three = el("multiInstanceLoopCharacteristics", inner=el("loopCardinality", inner="3"))
    drawn = [
        *(el("startEvent", "s"), el("subProcess", "sub", inner), flow("s", "sub")),
        *(el("task", "pass", three), flow("sub", "pass")),
        *(*work("last"), flow("pass", "last"), flow("pass", "last").replace("pass-last", "again")),
    ]
    done = completed(*drawn)
    assert done[:2] == ["x", "sub"]
    assert done.count("pass") == 4
    assert done[-2:] == ["last", "last"]
