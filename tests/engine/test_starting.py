from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from agents import runner
from tests.engine.conftest import together
from tests.factories import chain, make_agent, make_user, register, step, task
from workflows import engine
from workflows.errors import InvalidDefinition, InvalidInput, UnknownWorkflow
from workflows.models import Execution, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_unknown_or_unpublished_workflow_is_refused() -> None:
    Workflow.objects.create(key="draft", name="Draft")
    for key in ("nowhere", "draft", ""):
        with pytest.raises(UnknownWorkflow):
            engine.start_workflow(key)


def test_input_that_misses_the_schema_is_refused_with_every_place() -> None:
    register(
        *chain("a"),
        input_schema={
            "type": "object",
            "required": ["order_id"],
            "properties": {
                "total": {"type": "number", "minimum": 0},
                "items": {"type": "array", "items": {"type": "string"}},
            },
        },
    )
    with pytest.raises(InvalidInput) as refused:
        engine.start_workflow("flow", {"total": -1, "items": ["x", 2]})
    places = {problem.split(":")[0] for problem in refused.value.problems}
    assert places == {"input", "total", "items.1"}
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": datetime(2026, 1, 1, tzinfo=UTC)},
        {"x": {1, 2}},
    ],
)
def test_input_that_is_no_json_is_refused(given: dict) -> None:
    register(*chain("a"))
    with pytest.raises(InvalidInput):
        engine.start_workflow("flow", given)


def test_text_that_postgresql_cannot_hold_is_cleaned() -> None:
    register(*chain("a"))
    execution = engine.start_workflow("flow", {"x": "a\0b\ud800c", "y": "\\u0000"})
    assert execution.variables == {"x": "ab?c", "y": "\\u0000"}


def test_the_same_idempotency_key_gives_the_same_execution() -> None:
    register(*chain("a"))
    register(*chain("a"), key="other")
    first = engine.start_workflow("flow", {"x": 1}, idempotency_key="k")
    assert engine.start_workflow("flow", {"x": 2}, idempotency_key="k") == first
    assert engine.start_workflow("other", idempotency_key="k") != first
    assert engine.start_workflow("flow") != engine.start_workflow("flow")


def test_twenty_starts_at_once_with_one_key_are_one_execution() -> None:
    register(*chain("a"))
    start = partial(engine.start_workflow, "flow", idempotency_key="k")
    found = together(*[start] * 20)
    assert {execution.pk for execution in found} == {Execution.objects.get().pk}


def test_a_priority_given_at_the_start_holds_for_all_its_tasks() -> None:
    register(step("a", priority="LOW"), step("b", "a", priority="CRITICAL"), priority="HIGH")
    usual, urgent = engine.start_workflow("flow"), engine.start_workflow("flow", priority=4)
    assert (usual.priority, urgent.priority) == (3, 4)
    assert list(usual.tasks.values_list("priority", flat=True)) == [1, 4]
    assert list(urgent.tasks.values_list("priority", flat=True)) == [4, 4]
    with pytest.raises(InvalidInput):
        engine.start_workflow("flow", priority=5)


def test_start_input_overlays_the_definition_and_both_overlay_a_tasks_own_input() -> None:
    make_agent()
    register(step("a", input={"own": 1, "tax": 1, "total": 1}), variables={"tax": 2, "total": 2})
    execution = engine.start_workflow("flow", {"total": 3})
    runner.drain()
    assert execution.variables == {"tax": 2, "total": 3}
    assert task(execution, "a").input == {"own": 1, "tax": 2, "total": 3}


def test_who_started_it_is_kept_and_told() -> None:
    register(*chain("a"))
    execution = engine.start_workflow("flow", by=make_user("ada"))
    assert execution.requested_by.username == "ada"
    assert execution.audit_events.get().actor == "user:ada"


def test_a_running_execution_stays_on_its_version() -> None:
    make_agent()
    register(*chain("a", "b"))
    execution = engine.start_workflow("flow")
    version = register(*chain("a", "c"))
    runner.drain()
    assert list(execution.tasks.values_list("key", flat=True)) == ["a", "b"]
    assert version.number == 2
    assert register(*chain("a", "c")) == version, "the same definition again is the same version"


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"tasks": []}, {"tasks"}),
        ({"tasks": chain("a", "b") + chain("a")}, {"key"}),
        ({"tasks": [step("a", "a")]}, {"depends_on"}),
        ({"tasks": [step("a", "nobody")]}, {"depends_on"}),
        (
            {"tasks": [step("a", max_retries=-1, timeout_seconds=0)]},
            {"max_retries", "timeout_seconds"},
        ),
        ({"tasks": [step("a", max_retries=10**9)]}, {"max_retries"}),
        ({"tasks": [step("a" * 101)]}, {"key"}),
        ({"tasks": [step("no spaces")]}, {"key"}),
        ({"tasks": chain("a"), "key": "no spaces"}, {"key"}),
        ({"tasks": chain("a"), "timeout_minutes": -1}, {"timeout_minutes"}),
        ({"tasks": chain("a"), "timeout_minutes": "soon"}, {"timeout_minutes"}),
        ({"tasks": chain("a"), "retry_policy": {"max_retries": -1, "jitter": 2}}, {"retry_policy"}),
        ({"tasks": chain("a"), "input_schema": {"type": 5}}, {"input_schema"}),
        ({"tasks": [step("a", output_mapping={"x": "1 +", "vars": "1"})]}, {"output_mapping"}),
        ({"tasks": [step("a", priority="SOON")]}, {"priority"}),
        ({"tasks": [step("a", join="most")]}, {"join"}),
        ({"tasks": [step("a", role="boss"), step("b", "b")]}, {"role", "depends_on"}),
        (
            {
                "tasks": [
                    {"key": "a", "kind": "human", "approval": {"required": 0, "title": "x" * 301}}
                ]
            },
            {"approval"},
        ),
        (
            {"tasks": [{"key": "a", "kind": "human", "approval": {"groups": "approver"}}]},
            {"approval"},
        ),
    ],
)
def test_a_wrong_definition_is_refused_and_leaves_nothing_behind(
    wrong: dict, fields: set[str]
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        engine.register_workflow({"key": "flow", "name": "Flow", **wrong})
    assert {problem.field for problem in refused.value.problems} == fields
    assert not Workflow.objects.exists()
