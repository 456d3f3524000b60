from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.dmn.making import DISH
from tests.factories import human, make_agent, node, register, step, when
from tests.web.conftest import page
from workflows import engine
from workflows.models import AuditEvent, Execution, TaskDefinition, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

DRY = "/workflows/flow/dry-run/"
RUN = re.compile(r'name="run" value="([^"]+)"')
SCHEMA = {
    "type": "object",
    "required": ["total"],
    "properties": {"total": {"type": "number", "title": "Total"}},
}


class Stepper:
    """Presses the page's buttons, with what the page gave back in its form."""

    def __init__(self, client: Client, address: str = DRY) -> None:
        self.client, self.address, self.run, self.text = client, address, "", ""

    def begin(self, status: int = 200, **input: Any) -> str:
        return self._took(self.client.post(self.address, input), status)

    def press(self, do: str, status: int = 200, **fields: str) -> str:
        data = {"run": self.run, "do": do, **fields}
        return self._took(self.client.post(self.address, data), status)

    def _took(self, answer: Any, status: int) -> str:
        assert answer.status_code == status, answer.content.decode()[:2000]
        self.text = answer.content.decode()
        found = RUN.search(self.text)
        self.run = found[1] if found else ""
        return self.text

    @property
    def waiting(self) -> list[str]:
        """The names of the steps that wait."""
        return re.findall(r'id="h-step-\d+">([^<]+?)(?: <|<)', self.text)


@pytest.fixture
def flow(db: None) -> None:
    make_agent()
    register(
        step("check", output_mapping={"risk": "output.risk"}),
        human("ask", when("check", "risk > 5 && total > 100"), title="Is this fine?"),
        step(
            "pay",
            when("ask", "output.decision == 'approve'"),
            when("check", "risk <= 5"),
            join="one",
        ),
        input_schema=SCHEMA,
    )


def states(text: str) -> dict[str, str]:
    """The states in the diagram by the names of its steps."""
    shapes = re.findall(r'data-state="(\w+)"[^>]*><title>(.*?)[(<]', text)
    return {name.strip(): state for state, name in shapes}


def test_a_draft_is_stepped_with_chosen_outcomes(modeller: Client, flow: None) -> None:
    assert "Total" in page(modeller, DRY)
    dry = Stepper(modeller)
    dry.begin(total="250")
    assert dry.waiting == ["Check"]
    assert "{\n  &quot;risk&quot;: null\n}" in dry.text
    dry.press("complete:0", **{"output-0": '{"risk": 7}'})
    assert dry.waiting == ["Ask"]
    assert "Is this fine?" in dry.text
    assert "“Check” completed." in dry.text
    assert states(dry.text)["Check"] == "completed"
    assert states(dry.text)["Ask"] == "paused"
    assert '<tr class="changed-here"><th scope="row" class="mono">risk' in dry.text
    dry.press("approve:1", **{"comment-1": "Good."})
    assert dry.waiting == ["Pay"]
    dry.press("complete:2", **{"output-2": ""})
    assert "The process is complete." in dry.text
    assert "3 choices made" in dry.text


def test_nothing_is_stored_and_nobody_is_called(modeller: Client, flow: None) -> None:
    dry = Stepper(modeller)
    before = AuditEvent.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        dry.begin(total="250")
        dry.press("complete:0", **{"output-0": '{"risk": 7}'})
        dry.press("reject:1")
    assert not Execution.objects.exists()
    assert AuditEvent.objects.count() == before
    writes = [one["sql"] for one in asked if re.match("INSERT|UPDATE|DELETE", one["sql"])]
    assert writes == []


def test_a_step_can_be_taken_back_and_the_run_begun_again(modeller: Client, flow: None) -> None:
    dry = Stepper(modeller)
    dry.begin(total="250")
    dry.press("complete:0", **{"output-0": '{"risk": 7}'})
    dry.press("back")
    assert dry.waiting == ["Check"]
    dry.press("complete:0", **{"output-0": '{"risk": 1}'})
    assert dry.waiting == ["Pay"]
    dry.press("restart")
    assert "Input of the dry run" in dry.text


def test_what_leads_nowhere_says_so_and_can_be_taken_back(modeller: Client, flow: None) -> None:
    dry = Stepper(modeller)
    dry.begin(total="5")
    dry.press("complete:0", **{"output-0": '{"risk": 7}'})
    assert "The process cannot go on." in dry.text
    assert "No way leads on from “Check”" in dry.text
    dry.press("back")
    assert dry.waiting == ["Check"]
    dry.press("fail:0", **{"kind-0": "timeout", "message-0": "Too slow."})
    assert "Check: Too slow." in dry.text


def test_what_is_typed_wrongly_is_said_and_kept(modeller: Client, flow: None) -> None:
    dry = Stepper(modeller)
    assert "This is needed." in dry.begin(422, total="")
    dry.begin(total="250")
    dry.press("complete:0", 422, **{"output-0": "{oops"})
    assert "Line 1, column 2" in dry.text
    assert "{oops" in dry.text
    assert dry.waiting == ["Check"]
    assert "does not wait any more" in dry.press("complete:7", 422, **{"output-7": "{}"})
    for nonsense in ("dance:0", "complete:x", "", "complete:99999999999"):
        assert "Choose what happens next." in dry.press(nonsense, 422)


def test_a_run_that_was_tampered_with_or_is_of_another_draft_begins_again(
    modeller: Client, flow: None
) -> None:
    dry = Stepper(modeller)
    dry.begin(total="250")
    kept = dry.run
    dry.run = kept[:-2] + "xx"
    assert "has changed since this dry run began" in dry.press("complete:0", 409)
    TaskDefinition.objects.filter(key="pay").update(name="Pay now")
    dry.run = kept
    assert "has changed since this dry run began" in dry.press("complete:0", 409)


def test_events_decisions_and_calls_are_stepped_too(modeller: Client) -> None:
    engine.import_dmn(DISH, by=None)
    make_agent()
    register(step("one"), key="other")
    register(
        node("choose", "decision", decision={"decision": "dish", "result": "menu"}),
        node("wait", "catch", "choose", event={"type": "timer", "duration": "PT90S"}),
        node("hear", "catch", "wait", event={"type": "message", "name": "paid"}),
        node("sub", "call", "hear", calls={"key": "other"}, output_mapping={"y": "output.y"}),
    )
    dry = Stepper(modeller)
    dry.begin(json='{"Temperature today": 15, "day type": "Weekday"}')
    assert "“Choose” decided by its table; rows that hit: 2." in dry.text
    assert "Due 1m 30s after it began to wait." in dry.text
    timer = re.search(r'value="(happen:\d+)"', dry.text)
    assert timer is not None
    dry.press(timer[1])
    message = re.search(r'value="(happen:(\d+))"', dry.text)
    assert message is not None
    dry.press(message[1], **{f"payload-{message[2]}": '{"amount": 3}'})
    assert dry.waiting == ["Sub"]
    seq = re.search(r'id="complete-(\d+)"', dry.text)
    assert seq is not None
    dry.press(f"complete:{seq[1]}", **{f"output-{seq[1]}": '{"y": 1}'})
    assert "The process is complete." in dry.text


def test_the_form_of_an_approval_is_filled_in_or_said_to_be_left_out(modeller: Client) -> None:
    form = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "maximum": 9}, "why": {"type": "string"}},
    }
    lines = {"type": "object", "properties": {"lines": {"type": "array"}}}
    taken = {"amount": "output.data.amount", "why": "output.data.why"}
    register(
        human("ask", form=form) | {"output_mapping": taken},
        human("more", when("ask", "amount == 7"), form=lines),
    )
    dry = Stepper(modeller)
    dry.begin()
    for typed, said in (("", "This is needed."), ("x", "whole number"), ("10", "maximum")):
        text = dry.press("approve:0", 422, **{"data-0.amount": typed, "data-0.why": "so"})
        assert said in text.partition('name="data-0.amount"')[2].partition("</div>")[0]
        assert 'value="so"' in text
    dry.press("approve:0", **{"data-0.amount": "7"})
    assert dry.waiting == ["More"]
    assert "Its form is not filled in here" in dry.text
    dry.press("approve:1")
    assert "The process is complete." in dry.text


def test_a_draft_with_problems_lists_them(modeller: Client, flow: None) -> None:
    TaskDefinition.objects.filter(key="pay").update(depends_on=["nothing"])
    text = page(modeller, DRY)
    assert "“nothing” is not a task of this workflow." in text
    assert "Step the published version" in text
    assert "Input of the dry run" in page(modeller, DRY + "?version=1")
    page(modeller, DRY + "?version=9", 404)


def test_who_may_only_start_steps_the_published_version(operator: Client, flow: None) -> None:
    TaskDefinition.objects.filter(key="check").update(name="Secret plan")
    dry = Stepper(operator)
    dry.begin(total="250")
    assert dry.waiting == ["Check"]
    assert 'id="do-dry-run"' in page(operator, "/workflows/flow/")
    Workflow.objects.create(key="draft", name="Draft")
    page(operator, "/workflows/draft/dry-run/", 404)


def test_who_neither_starts_nor_models_is_refused(
    approver: Client, stranger: Client, flow: None
) -> None:
    for client in (approver, stranger):
        assert client.get(DRY).status_code == 403
        assert client.post(DRY, {"total": 1}).status_code == 403
    assert 'id="do-dry-run"' not in page(approver, "/workflows/flow/")


def test_a_fragment_is_what_htmx_swaps(modeller: Client, flow: None) -> None:
    answer = modeller.post(DRY, {"total": "5"}, headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert b'id="dry-status"' in answer.content
