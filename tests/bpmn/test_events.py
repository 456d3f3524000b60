"""Events, loops and compensation as a definition says them."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.bpmn.extension import CEL
from workflows.bpmn.reader import BpmnError, read

from .drawing import el, ext, file, findings, flow, one, tasks

ROOT = (
    el("message", "m", name="paid")
    + el("signal", "s", name="strike")
    + el("error", "e", errorCode="E42", name="Out of stock")
    + el("escalation", "x", escalationCode="late")
)


def timer(**times: str) -> str:
    return el("timerEventDefinition", inner="".join(el(k, inner=v) for k, v in times.items()))


def event(tag: str, definition: str, **attributes: str) -> dict[str, Any]:
    attached = {"attachedToRef": "host"} if tag == "boundaryEvent" else {}
    host = el("serviceTask", "host", lane, name="Host") if attached else ""
    drawn = el(tag, "a", definition, **attached, **attributes)
    found: dict[str, Any] = one(host, drawn, root=ROOT)["event"]
    return found


lane = ext('<signalbox:taskDefinition role="worker"/>')
MESSAGE = el("messageEventDefinition", messageRef="m")
SIGNAL = el("signalEventDefinition", signalRef="s")


@pytest.mark.parametrize(
    ("tag", "definition", "expected"),
    [
        ("startEvent", MESSAGE, {"type": "message", "name": "paid"}),
        ("intermediateCatchEvent", SIGNAL, {"type": "signal", "name": "strike"}),
        ("intermediateThrowEvent", SIGNAL, {"type": "signal", "name": "strike"}),
        ("endEvent", MESSAGE, {"type": "message", "name": "paid"}),
        ("endEvent", el("errorEventDefinition", errorRef="e"), {"type": "error", "code": "E42"}),
        ("endEvent", el("terminateEventDefinition"), {"type": "terminate"}),
        ("endEvent", el("cancelEventDefinition"), {"type": "cancel"}),
        ("endEvent", el("compensateEventDefinition"), {"type": "compensate"}),
        (
            "intermediateThrowEvent",
            el("escalationEventDefinition", escalationRef="x"),
            {"type": "escalation", "code": "late"},
        ),
        (
            "intermediateThrowEvent",
            el("linkEventDefinition", name="L"),
            {"type": "link", "name": "L"},
        ),
        ("boundaryEvent", el("errorEventDefinition"), {"type": "error"}),
        (
            "boundaryEvent",
            el("errorEventDefinition", errorRef="e"),
            {"type": "error", "code": "E42"},
        ),
        ("boundaryEvent", el("cancelEventDefinition"), {"type": "cancel"}),
        (
            "intermediateCatchEvent",
            el("conditionalEventDefinition", inner=el("condition", inner="${stock &gt; 3}")),
            {"type": "conditional", "condition": "stock > 3"},
        ),
        ("boundaryEvent", timer(timeDuration="PT15M"), {"type": "timer", "duration": "PT15M"}),
        ("boundaryEvent", timer(timeCycle="R3/PT1H"), {"type": "timer", "duration": "PT1H"}),
        (
            "intermediateCatchEvent",
            timer(timeDuration="${wait}"),
            {"type": "timer", "duration": "wait"},
        ),
        (
            "intermediateCatchEvent",
            el("timerEventDefinition", inner=el("timeDate", inner="due + wait", language=CEL)),
            {"type": "timer", "at": "due + wait"},
        ),
        (
            "intermediateCatchEvent",
            timer(timeDate="2030-01-31T09:00:00Z"),
            {"type": "timer", "at": "2030-01-31T09:00:00Z"},
        ),
        ("startEvent", timer(timeCycle="R/PT1H"), {"type": "timer", "cycle": "R/PT1H"}),
        (
            "startEvent",
            timer(timeCycle="0 0 9 ? * MON-FRI"),
            {"type": "timer", "cron": "0 9 * * MON-FRI", "zone": "UTC"},
        ),
        (
            "intermediateCatchEvent",
            MESSAGE + SIGNAL,
            {
                "type": "multiple",
                "parallel": False,
                "events": [
                    {"type": "message", "name": "paid"},
                    {"type": "signal", "name": "strike"},
                ],
            },
        ),
    ],
)
def test_an_event_says_what_it_waits_for_or_throws(
    tag: str, definition: str, expected: dict[str, Any]
) -> None:
    assert event(tag, definition) == expected


def test_an_event_that_does_not_interrupt_says_so_and_may_repeat() -> None:
    found = event("boundaryEvent", timer(timeCycle="R/P1D"), cancelActivity="false")
    assert found == {"type": "timer", "cycle": "R/P1D", "interrupting": False}


def test_several_events_may_all_be_waited_for() -> None:
    found = event("intermediateCatchEvent", MESSAGE + SIGNAL, parallelMultiple="true")
    assert found["parallel"] is True


def test_an_event_definition_may_be_referred_to() -> None:
    shared = el("timerEventDefinition", "t", el("timeDuration", inner="PT5S"))
    referring = el("eventDefinitionRef", inner="t")
    task = one(el("intermediateCatchEvent", "a", referring), root=shared)
    assert task["event"] == {"type": "timer", "duration": "PT5S"}
    with pytest.raises(BpmnError, match="event definition “t”"):
        read(file(el("intermediateCatchEvent", "a", referring)))


@pytest.mark.parametrize(
    ("tag", "definition", "what"),
    [
        ("intermediateCatchEvent", "", "It does not say which event"),
        ("intermediateCatchEvent", el("messageEventDefinition"), "It names no message"),
        ("intermediateCatchEvent", el("signalEventDefinition", signalRef="z"), "no signal “z”"),
        ("intermediateCatchEvent", el("conditionalEventDefinition"), "names no condition"),
        ("intermediateCatchEvent", timer(), "one of a duration, a date and a cycle"),
        ("intermediateCatchEvent", timer(timeDuration="P1M"), "The time cannot be read"),
        ("intermediateCatchEvent", timer(timeDate="2030-01-31T09:00:00"), "with a time zone"),
        ("intermediateCatchEvent", timer(timeDuration="soon"), "no exact translation"),
        ("startEvent", timer(timeCycle="*/5 * * * * *"), "counts seconds"),
        ("startEvent", timer(timeCycle="0 0 9 ? * 2"), "day of the week is a number"),
        ("startEvent", timer(timeDuration="${wait}"), "Before a start"),
        ("startEvent", el("errorEventDefinition"), "“error” does not work here"),
        ("endEvent", el("linkEventDefinition", name="L"), "“link” does not work here"),
        (
            "intermediateThrowEvent",
            el("compensateEventDefinition", waitForCompletion="false"),
            "always waited for",
        ),
    ],
)
def test_an_event_that_cannot_be_carried_out_is_named(tag: str, definition: str, what: str) -> None:
    found = findings(el(tag, "a", definition))
    assert found
    assert found[0].startswith("a: ")
    assert what in found[0]


def test_a_handler_undoes_the_step_that_its_event_sits_on() -> None:
    drawn = [
        el("task", "pay"),
        el("boundaryEvent", "undo", el("compensateEventDefinition"), attachedToRef="pay"),
        el("serviceTask", "refund", lane, isForCompensation="true"),
        el("association", "as", sourceRef="undo", targetRef="refund"),
    ]
    found = tasks(read(file(*drawn)))
    assert [*found] == ["pay", "refund"]
    assert found["refund"]["compensates"] == "pay"
    assert found["pay"]["kind"] == "scope"


def test_a_handler_that_no_event_leads_to_never_runs() -> None:
    reading = read(
        file(el("task", "a"), el("subProcess", "b", el("task"), isForCompensation="true"))
    )
    assert [*tasks(reading)] == ["a"]
    assert [finding.severity for finding in reading.findings] == ["note"]
    lonely = el("boundaryEvent", "u", el("compensateEventDefinition"), attachedToRef="a")
    assert "No association" in findings(el("task", "a"), lonely)[0]


def loop(inner: str = "", **attributes: str) -> str:
    return el("multiInstanceLoopCharacteristics", inner=inner, **attributes)


ITEM = el("inputDataItem", name="line")
MANY = el("loopDataInputRef", inner="lines")
ENOUGH = el("completionCondition", inner="${nrOfCompletedInstances &gt;= 2}")
AGAIN = el("loopCondition", inner="${tries &lt; 3}")


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (
            loop(el("loopCardinality", inner="3") + ENOUGH, isSequential="true"),
            {
                "mode": "sequential",
                "index": "loopCounter",
                "cardinality": 3,
                "completion": "done >= 2",
            },
        ),
        (
            loop(MANY + ITEM),
            {"mode": "parallel", "index": "loopCounter", "collection": "lines", "item": "line"},
        ),
        (
            loop(camunda__collection="${order.lines}", camunda__elementVariable="line"),
            {
                "mode": "parallel",
                "index": "loopCounter",
                "collection": "order.lines",
                "item": "line",
            },
        ),
        (
            loop(
                ext(
                    '<zeebe:loopCharacteristics inputCollection="=lines" inputElement="line" '
                    'outputCollection="results"/>'
                )
            ),
            {"mode": "parallel", "collection": "lines", "item": "line", "output": "results"},
        ),
        (
            el("standardLoopCharacteristics", inner=AGAIN, testBefore="true", loopMaximum="9"),
            {"mode": "standard", "while": "tries < 3", "max": 9, "test_before": True},
        ),
    ],
)
def test_a_loop_says_how_often_and_over_what(drawn: str, expected: dict[str, Any]) -> None:
    assert one(el("serviceTask", "a", lane + drawn))["loop"] == expected


def test_a_loop_that_does_not_say_how_long_is_named() -> None:
    assert "how long" in findings(el("task", "a", el("standardLoopCharacteristics")))[0]
    assert "how many" in findings(el("task", "a", loop()))[0]


def test_a_step_that_does_nothing_can_be_a_loop() -> None:
    task = one(el("task", "a", loop(el("loopCardinality", inner="2"))))
    assert (task["kind"], task["loop"]["cardinality"]) == ("scope", 2)


def test_a_flow_keeps_its_label() -> None:
    drawn = [el("task", "a"), el("task", "b"), flow("b", "a", name="yes")]
    assert one(*drawn)["depends_on"] == [{"task": "b", "name": "yes"}]
