"""BPMN elements and the kinds of nodes that they are: one row each."""

from __future__ import annotations

from typing import Final

from workflows.graph import shape

DECISION: Final = "decision"

KINDS: Final[dict[str, str]] = {
    "startEvent": shape.START,
    "endEvent": shape.END,
    "intermediateCatchEvent": shape.CATCH,
    "intermediateThrowEvent": shape.THROW,
    "boundaryEvent": shape.BOUNDARY,
    "task": shape.PASS,
    "manualTask": shape.PASS,
    "userTask": shape.HUMAN,
    "serviceTask": shape.AGENT,
    "sendTask": shape.AGENT,  # or a throw, when all that it says is a message
    "receiveTask": shape.CATCH,
    "scriptTask": shape.PASS,
    "businessRuleTask": DECISION,  # or an agent, when it names one
    "callActivity": shape.CALL,
    "subProcess": shape.SCOPE,
    "transaction": shape.SCOPE,
    "adHocSubProcess": shape.SCOPE,
    "exclusiveGateway": shape.EXCLUSIVE,
    "parallelGateway": shape.PARALLEL,
    "inclusiveGateway": shape.INCLUSIVE,
    "eventBasedGateway": shape.EVENT_GATEWAY,
}

# Elements of BPMN 2.0 that are kept as a step that does nothing, and why they cannot be run.
UNSUPPORTED: Final[dict[str, str]] = {
    "complexGateway": "A complex gateway cannot be run: draw what it means with other gateways.",
    "choreographyTask": "A choreography cannot be run.",
    "subChoreography": "A choreography cannot be run.",
    "callChoreography": "A choreography cannot be run.",
    "implicitThrowEvent": "An implicit throw event cannot be run.",
    "event": "An event of no kind cannot be run.",
}

NODES: Final = KINDS.keys() | UNSUPPORTED.keys()
SCOPES: Final = frozenset({"subProcess", "transaction", "adHocSubProcess"})
EVENTS: Final = frozenset(
    {
        "startEvent",
        "endEvent",
        "intermediateCatchEvent",
        "intermediateThrowEvent",
        "boundaryEvent",
    }
)
ACTIVITIES: Final = frozenset(
    {
        "task",
        "manualTask",
        "userTask",
        "serviceTask",
        "sendTask",
        "receiveTask",
        "scriptTask",
        "businessRuleTask",
        "callActivity",
        *SCOPES,
    }
)

# What a type of event definition (BPMN 2.0, 10.5.5) is called here.
EVENT_TYPES: Final[dict[str, str]] = {
    "timerEventDefinition": "timer",
    "messageEventDefinition": "message",
    "signalEventDefinition": "signal",
    "conditionalEventDefinition": "conditional",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
    "compensateEventDefinition": "compensate",
    "linkEventDefinition": "link",
    "terminateEventDefinition": "terminate",
    "cancelEventDefinition": "cancel",
}
MULTIPLE: Final = "multiple"
WAITED_FOR: Final = frozenset({"timer", "message", "signal", "conditional", MULTIPLE})
CAUGHT: Final = WAITED_FOR | {"error", "escalation"}
ALLOWED: Final[dict[str, frozenset[str]]] = {
    shape.START: WAITED_FOR,
    shape.SCOPE: CAUGHT | {"compensate"},
    shape.CATCH: WAITED_FOR | {"link"},
    shape.BOUNDARY: CAUGHT | {"cancel"},
    shape.THROW: frozenset({"message", "signal", "escalation", "compensate", "link", MULTIPLE}),
    shape.END: frozenset(
        {
            "message",
            "signal",
            "escalation",
            "compensate",
            "error",
            "terminate",
            "cancel",
            MULTIPLE,
        }
    ),
}

# What else may stand in a process and changes nothing of how it runs.
DRAWN: Final = frozenset(
    {
        "documentation",
        "extensionElements",
        "auditing",
        "monitoring",
        "ioSpecification",
        "ioBinding",
        "property",
        "laneSet",
        "dataObject",
        "dataObjectReference",
        "dataStoreReference",
        "textAnnotation",
        "group",
        "association",
        "sequenceFlow",
        "incoming",
        "outgoing",
        "categoryValueRef",
        "supportedInterfaceRef",
        "supports",
        "dataInput",
        "dataOutput",
        "inputSet",
        "outputSet",
    }
)
OWNERS: Final = NODES | {
    "sequenceFlow",
    "process",
    "message",
    "signal",
    "error",
    "escalation",
    "lane",
    "participant",
}
ROLES: Final = frozenset({"resourceRole", "performer", "humanPerformer", "potentialOwner"})

# The attributes of all elements in BPMN's schema.
ATTRIBUTES: Final = frozenset({
    "activityRef", "associationDirection", "attachedToRef", "auditing", "behavior",
    "calledElement", "cancelActivity", "cancelRemainingInstances", "capacity", "categoryValueRef",
    "completionQuantity", "correlationKeyRef", "correlationPropertyRef", "dataObjectRef",
    "dataStoreRef", "default", "definition", "definitionalCollaborationRef", "direction",
    "errorCode", "errorRef", "escalationCode", "escalationRef", "evaluatesToTypeRef",
    "eventGatewayType", "exporter", "exporterVersion", "expressionLanguage", "gatewayDirection",
    "id", "implementation", "implementationRef", "importType", "initiatingParticipantRef",
    "innerConversationNodeRef", "inputDataRef", "instantiate", "isClosed", "isCollection",
    "isExecutable", "isForCompensation", "isHorizontal", "isImmediate", "isInterrupting",
    "isSequential", "isUnlimited", "itemKind", "itemRef", "itemSubjectRef", "language",
    "location", "loopMaximum", "loopType", "maximum", "messageRef", "method", "minimum",
    "mustUnderstand", "name", "namespace", "noneBehaviorEventRef", "oneBehaviorEventRef",
    "operationRef", "ordering", "outputDataRef", "parallelMultiple", "parameterRef",
    "partitionElementRef", "processRef", "processType", "resourceRef", "scriptFormat",
    "signalRef", "sourceRef", "startQuantity", "state", "structureRef", "targetNamespace",
    "targetRef", "testBefore", "textFormat", "triggeredByEvent", "type", "typeLanguage", "value",
    "waitForCompletion",
})  # fmt: skip
