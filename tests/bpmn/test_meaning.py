"""A plain workflow and what BPMN draws of it do the same, by BPMN's own rules."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.bpmn.definitions import plain
from tests.graph.test_tokens import Play
from workflows.bpmn import exclusive
from workflows.bpmn.expanding import expanded
from workflows.bpmn.normal import Normal, normal
from workflows.graph.shape import Flow, Graph, Node

KINDS = {
    "parallelGateway": "parallel",
    "inclusiveGateway": "inclusive",
    "exclusiveGateway": "exclusive",
    "startEvent": "start",
    "endEvent": "end",
}


def drawn(workflow: Normal) -> Graph:
    """What is drawn, as the token game runs any BPMN: every merge without a gateway is free."""
    found = expanded(workflow)
    nodes = [Node(key, key, kind="agent", join="one") for key in workflow.tasks]
    nodes += [Node(one.key, one.key, kind=KINDS[one.tag]) for one in found.added.values()]
    index = {node.key: place for place, node in enumerate(nodes)}
    flows = tuple(
        Flow(index[way.source], index[way.target], way.when, way.is_default) for way in found.flows
    )
    return Graph(tuple(nodes), flows)


def plainly(workflow: Normal, holds: dict[str, bool]) -> tuple[set[str], bool]:
    """The tasks that run by the rules of docs/modelling.md, and whether some wait for ever."""
    arrived = dict.fromkeys(workflow.tasks, 0)
    ready = [key for key in workflow.tasks if not workflow.into[key]]
    run: set[str] = set()
    while ready:
        key = ready.pop()
        run.add(key)
        for way in workflow.out_of[key]:
            if not way.when or holds[way.when]:
                arrived[way.target] += 1
                needed = len(workflow.into[way.target])
                needed = 1 if workflow.tasks[way.target]["join"] == "one" else needed
                if arrived[way.target] == needed:
                    ready.append(way.target)
    waiting = any(arrived[key] and key not in run for key in workflow.tasks)
    return run, waiting


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(plain(), st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 10**6))
def test_the_drawing_runs_the_same_tasks_and_waits_where_the_workflow_waits(
    definition: dict[str, Any], values: list[bool], seed: int
) -> None:
    workflow = normal(definition)
    assume(all(one.tag in KINDS for one in expanded(workflow).added.values()))
    above, approved, small, known = values
    seen = {"x": 2 if above else 1, "a": 1, "b": 2 if small else 0, "c": 2, "d": 1 if known else 3}
    output = {"decision": "approve" if approved else "reject"}
    holds = {
        "x > 1": above,
        "x <= 1": not above,
        'output.decision == "approve"': approved,
        'output.decision == "reject"': not approved,
        "a < b && c > d": small and known,
    }
    for ways in workflow.out_of.values():
        assume(not ways or any(not way.when or holds[way.when] for way in ways))
    chance = random.Random(seed)
    play = Play(drawn(_flat(workflow)), {**seen, "output_decision": output["decision"]})
    while play.doable:
        play.finish(chance.choice(play.doable), output)
    ran, waits = plainly(workflow, holds)
    counted = [play.graph.nodes[move.node].key for move in play.log if hasattr(move, "node")]
    for key in workflow.tasks:
        assert counted.count(key) == (key in ran)
    assert play.is_stuck == waits


def _flat(workflow: Normal) -> Normal:
    """Conditions behind a gateway see no output: what they ask of it is a variable here."""
    tasks = [
        {
            **task,
            "depends_on": [
                {"task": way.source, "when": way.when.replace("output.", "output_")}
                for way in workflow.into[key]
            ],
        }
        for key, task in workflow.tasks.items()
    ]
    return normal({"key": workflow.key, "tasks": tasks})


def test_conditions_exclude_each_other_only_where_that_is_plain() -> None:
    assert exclusive.conditions("a > b", "a <= b")
    assert exclusive.conditions("a == 'x'", 'a == "y"')
    assert exclusive.conditions("n == 1", "n == 2")
    assert exclusive.conditions("done", "!done")
    assert exclusive.conditions("!(a && b)", "a && b")
    assert not exclusive.conditions("a > b", "a >= b")
    assert not exclusive.conditions("a == 'x'", 'a == "x"')
    assert not exclusive.conditions("n == 1", "n == 1.0")
    assert not exclusive.conditions("a == x", "a == y")
    assert not exclusive.conditions("f(a == 1)", "f(a == 2)")
    assert not exclusive.conditions("a > 1 || c", "a <= 1")
