"""What other tools write: understood where it says the same, named where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.bpmn.reader import read
from workflows.bpmn.writer import write

from .drawing import el, ext, file, findings, flow, one


def people(*args: str, **attributes: str) -> tuple[list[str], list[str]]:
    asked: dict[str, Any] = one(el("userTask", "a", *args, **attributes))["approval"]
    return asked["users"], asked["groups"]


def test_people_and_groups_of_camunda_and_flowable() -> None:
    assert people(camunda__assignee="ann") == (["ann"], [])
    assert people(flowable__candidateUsers="ann, bob", flowable__candidateGroups="board") == (
        ["ann", "bob"],
        ["board"],
    )


def test_people_and_groups_of_zeebe() -> None:
    plain = '<zeebe:assignmentDefinition candidateGroups="board,audit"/>'
    assert people(ext(plain)) == ([], ["board", "audit"])
    listed = '<zeebe:assignmentDefinition candidateUsers=\'=["ann", "bob"]\'/>'
    assert people(ext(listed)) == (["ann", "bob"], [])


def test_people_and_groups_of_the_standard() -> None:
    named = el("formalExpression", inner="user(ann), group(board), audit")
    owner = el("potentialOwner", inner=el("resourceAssignmentExpression", inner=named))
    assert people(owner) == (["ann"], ["board", "audit"])


def test_who_depends_on_variables_is_named() -> None:
    drawn = el("userTask", "a", camunda__assignee="${starter}")
    assert "The assignee “${starter}” depends on variables" in findings(drawn)[0]


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        (ext('<zeebe:taskDefinition type="price" retries="3"/>'), {}),
        (
            ext("<camunda:failedJobRetryTimeCycle>R3/PT0S</camunda:failedJobRetryTimeCycle>"),
            {"camunda__type": "external", "camunda__topic": "price"},
        ),
        (
            ext("<flowable:failedJobRetryTimeCycle>R3/PT0S</flowable:failedJobRetryTimeCycle>"),
            {"flowable__type": "external-worker", "flowable__topic": "price"},
        ),
    ],
)
def test_a_type_of_job_is_a_capability_and_attempts_are_retries(
    inner: str, attributes: dict[str, str]
) -> None:
    task = one(el("serviceTask", "a", inner, **attributes))
    assert task == {"kind": "agent", "capabilities": ["price"], "max_retries": 2}


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"camunda__class": "com.example.Pay"}, "The code “com.example.Pay” (class) is not run"),
        ({"camunda__delegateExpression": "${pay}"}, "(delegateExpression) is not run"),
        ({"flowable__type": "mail"}, "type “mail”"),
        ({"camunda__topic": "${topic}"}, "depends on variables"),
        ({"operationRef": "op"}, "operation of an interface"),
        ({"flowable__skipExpression": "${x}"}, "“skipExpression”"),
        ({"startQuantity": "2"}, "startQuantity"),
    ],
)
def test_code_and_services_of_another_engine_are_named(
    attributes: dict[str, str], what: str
) -> None:
    assert any(what in found for found in findings(el("serviceTask", "a", **attributes)))


def test_a_task_that_nobody_is_named_for_is_noted() -> None:
    assert "any that is free" in findings(el("serviceTask", "a"), severity="note")[0]


def test_mappings_take_fixed_values_in_and_variables_out() -> None:
    mapping = (
        '<zeebe:ioMapping><zeebe:input source="=5" target="limit"/>'
        '<zeebe:input source="=total" target="total"/>'
        '<zeebe:output source="=price" target="paid"/></zeebe:ioMapping>'
    )
    job = '<zeebe:taskDefinition type="price"/>'
    task = one(el("serviceTask", "a", ext(job + mapping)))
    assert task["input"] == {"limit": 5}
    assert task["output_mapping"] == {"paid": '("price" in output ? output.price : price)'}
    worked = '<zeebe:ioMapping><zeebe:input source="=order.id" target="id"/></zeebe:ioMapping>'
    assert "worked out" in findings(el("serviceTask", "a", ext(job + worked)))[0]


def test_camunda_parameters_are_read_where_they_are_plain() -> None:
    mapping = (
        "<camunda:inputOutput>"
        '<camunda:inputParameter name="limit">5 EUR</camunda:inputParameter>'
        '<camunda:outputParameter name="paid">${price}</camunda:outputParameter>'
        "</camunda:inputOutput>"
    )
    work = {"camunda__type": "external", "camunda__topic": "price"}
    task = one(el("serviceTask", "a", ext(mapping), **work))
    assert task["input"] == {"limit": "5 EUR"}
    assert [*task["output_mapping"]] == ["paid"]


def test_calls_hand_over_what_they_name() -> None:
    handed = (
        '<camunda:in source="order" target="goods"/><camunda:in sourceExpression="${a.b}" '
        'target="b"/><camunda:out source="state" target="shipped"/>'
    )
    task = one(el("callActivity", "a", ext(handed), calledElement="ship"))
    assert task["calls"] == {"key": "ship", "input": {"goods": "order", "b": "a.b"}}
    assert task["output_mapping"] == {"shipped": "output.state"}
    own = '<zeebe:calledElement processId="ship" propagateAllChildVariables="false"/>'
    assert one(el("callActivity", "a", ext(own)))["calls"] == {"key": "ship"}
    everything = ext('<camunda:out variables="all"/>')
    drawn = el("callActivity", "a", everything, calledElement="ship")
    assert "list them as outputs" in findings(drawn)[0]


def test_decision_tables() -> None:
    own = ext('<zeebe:calledDecision decisionId="rates" resultVariable="rate"/>')
    expected = {"kind": "decision", "decision": {"decision": "rates", "result": "rate"}}
    assert one(el("businessRuleTask", "a", own)) == expected
    classic = {"camunda__decisionRef": "rates", "camunda__resultVariable": "rate"}
    single = {**classic, "camunda__mapDecisionResult": "singleEntry"}
    assert one(el("businessRuleTask", "a", **single)) == expected
    assert "list of rows" in findings(el("businessRuleTask", "a", **classic))[0]
    assert "no decision table" in findings(el("businessRuleTask", "a"))[0]


def test_a_message_is_correlated_by_its_key() -> None:
    keyed = ext('<zeebe:subscription correlationKey="=order.id"/>')
    paid = el("message", "m", keyed, name="paid")
    task = one(el("receiveTask", "a", messageRef="m"), root=paid)
    assert task["event"] == {"type": "message", "name": "paid", "key": "order.id"}


def test_each_thing_that_is_not_read_is_listed_with_its_place() -> None:
    listener = '\n<camunda:executionListener class="X" event="start"/>'
    drawn = el("task", "a", ext(listener), name="Pay", xmlns__o="urn:other", o__hint="1")
    found = read(file(drawn)).findings
    assert [(x.element_id, x.name, x.line, x.severity) for x in found] == [
        ("a", "Pay", 4, "note"),
        ("a", "Pay", 5, "unsupported"),
    ]
    assert "“hint” of urn:other" in found[0].what
    assert "<executionListener>" in found[1].what


def test_decoration_and_what_is_the_same_anyway_is_not_mentioned() -> None:
    colours = {
        "xmlns__c": "http://www.omg.org/spec/BPMN/non-normative/color/1.0",
        "c__background-color": "#fff",
        "camunda__asyncBefore": "true",
    }
    assert read(file(el("task", "a", **colours))).findings == []


FIELDS = """<camunda:formData>
<camunda:formField id="amount" label="Amount due" type="long" defaultValue="5">
  <camunda:validation><camunda:constraint name="required"/>
    <camunda:constraint name="max" config="100"/></camunda:validation></camunda:formField>
<camunda:formField id="kind" type="enum" defaultValue="tea">
  <camunda:value id="tea" name="Green tea"/><camunda:value id="coffee"/></camunda:formField>
<camunda:formField id="due" type="date" defaultValue="24/12/2026"/>
<camunda:formField id="fine" type="boolean" defaultValue="true"/>
<camunda:formField id="note" type="string" defaultValue="${x}"/>
<camunda:formField id="size" type="bytes">
  <camunda:validation><camunda:constraint name="validator" config="x"/></camunda:validation>
</camunda:formField>
<camunda:formField id="2nd" type="string"/></camunda:formData>"""


def test_the_fields_of_a_form_are_the_forms_and_become_variables() -> None:
    drawn = el("userTask", "a", ext(FIELDS), camunda__assignee="x")
    task = one(drawn)
    form = task["approval"]["form"]
    assert form["required"] == ["amount"]
    assert [*form["properties"].values()] == [
        {
            "type": "integer",
            "title": "Amount due",
            "default": 5,
            "maximum": 100,
            "propertyOrder": 1,
        },
        {"type": "string", "enum": ["tea", "coffee"], "default": "tea", "propertyOrder": 2},
        {"type": "string", "format": "date", "propertyOrder": 3},
        {"type": "boolean", "default": True, "propertyOrder": 4},
        {"type": "string", "propertyOrder": 5},
        {"type": "string", "propertyOrder": 6},
    ]
    assert task["output_mapping"]["amount"] == "output.data.amount"
    assert len(task["output_mapping"]) == 6
    assert len(findings(drawn, severity="note")) == 6


def test_what_a_task_says_itself_goes_over_the_fields_of_its_form() -> None:
    own = '<signalbox:ioMapping><signalbox:output source="1" target="b"/></signalbox:ioMapping>'
    task = one(el("userTask", "a", ext(FIELDS + own), camunda__assignee="x"))
    assert task["output_mapping"] == {"b": "1"}
    own = '<signalbox:approval>{"groups": ["g"]}</signalbox:approval>'
    task = one(el("userTask", "a", ext(FIELDS + own)))
    assert task["approval"] == {"groups": ["g"]}
    assert "output_mapping" not in task


def test_a_form_is_patched_into_a_file_and_read_again() -> None:
    data = file(el("userTask", "a", ext(FIELDS), camunda__assignee="x"))
    definition = read(data).definition
    assert write(definition, data) == data
    form = {"type": "object", "properties": {"b": {"type": "string"}}}
    definition["tasks"][0] |= {
        "approval": {"groups": ["g"], "form": form},
        "output_mapping": {"b": "output.data.b"},
    }
    again = read(write(definition, data)).definition["tasks"][0]
    assert again["approval"] == {"groups": ["g"], "form": form}
    assert again["output_mapping"] == {"b": "output.data.b"}
    definition["tasks"][0] |= {"approval": {"groups": ["g"]}, "output_mapping": {}}
    again = read(write(definition, data)).definition["tasks"][0]
    assert again["approval"] == {"groups": ["g"]}
    assert "output_mapping" not in again


def test_what_a_file_says_must_be_understood_is() -> None:
    must = '<bpmn:extension mustUnderstand="true" definition="urn:x"/>'
    assert "must be understood" in findings(el("task", "a"), root=must)[0]


def test_a_finding_names_the_step_or_flow_that_it_is_about() -> None:
    when = el("conditionExpression", "c", "x.y")
    ways = el("sequenceFlow", "f", when, sourceRef="a", targetRef="a", name="no")
    timed = el("timerEventDefinition", "t", el("timeDuration", "d", "soon"))
    waits = el("intermediateCatchEvent", "b", timed, name="Wait")
    loop = el("multiInstanceLoopCharacteristics", "l")
    found = read(file(el("task", "a"), ways, waits, el("subProcess", "s", loop))).unsupported
    assert [(one.element_id, one.name) for one in found] == [("f", "no"), ("b", "Wait"), ("s", "")]


def test_what_is_no_element_of_a_process_is_named() -> None:
    assert "<widget> is no element" in findings(el("widget", "a"))[0]


def test_a_condition_without_exact_translation_stays_as_it_is_and_is_named() -> None:
    when = "${order.isPaid()}"
    drawn = [el("exclusiveGateway", "g"), el("task", "a"), flow("g", "a", when)]
    assert one(*drawn, unsupported=1)["depends_on"] == [{"task": "g", "when": when}]
    assert (
        "g-a: The condition “${order.isPaid()}” has no exact translation to CEL"
        in findings(*drawn)[0]
    )
