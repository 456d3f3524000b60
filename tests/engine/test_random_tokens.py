"""Any process of nested blocks, worked on in any order, delivered twice, paused and resumed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agents.models import Agent
from tests import soundness
from tests.factories import make_agent, register
from tests.graph.processes import structured
from workflows import engine
from workflows.engine import advancing, sessions, timers
from workflows.graph.shape import Graph
from workflows.models import Execution, State

pytestmark = pytest.mark.django_db(transaction=True)

OUTCOMES = ("yes",) * 8 + ("twice", "again", "lost", "pause")


def defined(graph: Graph) -> list[dict[str, Any]]:
    """The graph as a definition made of tasks."""
    tasks = []
    for place, node in enumerate(graph.nodes):
        before = [
            {"task": graph.nodes[flow.source].key}
            | ({"when": flow.when} if flow.when else {})
            | ({"default": True} if flow.is_default else {})
            for flow in graph.incoming[place]
        ]
        tasks.append(
            {
                "key": node.key,
                "kind": node.kind,
                "dependencies": before,
                "join": node.join,
                "parent": graph.nodes[node.parent].key if node.parent is not None else "",
                "attached_to": graph.nodes[node.attached_to].key
                if node.attached_to is not None
                else "",
                "event": dict(node.event),
                "loop": dict(node.loop),
                "output_mapping": dict(node.output_mapping),
                "capabilities": ["echo"] if node.kind == "agent" else [],
            }
        )
    return tasks


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(structured(with_times=True), st.integers(0, 10**9))
def test_every_process_ends_with_its_tables_its_marking_and_its_audit_in_agreement(
    process: Graph, seed: int
) -> None:
    chance = random.Random(seed)
    if not Agent.objects.exists():
        make_agent()
    key = f"flow{Execution.objects.count()}"
    register(*defined(process), key=key, retry_policy={"max_retries": 50, "initial_delay": 0})
    execution = engine.start_workflow(key, {"items": [1, 2]})
    session = sessions.open_session()
    held: list[advancing.Work] = []
    for turn in range(400):
        held += advancing.exchange(session, [], chance.randint(1, 4))
        if not held and not timers.fire_due():
            break
        chance.shuffle(held)
        cut = chance.randint(1, max(len(held), 1))
        batch, held = held[:cut], held[cut:]
        _report(session, execution, batch, chance)
        if turn < 10:
            found = Execution.objects.get(pk=execution.pk)
            assert soundness.of_tokens(found) == []
    sessions.close_session(session)
    execution.refresh_from_db()
    assert (execution.state, execution.error) == ("completed", "")
    interrupted = (
        {State.CANCELLED} if any(one.kind == "boundary" for one in process.nodes) else set()
    )
    assert set(execution.tasks.values_list("state", flat=True)) <= {State.COMPLETED} | interrupted


def _report(
    session: int, execution: Execution, batch: list[advancing.Work], chance: random.Random
) -> None:
    results: list[tuple[advancing.Work, advancing.Result]] = []
    pauses = False
    for work in batch:
        outcome = chance.choice(OUTCOMES)
        pauses = pauses or outcome == "pause"
        if outcome in ("again", "lost"):
            kind = "lost" if outcome == "lost" else "error"
            results.append((work, advancing.Broken("It broke.", kind)))
        else:
            results += [(work, advancing.Completed({}))] * (2 if outcome == "twice" else 1)
    if pauses:
        engine.pause(execution.pk, by=None)
    advancing.report(session, results)
    if pauses:
        engine.resume(execution.pk, by=None)
