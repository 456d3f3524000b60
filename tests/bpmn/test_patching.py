"""A document that is written again: what nobody has changed keeps its bytes."""

from __future__ import annotations

import copy
import difflib
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.demo.workflows import ORDER_PROCESSING
from tests.bpmn import schema
from tests.bpmn.definitions import EVERYTHING, difference, edited, of_graph, plain
from tests.graph.test_tokens import structured
from workflows.bpmn import reader
from workflows.bpmn.splicing import Splice
from workflows.bpmn.writer import write

QUICKLY = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
KEPT = b"<!-- nobody's business -->"
FOREIGN = b"""<?xml version='1.0' encoding='ISO-8859-1' standalone="yes"?>\r
<?tool keeps="this"?>\r
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"\r
    xmlns:dc='http://www.omg.org/spec/DD/20100524/DC'
    xmlns:di='http://www.omg.org/spec/DD/20100524/DI'
    xmlns:v="http://vendor.example/1" id="d" targetNamespace="x"  >\r
  <!-- M\xfcnchen > 3 -->
  <process isExecutable="true" id="p" name='Caf\xe9'>\r
    <startEvent id="s"/>
    <task   id='a'  name="A &#x22;quoted&#x22;"
        v:colour="red"><extensionElements><v:note><![CDATA[<keep & this>]]></v:note>
        </extensionElements></task>
    <task id="b" name="B"></task>
    <sequenceFlow id="f1" sourceRef="s" targetRef="a"/>
    <sequenceFlow targetRef="b" sourceRef="a" id="f2"/>
  </process>
  <bpmndi:BPMNDiagram id="dia"><bpmndi:BPMNPlane id="pl" bpmnElement="p">
    <bpmndi:BPMNShape id="s_di" bpmnElement="s"><dc:Bounds x='100' y="82" width="36" height="36"/>
    </bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="a_di" bpmnElement="a"><dc:Bounds x="200" y="60" width="100" height="80"/>
    </bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="b_di" bpmnElement="b"><dc:Bounds x="360" y="60" width="100" height="80"/>
    </bpmndi:BPMNShape>
    <bpmndi:BPMNEdge id="f1_di" bpmnElement="f1"><di:waypoint x="136" y="100"/>
      <di:waypoint x="200" y="100"/></bpmndi:BPMNEdge>
    <bpmndi:BPMNEdge id="f2_di" bpmnElement="f2"><di:waypoint x="300" y="100"/>
      <di:waypoint x="360" y="100"/></bpmndi:BPMNEdge>
  </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</definitions>\r
<!-- the end -->
"""


def patched(definition: dict[str, Any], previous: bytes) -> bytes:
    data = write(definition, previous)
    assert difference(reader.read(data).definition, definition) == []
    return data


def changed(previous: bytes, **tasks: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The document with fields of some tasks changed, and the definition that says so."""
    definition = copy.deepcopy(reader.read(previous).definition)
    for task in definition["tasks"]:
        task.update(tasks.get(task["key"], {}))
    return patched(definition, previous), definition


def lines(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """The lines that are gone and those that are new, without the blanks around them."""
    given = [data.decode("latin-1").splitlines() for data in (before, after)]
    found = list(difflib.ndiff(*given))
    return (
        [line[2:].strip() for line in found if line.startswith("- ")],
        [line[2:].strip() for line in found if line.startswith("+ ")],
    )


@pytest.mark.parametrize("definition", [ORDER_PROCESSING, EVERYTHING], ids=lambda one: one["key"])
def test_an_equal_definition_gives_the_document_back_byte_for_byte(
    definition: dict[str, Any],
) -> None:
    data = write(definition)
    assert write(definition, data) is data
    assert write(reader.read(data).definition, data) is data
    assert write(reader.read(FOREIGN).definition, FOREIGN) is FOREIGN


def test_a_changed_field_changes_its_own_lines_only() -> None:
    before = write(ORDER_PROCESSING)
    after, _ = changed(before, fulfill_order={"name": "Ship", "max_retries": 7})
    assert lines(before, after) == (
        [
            '<bpmn:serviceTask id="fulfill_order" name="Fulfil order">',
            '<signalbox:taskDefinition capabilities="shipping" retries="3"/>',
        ],
        [
            '<bpmn:serviceTask id="fulfill_order" name="Ship">',
            '<signalbox:taskDefinition capabilities="shipping" retries="7"/>',
        ],
    )


def test_somebody_elses_file_keeps_its_declaration_quotes_comments_and_extensions() -> None:
    after, _ = changed(FOREIGN, b={"name": "Büro 中"})
    expected = FOREIGN.replace(b'id="b" name="B"', b'id="b" name="B\xfcro &#20013;"')
    assert after == expected


def test_what_is_ours_is_declared_once_at_the_root_of_somebody_elses_file() -> None:
    after, _ = changed(FOREIGN, a={"kind": "agent", "agent": "clerk"}, b={"kind": "human",
        "approval": {"groups": ["x"]}})  # fmt: skip
    assert after.count(b"urn:signalbox:bpmn:1.0") == 1
    assert b"<![CDATA[<keep & this>]]>" in after
    assert b'v:colour="red"' in after
    assert b'<signalbox:taskDefinition agent="clerk"/>' in after


def test_a_new_task_is_drawn_beside_its_neighbour_and_touches_nothing_else() -> None:
    definition = copy.deepcopy(reader.read(FOREIGN).definition)
    definition["tasks"].append({"key": "c", "kind": "agent", "depends_on": ["b"]})
    after = patched(definition, FOREIGN)
    gone, new = lines(FOREIGN, after)
    assert [line for line in gone if "definitions" not in line] == []
    assert '<serviceTask id="c" name="c"/>' in new
    assert '<dc:Bounds x="520" y="60" width="120" height="80"/>' in new
    assert '<di:waypoint x="460" y="100"/>' in new


def test_a_removed_task_takes_its_shape_and_its_edges_with_it() -> None:
    definition = copy.deepcopy(reader.read(FOREIGN).definition)
    definition["tasks"] = [task for task in definition["tasks"] if task["key"] != "b"]
    after = patched(definition, FOREIGN)
    assert b'"b' not in after
    assert b"f2" not in after
    assert lines(FOREIGN, after)[1] == []


def test_a_task_that_waits_for_another_one_gets_a_gateway_and_loses_it_again() -> None:
    before = write({"key": "flow", "tasks": [{"key": "a"}, {"key": "b"},
                                             {"key": "c", "depends_on": ["a"]}]})  # fmt: skip
    joined, _ = changed(before, c={"depends_on": ["a", "b"]})
    assert b'<bpmn:parallelGateway id="gw_join_c" signalbox:implicit="join">' in joined
    assert b'bpmnElement="gw_join_c"' in joined
    again, _ = changed(joined, c={"depends_on": ["a"]})
    assert b"gw_join_c" not in again


def check(before: dict[str, Any], after: dict[str, Any]) -> None:
    after = {**after, "key": before["key"]}
    end = b"</bpmn:definitions>"
    previous = write(before).replace(end, KEPT + end)
    data = patched(after, previous)
    assert KEPT in data  # it was patched and not written anew
    assert schema.problems(data) == []
    assert write(after, data) is data


@QUICKLY
@given(edited(EVERYTHING))
def test_any_edit_of_a_process_with_everything_in_it_is_patched(after: dict[str, Any]) -> None:
    check(EVERYTHING, after)


@QUICKLY
@given(plain(), plain())
def test_any_plain_workflow_is_patched_into_any_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    check(before, after)


@QUICKLY
@given(structured(2).map(of_graph).flatmap(lambda one: st.tuples(st.just(one), edited(one))))
def test_any_edit_of_nested_blocks_is_patched(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    check(*both)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_an_untouched_tree_is_written_as_it_came(encoding: str) -> None:
    text = FOREIGN.decode("latin-1").replace("ISO-8859-1", encoding)
    data = text.encode(encoding)
    if encoding == "utf-16":
        data = write(reader.read(data).definition, data)
        assert data.decode(encoding) == text
    else:
        assert Splice(data).written() == data


def test_a_file_of_somebody_else_says_the_same_when_it_is_written_anew() -> None:
    definition = reader.read(FOREIGN).definition
    assert difference(reader.read(write(definition)).definition, definition) == []
