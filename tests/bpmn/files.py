"""BPMN files for tests: one of another editor, by hand, and ours with something done to it."""

from __future__ import annotations

from typing import Any

from tests.factories import chain
from workflows.bpmn import writer


def file(*tasks: dict[str, Any], key: str = "flow", **fields: Any) -> bytes:
    """A document of these tasks, with a comment of somebody's so that bytes can be told apart."""
    definition = {
        "key": key,
        "name": key.title(),
        "tasks": list(tasks or chain("a", "b")),
        **fields,
    }
    return writer.write(definition).rstrip() + b"\n<!-- drawn by hand -->\n"


def with_complex_gateway(document: bytes) -> bytes:
    """The same with an element that is not run."""
    gateway = b'<bpmn:complexGateway id="maze" name="Which way?"/>\n</bpmn:process>'
    return document.replace(b"</bpmn:process>", gateway)


def renamed(document: bytes, old: str, new: str) -> bytes:
    """With one name in it changed, as an editor does it."""
    was, now = f'"{old}"'.encode(), f'"{new}"'.encode()
    assert document.count(was) == 1, document
    return document.replace(was, now)


# As another tool draws it: its own prefix, its own extension, a comment, a layout by hand.
FOREIGN = b"""<?xml version='1.0' encoding='UTF-8'?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"
    xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI"
    xmlns:house="http://example.org/house" id="d1" targetNamespace="http://example.org/orders">
  <process id="orders" name="Orders" isExecutable="true" >
    <startEvent id="begin"><outgoing>f1</outgoing></startEvent>
    <!-- the box on the left -->
    <userTask   id="look"  name='Look at it'>
      <extensionElements><house:colour value="red"/></extensionElements>
    </userTask>
    <task id="file" name="File it"/><endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="begin" targetRef="look"/>
    <sequenceFlow id="f2" sourceRef="look" targetRef="file"/>
    <sequenceFlow id="f3" sourceRef="file" targetRef="end"/>
  </process>
  <bpmndi:BPMNDiagram id="p"><bpmndi:BPMNPlane id="pl" bpmnElement="orders">
    <bpmndi:BPMNShape id="s1" bpmnElement="begin"><dc:Bounds x="17" y="52" width="36" height="36"/></bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="s2" bpmnElement="look"><dc:Bounds x="123" y="31" width="100" height="80"/></bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="s3" bpmnElement="file"><dc:Bounds x="301" y="37" width="100" height="80"/></bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="s4" bpmnElement="end"><dc:Bounds x="467" y="59" width="36" height="36"/></bpmndi:BPMNShape>
    <bpmndi:BPMNEdge id="e1" bpmnElement="f1"><di:waypoint x="53" y="70"/><di:waypoint x="123" y="71"/></bpmndi:BPMNEdge>
    <bpmndi:BPMNEdge id="e2" bpmnElement="f2"><di:waypoint x="223" y="71"/><di:waypoint x="301" y="77"/></bpmndi:BPMNEdge>
    <bpmndi:BPMNEdge id="e3" bpmnElement="f3"><di:waypoint x="401" y="77"/><di:waypoint x="467" y="77"/></bpmndi:BPMNEdge>
  </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</definitions>
"""  # noqa: E501
