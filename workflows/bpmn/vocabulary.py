"""Names of BPMN 2.0 elements, and where each may stand among its siblings."""

from __future__ import annotations

from typing import Final

from lxml import etree

BPMN: Final = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMNDI: Final = "http://www.omg.org/spec/BPMN/20100524/DI"
DC: Final = "http://www.omg.org/spec/DD/20100524/DC"
DI: Final = "http://www.omg.org/spec/DD/20100524/DI"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

EVENT_TAGS: Final = (
    "startEvent",
    "endEvent",
    "intermediateCatchEvent",
    "intermediateThrowEvent",
    "boundaryEvent",
)
GATEWAY_TAGS: Final = (
    "exclusiveGateway",
    "parallelGateway",
    "inclusiveGateway",
    "eventBasedGateway",
    "complexGateway",
)
SCOPE_TAGS: Final = ("subProcess", "transaction", "adHocSubProcess")
TASK_TAGS: Final = (
    "task",
    "serviceTask",
    "userTask",
    "manualTask",
    "scriptTask",
    "businessRuleTask",
    "sendTask",
    "receiveTask",
    "callActivity",
)
NODE_TAGS: Final = frozenset((*EVENT_TAGS, *GATEWAY_TAGS, *SCOPE_TAGS, *TASK_TAGS))
ARTIFACT_TAGS: Final = frozenset(("association", "textAnnotation", "group"))
LOOP_TAGS: Final = frozenset(("multiInstanceLoopCharacteristics", "standardLoopCharacteristics"))
EVENT_DEFINITION: Final = "EventDefinition"  # the end of their names

_RANKS: Final[dict[str, int]] = {
    "documentation": 0,
    "extensionElements": 1,
    "auditing": 2,
    "monitoring": 3,
    "categoryValueRef": 4,
    "incoming": 5,
    "outgoing": 6,
    "ioSpecification": 7,
    "property": 8,
    "dataInput": 9,
    "dataOutput": 9,
    "dataInputAssociation": 10,
    "dataOutputAssociation": 11,
    "inputSet": 12,
    "outputSet": 12,
    **dict.fromkeys(("resourceRole", "performer", "humanPerformer", "potentialOwner"), 13),
    **dict.fromkeys(LOOP_TAGS, 14),
    "script": 15,
    "activationCondition": 15,
    "conditionExpression": 15,
    "laneSet": 16,
    **dict.fromkeys(ARTIFACT_TAGS, 18),
    "completionCondition": 19,
}
_EVENT_RANK, _FLOW_ELEMENT_RANK = 15, 17


def bpmn(name: str) -> str:
    """A name in BPMN's namespace, as lxml writes it."""
    return f"{{{BPMN}}}{name}"


def local(element: etree._Element) -> str:
    """The local name of a BPMN element; "" for another namespace, a comment or an instruction."""
    tag = element.tag
    if isinstance(tag, str) and tag.startswith(f"{{{BPMN}}}"):
        return tag[len(BPMN) + 2 :]
    return ""


def rank(element: etree._Element) -> int:
    """Where an element stands among its siblings (the sequences of the OMG schema)."""
    name = local(element)
    if name.endswith((EVENT_DEFINITION, "eventDefinitionRef")):
        return _EVENT_RANK
    return _RANKS.get(name, _FLOW_ELEMENT_RANK)
