from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from lxml import etree

from config.demo.workflows import WORKFLOWS
from tests.bpmn import schema
from tests.bpmn.definitions import EVERYTHING, difference, of_graph, plain
from tests.graph.test_tokens import structured, unstructured
from workflows.bpmn import reader
from workflows.bpmn.vocabulary import bpmn
from workflows.bpmn.writer import write
from workflows.errors import BpmnError
from workflows.graph.shape import Graph

QUICKLY = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
ALL = [*WORKFLOWS, EVERYTHING]


def tags(data: bytes, **attributes: str) -> dict[str, str]:
    """Local names of the flow nodes with an attribute, by id."""
    root = etree.fromstring(data)
    return {
        one.get("id"): etree.QName(one).localname
        for one in root.iter(etree.Element)
        if all(one.get(name) == value for name, value in attributes.items())
    }


def chain(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"key": "flow", "tasks": list(tasks)}


def round_trip(definition: dict[str, Any]) -> bytes:
    data = write(definition)
    assert schema.problems(data) == []
    back = reader.read(data)
    assert not back.unsupported
    assert difference(back.definition, definition) == []
    return data


@pytest.mark.parametrize("definition", ALL, ids=lambda one: one["key"])
def test_what_is_written_is_valid_and_read_as_the_same(definition: dict[str, Any]) -> None:
    round_trip(definition)


def test_written_documents_open_in_the_modeler_without_a_warning() -> None:
    found = schema.opened([write(definition) for definition in ALL])
    assert found == [["bpmn:Definitions", []]] * len(ALL)


@QUICKLY
@given(plain())
def test_any_plain_workflow_comes_back_as_it_was(definition: dict[str, Any]) -> None:
    round_trip(definition)


@QUICKLY
@given(structured())
def test_any_process_of_nested_blocks_comes_back_as_it_was(process: Graph) -> None:
    round_trip(of_graph(process))


@QUICKLY
@given(unstructured())
def test_any_token_graph_comes_back_as_it_was(process: Graph) -> None:
    round_trip(of_graph(process))


def test_a_task_that_waits_for_every_path_has_a_parallel_gateway_before_it() -> None:
    data = round_trip(chain({"key": "a"}, {"key": "b"}, {"key": "c", "depends_on": ["a", "b"]}))
    assert tags(data)["gw_join_c"] == "parallelGateway"


def test_ways_that_exclude_each_other_are_an_exclusive_choice_and_merge_freely() -> None:
    data = round_trip(
        chain(
            {"key": "a"},
            {"key": "b", "depends_on": [{"task": "a", "when": "total > limit"}]},
            {
                "key": "c",
                "join": "one",
                "depends_on": ["b", {"task": "a", "when": "total <= limit"}],
            },
        )
    )
    assert tags(data)["gw_split_a"] == "exclusiveGateway"
    assert "gw_join_c" not in tags(data)


def test_ways_that_may_both_be_taken_are_an_inclusive_choice_and_the_first_one_wins() -> None:
    data = round_trip(
        chain(
            {"key": "a"},
            {"key": "b", "depends_on": [{"task": "a", "when": "x > 1"}]},
            {"key": "c", "join": "one", "depends_on": ["b", {"task": "a", "when": "y > 1"}]},
        )
    )
    assert tags(data)["gw_split_a"] == "inclusiveGateway"
    assert tags(data)["gw_join_c"] == "complexGateway"


def test_a_gateway_that_was_given_a_meaning_of_its_own_is_not_folded() -> None:
    data = write(chain({"key": "a"}, {"key": "b"}, {"key": "c", "depends_on": ["a", "b"]}))
    changed = data.replace(
        b"</bpmn:process>",
        b"""
      <bpmn:task id="d"/><bpmn:sequenceFlow id="f" sourceRef="gw_join_c" targetRef="d"/>
    </bpmn:process>""",
    )
    keys = {task["key"]: task["kind"] for task in reader.read(changed).definition["tasks"]}
    assert keys["gw_join_c"] == "parallel"


def test_names_that_are_taken_are_not_taken_twice() -> None:
    given = {
        "key": "gw_join_c",
        "tasks": [
            {"key": "definitions"},
            {"key": "gw_join_c"},
            {"key": "c", "depends_on": ["definitions", "gw_join_c"]},
            {"key": "start_event", "depends_on": ["c"]},
            {"key": "flow_c_start_event", "depends_on": ["start_event"]},
        ],
    }
    round_trip(given)


def test_a_condition_is_the_label_of_its_way_until_it_has_a_name() -> None:
    item: dict[str, Any] = {"task": "a", "when": "double(total) > 5.0"}
    given = chain({"key": "a"}, {"key": "b", "depends_on": [item]})
    flow = etree.fromstring(write(given)).find(f".//{bpmn('sequenceFlow')}[@targetRef='b']")
    assert flow.get("name") == "total > 5.0"
    item["name"] = "large"
    flow = etree.fromstring(write(given)).find(f".//{bpmn('sequenceFlow')}[@targetRef='b']")
    assert flow.get("name") == "large"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"key": "a", "name": "bell \x07"}, "“a”: 'bell \\x07' has a character"),
        ({"key": "a", "kind": "dance"}, "“a”: “dance” is no kind of task."),
        ({"key": "a", "parent": "b"}, "“a”: It lies in “b”, which is no sub-process"),
        ({"key": "a", "kind": "boundary"}, "“a”: attached_to names “”, which is no task"),
        ({"key": "a", "kind": "scope", "parent": "a"}, "“a”: It lies in itself"),
        ({"key": "a", "priority": "urgent"}, "'urgent' is no priority"),
        ({"key": "a b"}, "“a b”: This key cannot be the id"),
    ],
)
def test_what_cannot_be_drawn_is_named(task: dict[str, Any], said: str) -> None:
    with pytest.raises(BpmnError, match=f"^{said.replace('(', '[(]')}".replace("\\", "\\\\")):
        write(chain(task))


def test_a_start_in_an_event_sub_process_carries_the_event_of_its_sub_process() -> None:
    timer = {"type": "timer", "cycle": "R3/PT1H", "interrupting": False}
    scope = {"key": "a", "kind": "scope", "event": timer}
    start = {"key": "s", "kind": "start", "parent": "a"}
    for tasks in ([scope, start], [start, scope]):
        round_trip(chain({"key": "work"}, *tasks, {"key": "b", "parent": "a", "depends_on": ["s"]}))
