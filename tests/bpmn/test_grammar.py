"""Documents made up by a grammar: none of them crashes the reader, whatever they hold."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from workflows.bpmn.kinds import EVENT_TYPES, KINDS, SCOPES, UNSUPPORTED
from workflows.bpmn.reader import BpmnError, Reading, read

from .drawing import el, ext, file, flow, tasks

KEYS = [f"n{number}" for number in range(8)]
EVENT_TAGS = [tag for tag in KINDS if tag.endswith("Event")]
ANY = st.sampled_from(KEYS)
PLAIN = ["", "x", "3", "-1", "true", "a b", "n1", "p:n1", "{}", "“ü”", "\u0600", "9" * 400]
TIMES = ["PT5M", "R3/PT1M", "R/", "2030-01-01", "0 0 * * * ?"]
TEXTS = st.sampled_from([*PLAIN, *TIMES, "${x > 1}", "${x.y()}", "= x and y", "=["])
NAMES = st.sampled_from(
    ["name", "default", "messageRef", "calledElement", "isForCompensation", "triggeredByEvent"]
    + ["scriptFormat", "startQuantity", "operationRef", "implementation", "instantiate"]
    + [f"camunda__{name}" for name in ("assignee", "topic", "class", "type", "resultVariable")]
    + [f"flowable__{name}" for name in ("candidateGroups", "collection", "elementVariable")]
)
VENDOR = st.sampled_from(
    [f"zeebe:{name}" for name in ("taskDefinition", "assignmentDefinition", "calledElement")]
    + [f"zeebe:{name}" for name in ("ioMapping", "loopCharacteristics", "script", "unknown")]
    + [f"camunda:{name}" for name in ("inputOutput", "in", "out", "failedJobRetryTimeCycle")]
    + [f"signalbox:{name}" for name in ("taskDefinition", "ioMapping", "event", "loop", "calls")]
    + [f"signalbox:{name}" for name in ("approval", "decision", "scope", "workflow", "other")]
)
INNER = st.sampled_from(["type", "retries", "source", "target", "name", "variables", "assignee"])


@st.composite
def extensions(draw: st.DrawFn) -> str:
    tag, attributes = draw(VENDOR), draw(st.dictionaries(INNER, TEXTS, max_size=3))
    written = "".join(f" {name}={quoted(value)}" for name, value in attributes.items())
    child = "zeebe:output" if tag.startswith("zeebe") else "camunda:outputParameter"
    inner = f"<{child}{written}>{escaped(draw(TEXTS))}</{child}>" if draw(st.booleans()) else ""
    return ext(f"<{tag}{written}>{inner or escaped(draw(TEXTS))}</{tag}>")


@st.composite
def definitions(draw: st.DrawFn) -> str:
    tag = draw(st.sampled_from([*EVENT_TYPES, "eventDefinitionRef", "oddEventDefinition"]))
    child = draw(st.sampled_from(["timeDuration", "timeDate", "timeCycle", "condition"]))
    inner = el(child, inner=escaped(draw(TEXTS))) if draw(st.booleans()) else escaped(draw(TEXTS))
    refs = ["messageRef", "signalRef", "errorRef", "escalationRef", "activityRef"]
    given = draw(st.dictionaries(st.sampled_from(refs), TEXTS, max_size=2))
    return el(tag, inner=inner, **{name: escaped(value) for name, value in given.items()})


LOOPS = st.builds(
    lambda tag, inner, text: el(tag, inner=el(inner, inner=escaped(text))),
    st.sampled_from(["multiInstanceLoopCharacteristics", "standardLoopCharacteristics"]),
    st.sampled_from(
        ["loopCardinality", "loopCondition", "completionCondition", "loopDataInputRef"]
    ),
    TEXTS,
)


@st.composite
def nodes(draw: st.DrawFn, key: str, depth: int = 0) -> str:
    tag = draw(st.sampled_from([*KINDS, *UNSUPPORTED, "sequenceFlow", "nonsense"]))
    attributes = draw(st.dictionaries(NAMES, TEXTS, max_size=3))
    inner = draw(st.one_of(st.just(""), extensions()))
    if tag in EVENT_TAGS:
        inner += "".join(draw(st.lists(definitions(), max_size=2)))
        attributes.update({"attachedToRef": draw(ANY)} if tag == "boundaryEvent" else {})
    else:
        inner += draw(st.one_of(st.just(""), LOOPS))
    if tag in SCOPES and depth < 3:
        inner += draw(nodes(key=f"{key}.{depth}", depth=depth + 1))
    return el(tag, key, inner, **{name: escaped(value) for name, value in attributes.items()})


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    parts = [draw(nodes(key=key)) for key in KEYS]
    for number in range(draw(st.integers(0, 8))):
        when = escaped(draw(TEXTS))
        drawn = flow(draw(ANY), draw(ANY), when)
        parts.append(drawn.replace("id=", f'id="f{number}" data=', 1))
    lanes = el("lane", inner=el("flowNodeRef", inner=draw(ANY)), name=escaped(draw(TEXTS)))
    root = el("message", "m", name=escaped(draw(TEXTS))) + el("error", "3")
    return file(el("laneSet", inner=lanes), *parts, root=root)


def escaped(text: str) -> str:
    pairs = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
    for sign, written in pairs:
        text = text.replace(sign, written)
    return text


def quoted(text: str) -> str:
    return f'"{escaped(text)}"'


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
@example(file())
def test_a_document_is_read_or_refused_with_its_line(data: bytes) -> None:
    try:
        reading = read(data)
    except BpmnError as error:
        refused = error
        event("refused")
    else:
        event("read")
        check(reading, data)
        return
    assert refused.line


def check(reading: Reading, data: bytes) -> None:
    """What a definition says of its tasks holds together, and is the same every time."""
    found: dict[str, dict[str, Any]] = tasks(reading)
    assert len(found) == len(reading.definition["tasks"])
    for task in found.values():
        before = [
            one if isinstance(one, str) else one["task"] for one in task.get("depends_on", ())
        ]
        named = [task[name] for name in ("parent", "attached_to", "compensates") if name in task]
        assert {*before, *named} <= found.keys()
    assert all(finding.line >= 1 and finding.what for finding in reading.findings)
    assert reading == read(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2_000), st.integers(0, 40))
def test_a_damaged_file_is_read_or_refused(damage: bytes, at: int, gone: int) -> None:
    whole = file(el("userTask", "a", name="Prüfen"), el("task", "b"), flow("a", "b", "${x}"))
    with contextlib.suppress(BpmnError):
        read(whole[:at] + damage + whole[at + gone :])
