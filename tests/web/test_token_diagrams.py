"""The diagram of a token graph: its gateways, events, sub-processes and loops, as they are now."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from agents import runner
from tests.factories import default, human, make_agent, node, start, step, when
from tests.web.conftest import page
from workflows.bpmn.nesting import nested
from workflows.engine import graphs
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def execution(db: None) -> Execution:
    make_agent()
    found = start(
        node("begin", "start"),
        step("write", "begin", when("good", "n < 3"), join="one", output_mapping={"n": "n + 1"}),
        node("good", "exclusive", "write"),
        node("inside", "scope", default("good")),
        step("a", parent="inside"),
        node("both", "parallel", "a", parent="inside"),
        human("ask", "both") | {"parent": "inside"},
        step("b", "both", parent="inside"),
        node("late", "boundary", attached_to="inside", event={"type": "timer", "duration": "P1D"}),
        step("remind", "late"),
        node("each", "call", "remind", calls={"key": "flow"}, loop={"cardinality": "0"}),
        node("wait", "catch", "inside", event={"type": "message", "name": "go"}),
        node("done", "end", "wait", "each", event={"type": "terminate"}),
        input={"n": 0},
    )
    runner.drain()
    found.refresh_from_db()
    return found


def test_each_kind_has_its_shape_and_the_latest_visit_its_state(
    operator: Client, execution: Execution
) -> None:
    text = page(operator, f"/executions/{execution.pk}/")
    shapes = re.findall(
        r'class="node ?(\w*)"(?:[^>]*data-state="(\w+)")?[^>]*><title>([^<(]*)', text
    )
    found = {name.strip(): (shape, state) for shape, state, name in shapes}
    assert found["Begin"] == ("event", "")
    assert found["Good"] == ("gateway", "")
    assert found["Write"] == ("", "completed")
    assert found["Inside"] == ("scope", "running")
    assert found["Ask"] == ("", "paused")
    assert found["Late"] == ("edge", "")
    assert "×3" in text
    assert "Waits for approval by group approver." in text


def test_a_sub_process_is_drawn_around_what_is_in_it(execution: Execution) -> None:
    graph = graphs.of(execution.version_id)
    placed = nested(graph)
    boxes = {node.key: box for node, box in zip(graph.nodes, placed.boxes, strict=True)}
    outer = boxes["inside"]
    for key in ("a", "both", "ask", "b"):
        inner = boxes[key]
        assert outer.x < inner.x
        assert inner.x + inner.width < outer.x + outer.width
        assert outer.y < inner.y
        assert inner.y + inner.height < outer.y + outer.height
    edge = boxes["late"]
    assert edge.y < outer.y + outer.height < edge.y + edge.height
    assert all(box.x >= 0 and box.x + box.width <= placed.width for box in placed.boxes)
    assert all(box.y >= 0 and box.y + box.height <= placed.height for box in placed.boxes)


def test_a_flow_that_was_taken_is_drawn_so(operator: Client, execution: Execution) -> None:
    text = page(operator, f"/executions/{execution.pk}/")
    uses = re.findall(r'<path class="flow (\w*)"', text)
    graph = graphs.of(execution.version_id)
    by_ends = {
        (graph.nodes[flow.source].key, graph.nodes[flow.target].key): use
        for flow, use in zip(graph.flows, uses, strict=True)
    }
    assert by_ends["begin", "write"] == by_ends["good", "write"] == "taken"
    assert by_ends["both", "ask"] == by_ends["good", "inside"] == "active"
    assert by_ends["late", "remind"] == by_ends["inside", "wait"] == ""


def test_a_caught_failure_offers_no_retry_and_a_wait_says_when_it_ends(operator: Client) -> None:
    make_agent(tool="tests.fail")
    found = start(
        step("ask", input={"permanent": True}),
        node("refused", "boundary", attached_to="ask", event={"type": "error"}),
        node("rest", "catch", "refused", event={"type": "timer", "duration": "PT5M"}),
    )
    runner.drain()
    text = page(operator, f"/executions/{found.pk}/")
    assert "“Rest” waits for its time." in text
    assert "retry-" not in text
    assert "It broke." in text


def test_a_wait_for_a_message_names_it_and_its_key(operator: Client) -> None:
    found = start(
        node("paid", "catch", event={"type": "message", "name": "payment", "key": "order"}),
        input={"order": "A1"},
    )
    text = page(operator, f"/executions/{found.pk}/")
    assert "“Paid” waits for an event." in text
    assert "“payment” (A1)" in text
