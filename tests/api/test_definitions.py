from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program, limited
from tests.factories import chain, human, register
from workflows import engine
from workflows.models import AuditEvent, Version, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
FLOW: dict[str, Any] = {"key": "flow", "name": "Flow", "tasks": chain("a", "b")}


def test_a_definition_is_published_and_the_same_again_is_the_same_version(
    modeller: Program,
) -> None:
    first, again = modeller.post("workflows", FLOW), modeller.post("workflows", FLOW)
    other = modeller.post("workflows", {**FLOW, "tasks": chain("a", "b", "c")})
    assert [(one.status, one.body["version"]) for one in (first, again, other)] == [
        (201, 1), (200, 1), (201, 2),
    ]  # fmt: skip
    assert first.body["published_by"] == "linus"
    assert first.headers["Location"] == "/api/v1/workflows/flow"
    row = AuditEvent.objects.filter(kind="workflow.published").first()
    assert (row.actor, row.data["token"]) == ("user:linus", modeller.text[:12])


def test_the_names_of_the_sketch_are_understood(modeller: Program) -> None:
    sketch = {
        "workflow_id": "sketch", "name": "S", "timeout_minutes": 5, "triggers": ["order_created"],
        "retry_policy": {"max_retries": 1, "backoff_multiplier": 2},
        "tasks": [
            {"task_id": "a", "name": "A", "agent_id": "x", "input_data": {"n": 1}},
            {"task_id": "b", "name": "B", "agent_id": None, "dependencies": ["a"]},
        ],
    }  # fmt: skip
    assert modeller.post("workflows", sketch).status == 201
    assert Version.objects.get().graph["nodes"][0]["input"] == {"n": 1}


def test_every_problem_of_a_definition_is_listed_and_nothing_is_kept(modeller: Program) -> None:
    tasks = [{"key": "a", "dependencies": ["z"]}, {"key": "b", "output_mapping": {"x": "1 +"}}]
    answer = modeller.post("workflows", {"key": "flow", "tasks": tasks})
    assert (answer.status, answer.body["type"]) == (422, "urn:signalbox:problem:invalid-definition")
    assert {one["field"] for one in answer.body["errors"]} >= {"a.depends_on", "b.output_mapping"}
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"tasks": {}}, "body.tasks"),
        ({"tasks": ["a"]}, "body.tasks.0"),
        ({"tasks": [{"key": "a", "capabilities": "x"}]}, "body.tasks.0.capabilities"),
        (
            {"tasks": [{"key": "a", "dependencies": [{"when": "true"}]}]},
            "body.tasks.0.dependencies",
        ),
        ({"variables": []}, "body.variables"),
        ({"colour": "red"}, "body.colour"),
    ],
)
def test_what_is_no_definition_is_told_with_its_place(
    modeller: Program, wrong: dict[str, Any], field: str
) -> None:
    answer = modeller.post("workflows", {**FLOW, **wrong})
    assert answer.status == 422
    assert answer.body["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/x", "file:///etc/hosts"])
def test_an_input_schema_reaches_neither_other_hosts_nor_files(
    modeller: Program, place: str
) -> None:
    answer = modeller.post("workflows", {**FLOW, "input_schema": {"$ref": place}})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "input_schema")
    assert "Retrieval is disabled" in answer.body["errors"][0]["detail"]


def test_workflows_are_listed_and_read_as_published(operator: Program) -> None:
    register(*chain("a"), human("ask", {"task": "a", "when": "output.total > 5"}), key="flow")
    register(*chain("a"), key="other")
    assert [row["key"] for row in operator.get("workflows").body["items"]] == ["flow", "other"]
    first = operator.get("workflows", limit=1).body
    assert operator.get("workflows", cursor=first["next_cursor"]).body["items"][0]["key"] == "other"
    body = operator.get("workflows/flow").body
    assert (body["version"], [task["key"] for task in body["tasks"]]) == (1, ["a", "ask"])
    (way,) = body["tasks"][1]["dependencies"]
    plain = {"default": False, "order": 0, "name": ""}
    assert way == {"task": "a", "when": "output.total > 5", **plain}


def test_a_draft_is_no_version_yet(operator: Program) -> None:
    Workflow.objects.create(key="draft", name="Draft")
    assert operator.get("workflows/draft").body["version"] is None
    assert operator.post("workflows/draft/executions").status == 404


def test_an_unknown_workflow_is_not_found(operator: Program) -> None:
    assert operator.get("workflows/nothing").status == 404
    assert operator.get("workflows/%00").status == 422


def test_strangers_operators_and_tokens_without_the_scope_publish_nothing(
    modeller: Program, operator: Program, stranger: Program
) -> None:
    for client in (stranger, operator, limited(modeller, "read", "start", "decide", "agents")):
        assert client.post("workflows", FLOW).status == 403
    assert not Workflow.objects.exists()
    engine.register_workflow(FLOW)
    for path in ("workflows", "workflows/flow"):
        assert stranger.get(path).status == 403
        assert limited(modeller, "start", "operate").get(path).status == 403


def test_a_definition_with_events_and_sub_processes_is_published(modeller: Program) -> None:
    tasks: list[dict[str, Any]] = [
        {"key": "mail", "kind": "start", "event": {"type": "message", "name": "mail"}},
        {"key": "way", "kind": "exclusive", "dependencies": ["mail"]},
        {"key": "case", "kind": "scope", "scope": {"type": "ad_hoc"},
         "dependencies": [{"task": "way", "when": "n > 1", "order": 2, "name": "many"}]},
        {"key": "look", "parent": "case", "capabilities": ["echo"]},
        {"key": "none", "kind": "end",
         "dependencies": [{"task": "way", "default": True, "order": 1}]},
    ]  # fmt: skip
    assert modeller.post("workflows", {"key": "flow", "tasks": tasks}).status == 201
    graph = Version.objects.get().graph
    assert [graph["nodes"][flow["target"]]["key"] for flow in graph["flows"]] == [
        "way",
        "none",
        "case",
    ]
    assert graph["flows"][2]["name"] == "many"
    assert graph["nodes"][2]["scope"] == {"type": "ad_hoc"}
