"""Any acyclic graph, with any outcomes, comes to an end; no token is lost or made up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Agent
from tests import soundness
from tests.factories import make_agent, register, states, step
from workflows import engine
from workflows.engine import advancing, sessions, timers
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)

CONDITIONS = st.sampled_from(["", "", "", "true", "false", "output.x", "!output.x", "flag"])
OUTCOMES = ("yes",) * 6 + ("no",) * 6 + ("retry", "lost", "fail")


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    tasks = []
    for number in range(draw(st.integers(1, 12))):
        before = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        tasks.append(
            step(
                f"t{number}",
                *({"task": f"t{source}", "when": draw(CONDITIONS)} for source in sorted(before)),
                join=draw(st.sampled_from(["every", "one"])),
                max_retries=draw(st.integers(0, 2)),
                output_mapping=draw(st.sampled_from([{}, {"flag": "output.x"}, {"n": "n + 1"}])),
            )
        )
    return tasks


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(), st.integers(0, 10**9))
def test_every_execution_ends_with_a_reason_and_tokens_are_conserved(
    tasks: list[dict[str, Any]], seed: int
) -> None:
    chance = random.Random(seed)
    if not Agent.objects.exists():
        make_agent()
    key = f"flow{Execution.objects.count()}"
    register(*tasks, key=key)
    execution = engine.start_workflow(key, {"flag": chance.random() < 0.5, "n": 0})
    session = sessions.open_session()
    held: list[advancing.Work] = []
    for _ in range(200):
        held += advancing.exchange(session, [], chance.randint(1, 4))
        if not held and not timers.fire_due():
            break
        chance.shuffle(held)
        cut = chance.randint(1, max(len(held), 1))
        batch, held = held[:cut], held[cut:]
        advancing.report(session, [(work, _result(chance.choice(OUTCOMES))) for work in batch])
        assert soundness.of_tokens(Execution.objects.get(pk=execution.pk)) == []
    sessions.close_session(session)
    execution.refresh_from_db()
    assert execution.state in ("completed", "failed")
    assert (execution.state == "failed") == bool(execution.error)
    found = set(states(execution).values())
    assert found <= (
        {"completed", "cancelled"}
        if execution.state == "completed"
        else {"completed", "failed", "pending", "cancelled"}
    )
    assert not connection.in_atomic_block


def _result(outcome: str) -> advancing.Result:
    match outcome:
        case "yes" | "no":
            return advancing.Completed({"x": outcome == "yes"})
        case "retry" | "lost":
            return advancing.Broken("It broke.", outcome)
        case _:
            return advancing.Broken("It broke.", is_retryable=False)
