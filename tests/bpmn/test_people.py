"""What other tools say of the work of people beside who does it: when it is due, and its form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workflows.bpmn.reader import read
from workflows.bpmn.writer import write

from .drawing import el, ext, file, findings, one

GROUP = {"camunda__candidateGroups": "board"}


def user(inner: str = "", **attributes: str) -> str:
    return el("userTask", "a", ext(inner) if inner else "", **GROUP, **attributes)


def notes(*elements: str) -> list[str]:
    return findings(*elements, severity="note")


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ("PT4H", "PT4H"),
        ("2030-01-31T09:00:00+01:00", "2030-01-31T09:00:00+01:00"),
        ("${order.by}", "order.by"),
        ("${dateTime().plusHours(4).toDate()}", "PT4H"),
        ("${now().plusMinutes(90).plusSeconds(1)}", "PT5401S"),
        ("${now()}", "PT0S"),
        ("=now() + duration(&quot;P2D&quot;)", "P2D"),
        ("=now() + @&quot;PT5M&quot;", "PT5M"),
        ("=date and time(&quot;2030-01-31T09:00:00Z&quot;)", "2030-01-31T09:00:00Z"),
        ("=by", '"by" in vars ? by : null'),
        ("=order.by", "order.by"),
    ],
)
@pytest.mark.parametrize("vendor", ["camunda", "flowable", "zeebe"])
def test_due_and_follow_up_dates_are_those_of_the_approval(
    given: str, due: str, vendor: str
) -> None:
    if vendor == "zeebe":
        drawn = user(f'<zeebe:taskSchedule dueDate="{given}" followUpDate="{given}"/>')
    else:
        drawn = user(**{f"{vendor}__dueDate": given, f"{vendor}__followUpDate": given})
    approval = one(drawn)["approval"]
    assert (approval["due"], approval["follow_up"]) == (due, due)
    assert notes(drawn) == []


def test_a_day_that_the_clocks_may_change_is_taken_and_named() -> None:
    drawn = user(camunda__dueDate="${now().plusDays(3)}")
    assert one(drawn)["approval"]["due"] == "P3D"
    assert "has 24 hours here" in notes(drawn)[0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("2030-01-31T09:00:00", "a moment with a time zone"),
        ("P1M", "a duration such as PT4H"),
        ("${calendar.next()}", "the method “next()” is not called"),
        ("${now().plusMonths(1)}", "the function “now()” is not called"),
        ("=now() + duration(period)", "is not kept"),
    ],
)
def test_a_due_date_without_exact_translation_is_named_and_stops_nothing(
    given: str, why: str
) -> None:
    drawn = user(camunda__dueDate=given)
    assert "due" not in one(drawn)["approval"]
    (note,) = notes(drawn)
    assert note.startswith(f"a: The due date “{given}” is not kept")
    assert why in note


def test_a_due_date_of_what_no_person_does_is_named() -> None:
    assert notes(el("serviceTask", "a", camunda__dueDate="P1D", camunda__topic="x")) == [
        "a: A due date is kept of a user task alone."
    ]


COMPONENTS: list[dict[str, Any]] = [
    {"type": "text", "text": "# Please look"},
    {"type": "textfield", "key": "name", "label": "Your name", "defaultValue": "ann",
     "validate": {"required": True, "minLength": 2, "maxLength": 9, "pattern": "^[a-z]+$"}},
    {"type": "textarea", "key": "why", "description": "In a few words"},
    {"type": "group", "label": "Money", "components": [
        {"type": "number", "key": "amount", "decimalDigits": 0, "validate": {"min": 1, "max": 90}},
        {"type": "number", "key": "rate", "defaultValue": 1.5}]},
    {"type": "checkbox", "key": "sure", "validate": {"required": True}},
    {"type": "select", "key": "kind", "values": [{"label": "tea", "value": "tea"}]},
    {"type": "radio", "key": "size", "values": [{"label": "Small", "value": "s"}]},
    {"type": "checklist", "key": "extras", "values": [{"label": "x", "value": "x"}]},
    {"type": "datetime", "subtype": "date", "key": "day"},
    {"type": "datetime", "subtype": "time", "key": "hour"},
    {"type": "filepicker", "key": "files"},
    {"type": "select", "key": "who", "valuesKey": "people"},
    {"type": "textfield", "key": "old", "conditional": {"hide": "=x"}, "label": "=y",
     "validate": {"required": True}},
    {"type": "button", "action": "submit"},
]  # fmt: skip
FIELDS = {
    "name": {"type": "string", "title": "Your name", "default": "ann", "minLength": 2,
             "maxLength": 9, "pattern": "^[a-z]+$"},
    "why": {"type": "string", "description": "In a few words", "maxLength": 100_000},
    "amount": {"type": "integer", "minimum": 1, "maximum": 90},
    "rate": {"type": "number", "default": 1.5},
    "sure": {"type": "boolean", "const": True},
    "kind": {"type": "string", "enum": ["tea"]},
    "size": {"type": "string", "enum": ["s"]},
    "extras": {"type": "array", "items": {"type": "string", "enum": ["x"]}, "uniqueItems": True},
    "day": {"type": "string", "format": "date"},
    "old": {"type": "string", "minLength": 1},
}  # fmt: skip


def with_form(components: list[dict[str, Any]], inner: str = "") -> list[str]:
    text = json.dumps({"components": components}).replace("<", "&lt;")
    form = f'<zeebe:userTaskForm id="F">{text}</zeebe:userTaskForm>'
    key = '<zeebe:formDefinition formKey="camunda-forms:bpmn:F"/>'
    return [ext(form), user(key + inner)]


def test_a_form_within_the_file_is_the_approvals_as_far_as_it_asks_the_same() -> None:
    task = one(*with_form(COMPONENTS))
    form = task["approval"]["form"]
    found = {
        name: {key: told for key, told in part.items() if key != "propertyOrder"}
        for name, part in form["properties"].items()
    }
    assert found == FIELDS
    assert form["required"] == ["name", "sure"]
    assert task["output_mapping"] == {name: f"output.data.{name}" for name in FIELDS}
    told = "\n".join(notes(*with_form(COMPONENTS)))
    for name in ("Please look", "size", "hour", "files", "who", "old"):
        assert f"{name}” of the form " in told
    assert len(told.splitlines()) == 6


def test_outputs_of_a_task_with_a_form_read_its_fields_and_are_all_that_is_given_on() -> None:
    outputs = (
        '<zeebe:ioMapping><zeebe:output source="=name" target="who"/>'
        '<zeebe:output source="=other" target="more"/></zeebe:ioMapping>'
    )
    mapping = one(*with_form(COMPONENTS[:2], outputs))["output_mapping"]
    assert mapping == {
        "who": "output.data.name",
        "more": '("other" in output ? output.other : other)',
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"components": 7}', "asks nothing"),
        ('{"components": [{"type": "textfield", "key": "a.b"}]}', "a name of its own"),
        ('{"components": [7, {"type": ["x"], "key": "a"}]}', "is not filled in"),
    ],
)
def test_a_form_that_is_none_is_named(text: str, why: str) -> None:
    key = '<zeebe:formDefinition formKey="camunda-forms:bpmn:F"/>'
    drawn = [ext(f'<zeebe:userTaskForm id="F">{text}</zeebe:userTaskForm>'), user(key)]
    assert "form" not in one(*drawn)["approval"]
    assert why in notes(*drawn)[0]
    assert "is not in this file" in notes(user(key))[0]


def test_a_file_asks_the_same_large_form_only_so_often() -> None:
    large = [{"type": "textfield", "key": "x", "description": "d" * 600_000}]
    form = f'<zeebe:userTaskForm id="F">{json.dumps({"components": large})}</zeebe:userTaskForm>'
    key = ext('<zeebe:formDefinition formKey="camunda-forms:bpmn:F"/>')
    drawn = [el("userTask", f"t{number}", key, **GROUP) for number in range(5)]
    reading = read(file(ext(form), *drawn))
    asking = [task["key"] for task in reading.definition["tasks"] if "form" in task["approval"]]
    assert asking == ["t0", "t1", "t2"]
    assert [one.element_id for one in reading.findings] == ["t3", "t4"]


@pytest.mark.parametrize(
    ("attributes", "inner", "key"),
    [
        ({"camunda__formKey": "claim"}, "", "claim"),
        ({"camunda__formRef": "claim", "camunda__formRefBinding": "latest"}, "", "claim"),
        ({"camunda__formKey": "camunda-forms:deployment:forms/claim.form"}, "", "claim"),
        ({"flowable__formKey": "claim"}, "", "claim"),
        ({}, '<zeebe:formDefinition formId="claim"/>', "claim"),
        ({"camunda__formKey": "embedded:app:forms/claim.html"}, "", None),
        ({"camunda__formKey": "claim.xhtml"}, "", None),
        ({"camunda__formKey": "${which}"}, "", None),
        ({}, '<zeebe:formDefinition externalReference="https://x.example/f"/>', None),
    ],
)
def test_a_form_elsewhere_is_a_shared_form_and_a_page_is_not_taken_over(
    attributes: dict[str, str], inner: str, key: str | None
) -> None:
    drawn = user(inner, **attributes)
    assert one(drawn)["approval"].get("form") == key
    (note,) = notes(drawn)
    assert ("shared forms" in note) == (key is not None)


def test_a_form_that_is_not_there_is_noted_and_keeps_nothing_from_being_published() -> None:
    reading = read(file(user(camunda__formKey="claim")), has_form=lambda key: False)
    assert "form" not in reading.definition["tasks"][0]["approval"]
    assert [one.severity for one in reading.findings if "claim" in one.what] == ["note"]


PROPERTIES = """<flowable:formProperty id="amount" name="Amount due" type="double" required="true"
  default="2.5" variable="sum"/>
<flowable:formProperty id="kind" type="enum"><flowable:value id="a"/><flowable:value id="b"/>
</flowable:formProperty>
<flowable:formProperty id="shown" writable="false"/>
<flowable:formProperty id="made" expression="${x}"/>"""


def test_the_form_properties_of_flowable_are_the_fields() -> None:
    task = one(user(PROPERTIES))
    form = task["approval"]["form"]
    assert [*form["properties"].values()] == [
        {"type": "number", "title": "Amount due", "default": 2.5, "propertyOrder": 1},
        {"type": "string", "enum": ["a", "b"], "propertyOrder": 2},
        {"type": "string", "propertyOrder": 4},
    ]
    assert form["required"] == ["amount"]
    assert task["output_mapping"] == {
        "sum": "output.data.amount",
        "kind": "output.data.kind",
        "made": "output.data.made",
    }
    assert len(notes(user(PROPERTIES))) == 2


def test_what_is_changed_goes_into_our_extension_and_the_vendors_stays() -> None:
    data = file(user('<zeebe:taskSchedule dueDate="PT4H"/>', camunda__formKey="claim"))
    definition = read(data).definition
    assert write(definition, data) == data
    definition["tasks"][0]["approval"] |= {"due": "P2D", "form": "other"}
    written = write(definition, data)
    assert b'<zeebe:taskSchedule dueDate="PT4H"/>' in written
    assert b'camunda:formKey="claim"' in written
    again = read(written).definition["tasks"][0]["approval"]
    assert again == definition["tasks"][0]["approval"]
