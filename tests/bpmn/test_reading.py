"""What each element of BPMN becomes in a definition."""

from __future__ import annotations

import time

import pytest

from workflows.bpmn import implicit
from workflows.bpmn.extension import CEL
from workflows.bpmn.reader import BpmnError, read

from .drawing import el, ext, file, findings, flow, one, tasks


def test_a_process_is_a_workflow_with_its_id_name_and_documentation() -> None:
    documented = el("documentation", inner="Sells &amp; ships.") + el(
        "documentation", inner="Twice."
    )
    reading = read(file(documented, el("task", "a"), attributes='name="Take  orders"'))
    assert reading.definition == {
        "key": "orders",
        "name": "Take orders",
        "description": "Sells & ships.\n\nTwice.",
        "tasks": [{"key": "a", "kind": "pass"}],
    }
    assert reading.findings == []


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("task", "pass"),
        ("manualTask", "pass"),
        ("startEvent", "start"),
        ("endEvent", "end"),
        ("intermediateThrowEvent", "throw"),
        ("exclusiveGateway", "exclusive"),
        ("parallelGateway", "parallel"),
        ("inclusiveGateway", "inclusive"),
        ("eventBasedGateway", "event_gateway"),
        ("subProcess", "scope"),
    ],
)
def test_an_element_says_by_itself_of_which_kind_it_is(tag: str, kind: str) -> None:
    assert one(el(tag, "a", name="A  b")) == {"kind": kind, "name": "A b"}


def test_a_complex_gateway_is_kept_as_a_step_and_named() -> None:
    assert one(el("complexGateway", "a"), unsupported=1)["kind"] == "pass"


def test_flows_are_read_from_their_ends_in_the_order_of_the_file() -> None:
    found = tasks(
        read(
            file(
                el("exclusiveGateway", "g", default="last"),
                el("sequenceFlow", "last", sourceRef="g", targetRef="c", name="else"),
                flow("g", "b", "x &gt; 1", CEL),
                flow("g", "a", "x &gt; 2", CEL),
                *(el("task", key) for key in "abc"),
            )
        )
    )
    assert found["c"]["depends_on"] == [{"task": "g", "default": True, "name": "else"}]
    assert found["b"]["depends_on"] == [{"task": "g", "when": "x > 1", "order": 1}]
    assert found["a"]["depends_on"] == [{"task": "g", "when": "x > 2", "order": 2}]


def test_a_flow_without_id_is_not_the_default_of_a_gateway_without_one() -> None:
    nameless = '<bpmn:sequenceFlow sourceRef="g" targetRef="a"/>'
    assert one(el("exclusiveGateway", "g"), nameless, el("task", "a"))["depends_on"] == ["g"]


def test_two_flows_into_a_step_are_a_merge_and_into_a_parallel_gateway_a_join() -> None:
    into = [flow(start, end) for start in "ab" for end in ("c", "j", "x", "e")]
    ends = [el("parallelGateway", "j"), el("exclusiveGateway", "x"), el("endEvent", "e")]
    found = tasks(read(file(*(el("task", key) for key in "abc"), *ends, *into)))
    assert found["c"]["join"] == found["x"]["join"] == "one"
    assert "join" not in found["j"]
    assert "join" not in found["e"]


def test_a_second_flow_between_the_same_steps_stays_a_way_of_its_own() -> None:
    second = el("sequenceFlow", "again", sourceRef="g", targetRef="a")
    found = tasks(read(file(el("parallelGateway", "g"), flow("g", "a"), second, el("task", "a"))))
    assert found["a"]["depends_on"] == ["g", "again"]
    assert found["again"] == {"key": "again", "kind": "pass", "depends_on": ["g"]}
    assert found["a"]["join"] == "one"


def test_conditions_that_never_count_are_left_out_and_noted() -> None:
    drawn = [el("parallelGateway", "g"), flow("g", "a", "x", CEL), el("task", "a")]
    assert one(*drawn)["depends_on"] == ["g"]
    assert findings(*drawn, severity="note")[0].startswith("g-a: The condition does not count")


def test_a_half_drawn_flow_is_named_and_left_out() -> None:
    loose = '<bpmn:sequenceFlow id="f" sourceRef="a"/>'
    assert findings(el("task", "a"), loose) == ["f: It leads nowhere: connect it, or take it away."]


def test_what_lies_in_a_sub_process_names_it_as_its_parent() -> None:
    inner = el("startEvent", "s") + el("task", "b") + flow("s", "b") + el("subProcess", "deep")
    found = tasks(read(file(el("subProcess", "a", inner))))
    assert [found[key].get("parent") for key in ("a", "s", "b", "deep")] == [None, "a", "a", "a"]


def test_a_transaction_and_an_ad_hoc_sub_process_say_of_which_kind_they_are() -> None:
    assert one(el("transaction", "a"))["scope"] == {"type": "transaction"}
    done = f'<bpmn:completionCondition language="{CEL}">done</bpmn:completionCondition>'
    drawn = el(
        "adHocSubProcess", "a", done, ordering="Sequential", cancelRemainingInstances="false"
    )
    assert one(drawn)["scope"] == {
        "type": "ad_hoc",
        "ordering": "sequential",
        "cancel_remaining": False,
        "completion": "done",
    }


def test_an_event_sub_process_has_the_event_that_starts_it() -> None:
    timed = el("timerEventDefinition", inner=el("timeCycle", inner="R3/PT1H"))
    start = el("startEvent", "s", timed, isInterrupting="false")
    found = tasks(read(file(el("subProcess", "a", start, triggeredByEvent="true"))))
    assert found["a"]["event"] == {"type": "timer", "cycle": "R3/PT1H", "interrupting": False}
    assert found["s"] == {"key": "s", "kind": "start", "parent": "a"}


def test_a_call_names_the_workflow() -> None:
    assert one(el("callActivity", "a", calledElement="ship_it"))["calls"] == {"key": "ship_it"}
    assert findings(el("callActivity", "a")) == ["a: It names no process that it calls."]


def test_a_receive_task_waits_for_its_message_and_a_send_task_sends_it() -> None:
    paid = el("message", "m", name="paid")
    received = one(el("receiveTask", "a", messageRef="m"), root=paid)
    assert received == {"kind": "catch", "event": {"type": "message", "name": "paid"}}
    sent = one(el("sendTask", "a", messageRef="m"), root=paid)
    assert sent == {"kind": "throw", "event": {"type": "message", "name": "paid"}}
    begun = one(el("receiveTask", "a", messageRef="m", instantiate="true"), root=paid)
    assert begun["kind"] == "start"


def test_an_event_sits_on_what_waits_for_a_message_and_on_a_scope_around_what_is_done_at_once() -> (
    None
):
    late = el("timerEventDefinition", inner=el("timeDuration", inner="PT1H"))
    edge = el("boundaryEvent", "late", late, attachedToRef="a")
    paid = el("message", "m", name="paid")
    found = tasks(read(file(el("receiveTask", "a", messageRef="m"), edge, root=paid)))
    assert [*found] == ["a", "late"]
    assert (found["a"]["kind"], found["late"]["attached_to"]) == ("catch", "a")
    assert found["a"]["event"] == {"type": "message", "name": "paid"}
    empty = tasks(read(file(el("task", "a"), edge)))
    assert [task["kind"] for task in empty.values()] == ["scope", "boundary"]


def test_a_script_sets_a_variable_and_other_languages_are_named() -> None:
    script = el("script", inner="total * 2")
    drawn = el("scriptTask", "a", script, scriptFormat=CEL, camunda__resultVariable="twice")
    assert one(drawn) == {"kind": "pass", "output_mapping": {"twice": "total * 2"}}
    other = el("scriptTask", "a", script, scriptFormat="groovy", camunda__resultVariable="twice")
    assert "it is in groovy" in findings(other)[0]
    assert "resultVariable" in findings(el("scriptTask", "a", script, scriptFormat=CEL))[0]


def test_lanes_name_the_group_of_people_and_the_role_of_agents() -> None:
    refs = [el("flowNodeRef", inner=key) for key in ("a", "b", "c")]
    inner = el("childLaneSet", inner=el("lane", "l3", refs[2], name="Board"))
    lanes = el("lane", "l1", refs[0] + inner, name="Finance") + el(
        "lane", "l2", refs[1], name="Worker"
    )
    found = tasks(
        read(
            file(
                el("laneSet", inner=lanes),
                el("userTask", "a"),
                el("serviceTask", "b"),
                el("userTask", "c"),
            )
        )
    )
    assert found["a"]["approval"] == {"groups": ["Finance"], "users": [], "not_requester": False}
    assert found["b"]["role"] == "worker"
    assert found["c"]["approval"]["groups"] == ["Board"]


def test_our_own_extension_says_who_works_and_what_goes_in_and_out() -> None:
    who = (
        '<signalbox:taskDefinition agent="pricer" priority="high" retries="2" timeout="30" '
        'capabilities="price tax"/>'
    )
    mapping = (
        '<signalbox:ioMapping><signalbox:input target="limit">{"eur": 5}</signalbox:input>'
        '<signalbox:output source="output.price" target="price"/></signalbox:ioMapping>'
    )
    assert one(el("serviceTask", "a", ext(who + mapping))) == {
        "kind": "agent",
        "agent": "pricer",
        "capabilities": ["price", "tax"],
        "priority": "high",
        "max_retries": 2,
        "timeout_seconds": 30,
        "input": {"limit": {"eur": 5}},
        "output_mapping": {"price": "output.price"},
    }


def test_json_of_our_own_extension_lies_over_the_standard_elements() -> None:
    said = '<signalbox:approval>{"groups": ["board"], "required": 2}</signalbox:approval>'
    assert one(el("userTask", "a", ext(said)))["approval"] == {"groups": ["board"], "required": 2}
    called = '<signalbox:calls>{"version": 3, "input": {"x": "y"}}</signalbox:calls>'
    task = one(el("callActivity", "a", ext(called), calledElement="ship"))
    assert task["calls"] == {"key": "ship", "version": 3, "input": {"x": "y"}}
    table = '<signalbox:decision>{"decision": "rates", "result": "rate"}</signalbox:decision>'
    assert one(el("businessRuleTask", "a", ext(table))) == {
        "kind": "decision",
        "decision": {"decision": "rates", "result": "rate"},
    }


def test_broken_values_of_our_own_extension_are_named() -> None:
    who = '<signalbox:taskDefinition priority="now" retries="-1" timeout="soon"/>'
    assert len(findings(el("serviceTask", "a", ext(who)))) == 3
    assert "no JSON" in findings(el("userTask", "a", ext("<signalbox:loop>{</signalbox:loop>")))[0]
    assert "not known" in findings(el("task", "a", ext("<signalbox:surprise/>")))[0]


def test_the_process_carries_what_a_workflow_says_beyond_its_tasks() -> None:
    said = '<signalbox:workflow>{"variables": {"x": 1}, "timeout_minutes": 5}</signalbox:workflow>'
    definition = read(file(ext(said), el("task", "a"))).definition
    assert (definition["variables"], definition["timeout_minutes"]) == ({"x": 1}, 5)


def test_of_several_processes_the_executable_one_is_read_or_the_one_that_is_named() -> None:
    drawn = el("process", "drawn", el("task", "b"), name="Drawn only")
    reading = read(file(el("task", "a"), root=drawn))
    assert reading.definition["key"] == "orders"
    assert [finding.element_id for finding in reading.findings] == ["drawn"]
    named = read(file(el("task", "a"), root=drawn), process="Drawn only")
    assert [task["key"] for task in named.definition["tasks"]] == ["b"]
    assert "executable" in named.findings[0].what
    with pytest.raises(BpmnError, match="there are “drawn”, “orders”"):
        read(file(el("task", "a"), root=drawn), process="lost")


def test_ids_that_cannot_be_keys_become_the_same_key_every_time() -> None:
    keys = [[*tasks(read(file(el("task", given))))] for given in ("prüfen", "prüfen", "pr_fen")]
    assert keys[0] == keys[1]
    assert keys[2] == ["pr_fen"]
    assert keys[0] != keys[2]
    assert [*tasks(read(file("<bpmn:task/>", "<bpmn:task/>")))] == ["task-3", "task-4"]


def test_lines_are_known_by_id_and_by_key() -> None:
    reading = read(file(el("task", "a"), el("task", "prüfen"), flow("a", "prüfen")))
    assert reading.lines["a"] == 4
    assert reading.lines["prüfen"] == reading.lines[reading.definition["tasks"][1]["key"]] == 5
    assert reading.lines["a-prüfen"] == 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "iso-8859-1"])
def test_a_file_may_be_in_other_encodings(encoding: str) -> None:
    declared = {"utf-16-be": "utf-16", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = file(el("task", "a", name="Prüfen")).decode()
    data = f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding)
    data = b"\xfe\xff" + data if encoding == "utf-16-be" else data
    assert tasks(read(data))["a"]["name"] == "Prüfen"


def test_any_prefix_will_do() -> None:
    text = file(el("task", "a")).decode()
    plain = text.replace("bpmn:", "").replace("xmlns:bpmn", "xmlns")
    assert read(plain.encode()).definition == read(text.encode()).definition


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"", "empty", None),
        (b"<a>\n<b></a>", "no well-formed XML: mismatched tag", 2),
        (b"<definitions/>", "It is no BPMN 2.0", 1),
        (file(el("task", "a"), el("task", "a")), "“a” is already that of an element on line 4", 5),
        (file(el("task", "a"), flow("a", "b")), "It leads to “b”, which is not in this file", 5),
        (file(el("boundaryEvent", "b", attachedToRef="x")), "It is attached to “x”", 4),
        (file(el("exclusiveGateway", "g", default="x")), "Its default way is “x”", 4),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    data: bytes, message: str, line: int | None
) -> None:
    with pytest.raises(BpmnError, match=message) as refused:
        read(data)
    assert refused.value.line == line
    assert str(line or "") in str(refused.value)


def test_what_an_extension_holds_is_no_step_though_it_is_called_like_one() -> None:
    held = ext(f"<signalbox:keep>{el('task', 'b')}{el('task', 'a')}</signalbox:keep>")
    assert [*tasks(read(file(el("task", "a", held))))] == ["a"]
    with pytest.raises(BpmnError, match="not in this file"):
        read(file(el("task", "a", held), flow("a", "b")))


def test_a_file_without_a_process_is_refused() -> None:
    with pytest.raises(BpmnError, match="no process"):
        read(b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>')


def test_processes_that_can_only_call_each_other_are_refused_and_recursion_is_not() -> None:
    def call(to: str) -> str:
        return el("callActivity", f"to_{to}", calledElement=to)

    with pytest.raises(BpmnError, match="can never end") as refused:
        read(file(call("other"), root=el("process", "other", call("orders"))))
    assert refused.value.element_id in ("orders", "other")
    steps = [
        el("exclusiveGateway", "g"),
        el("endEvent", "e"),
        flow("g", "e"),
        flow("g", "to_orders"),
    ]
    assert read(file(call("orders"), *steps)).unsupported == []


def test_thousands_of_implicit_joins_fold_in_one_pass() -> None:
    """The editor's saves fold them: twice as many must not take four times as long."""
    joins = range(3000)
    tasks = [{"key": "t0", "kind": "pass"}]
    for n in joins:
        tasks.append({"key": f"j{n}", "kind": "parallel", "depends_on": [f"t{n}"]})
        tasks.append({"key": f"t{n + 1}", "kind": "pass", "depends_on": [f"j{n}"]})
    marked = {f"j{n}": implicit.Marked(implicit.JOIN, "parallelGateway") for n in joins}
    before = time.process_time()
    folded = implicit.folded({"tasks": tasks}, marked)
    assert time.process_time() - before < 3
    assert [task["key"] for task in folded["tasks"]] == [f"t{n}" for n in range(3001)]
    assert folded["tasks"][-1] == {
        "key": "t3000",
        "kind": "pass",
        "depends_on": ["t2999"],
        "join": "every",
    }
