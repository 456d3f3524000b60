from __future__ import annotations

import pytest

from agents import runner
from tests.factories import chain, history, make_agent, register, states, step
from workflows import engine

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_chain_runs_to_its_end_in_order() -> None:
    make_agent()
    register(*chain("a", "b", "c"))
    execution = engine.start_workflow("flow", {"total": 5})
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert history(execution) == [
        "execution pending",
        "execution running",
        "a running",
        "a completed",
        "b running",
        "b completed",
        "c running",
        "c completed",
        "execution completed",
    ]


def test_a_join_waits_for_every_branch() -> None:
    make_agent()
    register(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))
    execution = engine.start_workflow("flow")
    runner.drain()
    seen = history(execution)
    assert seen.index("d running") > max(seen.index("b completed"), seen.index("c completed"))
    assert states(execution) == dict.fromkeys("abcd", "completed")


def test_a_condition_chooses_the_path_and_the_other_ends_cancelled() -> None:
    make_agent()
    register(
        step("a"),
        step("big", {"task": "a", "when": "total > 100"}),
        step("small", {"task": "a", "when": "total <= 100"}),
        step("end", "big", "small", join="one"),
    )
    execution = engine.start_workflow("flow", {"total": 5})
    runner.drain()
    assert states(execution) == {
        "a": "completed",
        "big": "cancelled",
        "small": "completed",
        "end": "completed",
    }
    event = execution.audit_events.get(kind="task.cancelled")
    assert event.data["reason"] == "path_not_taken"
