from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from agents import runner
from tests.engine.conftest import together
from tests.factories import (
    history,
    human,
    kinds,
    make_agent,
    make_user,
    register,
    start,
    states,
    step,
    task,
)
from workflows import engine
from workflows.engine import approval_forms
from workflows.errors import (
    AlreadyDecided,
    InvalidDefinition,
    InvalidInput,
    NotAllowed,
    UnknownApproval,
)
from workflows.models import Approval, AuditEvent, Decision, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def asked(execution: Execution) -> Approval:
    runner.drain()
    return Approval.objects.get(execution=execution)


def approve(approval: Approval, by: object, verdict: str = "approve", **more: object) -> Approval:
    return engine.decide(approval.pk, by=by, verdict=verdict, **more)


def test_a_question_shows_what_the_step_got_and_its_answer_is_the_output() -> None:
    make_agent()
    execution = start(
        human("ask", title="Pay it?"),
        step("pay", {"task": "ask", "when": "output.decision == 'approve'"}),
        step("stop", {"task": "ask", "when": "output.decision == 'reject'"}),
        input={"total": 7},
    )
    approval = asked(execution)
    assert (approval.title, approval.payload) == ("Pay it?", {"total": 7})
    approve(approval, make_user("bob", "approver"), comment="fine")
    runner.drain()
    assert task(execution, "ask").output == {
        "decision": "approve",
        "comment": "fine",
        "decided_by": "bob",
    }
    assert states(execution) == {"ask": "completed", "pay": "completed", "stop": "cancelled"}
    assert [line for line in history(execution) if line.startswith("ask")] == [
        "ask running",
        "ask paused",
        "ask running",
        "ask completed",
    ]
    assert "approval.decided" in kinds(execution)


def test_two_of_three_must_agree() -> None:
    execution = start(human("ask", required=2))
    approval = asked(execution)
    assert approve(approval, make_user("bob", "approver")).state == "open"
    assert states(execution) == {"ask": "paused"}
    assert approve(approval, make_user("cyd", "approver")).state == "approved"
    with pytest.raises(AlreadyDecided):
        approve(approval, make_user("dan", "approver"))
    assert states(execution) == {"ask": "completed"}


def test_one_rejection_is_a_veto() -> None:
    execution = start(human("ask", required=2))
    approval = asked(execution)
    approve(approval, make_user("bob", "approver"))
    assert approve(approval, make_user("cyd", "approver"), "reject").state == "rejected"
    assert task(execution, "ask").output["decision"] == "reject"


@pytest.mark.parametrize(
    ("name", "groups", "superuser"),
    [
        ("ada", ["approver"], False),
        ("eve", [], False),
        ("op", ["operator"], False),
        ("root", [], True),
        ("root", ["auditor"], True),
    ],
)
def test_whoever_may_not_decide_is_refused_and_that_is_recorded(
    name: str, groups: list[str], superuser: bool
) -> None:
    """The requester (ada, though an approver), strangers, other groups, and superusers alike."""
    ada = make_user("ada", "approver")
    by = ada if name == "ada" else make_user(name, *groups, is_superuser=superuser)
    make_agent()
    register(human("ask"))
    execution = engine.start_workflow("flow", by=ada)
    approval = asked(execution)
    with pytest.raises(NotAllowed):
        approve(approval, by)
    row = execution.audit_events.latest("seq")
    assert (row.kind, row.actor, row.entity_id) == (
        "approval.refused",
        f"user:{name}",
        str(approval.pk),
    )
    assert states(execution) == {"ask": "paused"}
    assert not Decision.objects.exists()


def test_a_named_user_may_decide_without_the_group_but_not_without_the_permission() -> None:
    execution = start(human("ask", groups=[], users=["bob", "eve"]))
    approval = asked(execution)
    with pytest.raises(NotAllowed):
        approve(approval, make_user("eve"))
    assert approve(approval, make_user("bob", "approver")).state == "approved"


def test_nobody_decides_twice() -> None:
    approval = asked(start(human("ask", required=2)))
    bob = make_user("bob", "approver")
    approve(approval, bob)
    for verdict in ("approve", "reject"):
        with pytest.raises(AlreadyDecided):
            approve(approval, bob, verdict)
    assert Decision.objects.count() == 1


def test_what_was_seen_must_be_what_is_decided() -> None:
    approval = asked(start(human("ask"), input={"total": 7}))
    bob = make_user("bob", "approver")
    with pytest.raises(AlreadyDecided):
        approve(approval, bob, digest="0" * 64)
    assert approve(approval, bob, digest=approval.digest).state == "approved"


def test_only_approve_and_reject_are_verdicts_and_only_known_approvals_are_decided() -> None:
    approval = asked(start(human("ask")))
    bob = make_user("bob", "approver")
    with pytest.raises(InvalidInput):
        approve(approval, bob, "maybe")
    with pytest.raises(UnknownApproval):
        engine.decide(0, by=bob, verdict="approve")


def test_a_decision_during_a_pause_counts_and_moves_on_after_it() -> None:
    make_agent()
    execution = start(human("ask"), step("b", "ask"))
    approval = asked(execution)
    engine.pause(execution.pk, by=None)
    approve(approval, make_user("bob", "approver"))
    runner.drain()
    assert states(execution) == {"ask": "completed", "b": "pending"}
    engine.resume(execution.pk, by=None)
    runner.drain()
    assert states(execution)["b"] == "completed"


def test_an_approval_waits_while_its_execution_has_failed_and_goes_on_after_a_retry() -> None:
    make_agent(tool="tests.fail")
    execution = start(human("ask"), step("bad"), input={"permanent": True})
    approval = asked(execution)
    bob = make_user("bob", "approver")
    with pytest.raises(AlreadyDecided):
        approve(approval, bob)
    make_agent(tool="tests.echo")
    engine.retry(execution.pk, by=None)
    runner.drain()
    approve(approval, bob)
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_of_fifty_decisions_at_once_exactly_one_wins() -> None:
    execution = start(human("ask"))
    approval = asked(execution)
    people = [make_user(f"p{number}", "approver") for number in range(25)]
    verdicts = ("approve", "reject")
    results = together(
        *(partial(approve, approval, person, verdict) for person in people for verdict in verdicts)
    )
    assert Counter(type(result).__name__ for result in results) == {
        "Approval": 1,
        "AlreadyDecided": 49,
    }
    decision = Decision.objects.get()
    assert task(execution, "ask").output["decision"] == decision.verdict
    assert kinds(execution).count("approval.decided") == 1


FORM = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "number", "maximum": 100},
        "due": {"type": "string", "format": "date"},
        "urgent": {"type": "boolean"},
    },
}
TAKEN = {"amount": "output.data.amount", "due": "output.data.due", "urgent": "output.data.urgent"}


def with_form(**approval: object) -> Execution:
    return start(human("ask", form=FORM, **approval) | {"output_mapping": TAKEN})


def test_what_is_filled_in_reaches_the_variables_and_the_log() -> None:
    execution = with_form()
    approval = asked(execution)
    assert approval.form == FORM
    approve(approval, make_user("bob", "approver"), data={"amount": 7})
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert task(execution, "ask").output["data"] == {"amount": 7, "due": None, "urgent": None}
    assert execution.variables == {"amount": 7, "due": None, "urgent": None}
    row = AuditEvent.objects.get(kind="approval.decided")
    assert (row.data["data"], Decision.objects.get().data) == ({"amount": 7}, {"amount": 7})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, 'data: "amount" is a required property'),
        ({"amount": 101}, "data.amount: 101 is greater than the maximum of 100"),
        ({"amount": 1, "due": "soon"}, 'data.due: "soon" is not a "date"'),
        ([1], "data: [1] is not a JSON object"),
        ({"amount": float("nan")}, "Out of range"),
    ],
)
def test_data_that_misses_the_form_approves_nothing(data: object, said: str) -> None:
    approval = asked(with_form())
    bob = make_user("bob", "approver")
    with pytest.raises(InvalidInput) as refused:
        approve(approval, bob, data=data)
    assert said in str(refused.value)
    assert not Decision.objects.exists()
    assert approve(approval, bob, data={"amount": 1}).state == "approved"


def test_rejecting_needs_no_data_and_every_field_is_null_then() -> None:
    execution = with_form()
    approve(asked(execution), make_user("bob", "approver"), "reject", data={"amount": "?"})
    execution.refresh_from_db()
    assert execution.variables == {"amount": None, "due": None, "urgent": None}
    assert "data" not in AuditEvent.objects.get(kind="approval.decided").data


def test_the_last_of_several_lies_over_those_before() -> None:
    execution = with_form(required=2)
    approval = asked(execution)
    approve(approval, make_user("bob", "approver"), data={"amount": 1, "urgent": True})
    approve(approval, make_user("cyd", "approver"), data={"amount": 2, "due": "2026-05-01"})
    assert task(execution, "ask").output["data"] == {
        "amount": 2,
        "due": "2026-05-01",
        "urgent": True,
    }


def test_who_may_not_decide_is_told_that_first_and_without_a_form_there_is_no_data() -> None:
    approval = asked(with_form())
    with pytest.raises(NotAllowed):
        approve(approval, make_user("eve", "operator"), data={})
    plain = asked(start(human("ask"), key="plain"))
    bob = make_user("bob", "approver")
    with pytest.raises(InvalidInput, match="has no form"):
        approve(plain, bob, data={"amount": 1})
    approve(plain, bob, data={})
    assert "data" not in task(plain.execution, "ask").output


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ([], "must be a JSON Schema of type object"),
        ({"type": "array"}, "must be a JSON Schema of type object"),
        ({"type": "object"}, "must name its fields"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "is no JSON Schema"),
        ({"type": "object", "properties": {"a": True}}, "must be a JSON Schema, an object"),
        ({"type": "object", "properties": {"a": {"enum": []}}}, "choice without options"),
        (
            {"type": "object", "properties": {"a": {"$ref": "https://x.example/"}}},
            "is no JSON Schema",
        ),
    ],
)
def test_what_is_no_form_is_not_published(form: object, said: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(human("ask", form=form))
    assert said in str(refused.value)
    assert approval_forms.of({"form": form}) == {}
