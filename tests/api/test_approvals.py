from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from tests.api.conftest import Answer, Program, limited, program
from tests.factories import human, make_agent, register
from tests.web.conftest import ran, waiting
from workflows import engine
from workflows.models import AuditEvent, Decision

pytestmark = pytest.mark.django_db(transaction=True)
YES = {"verdict": "approve", "comment": "fine"}


def test_the_boxes_hold_what_waits_what_is_done_and_what_is_open(approver: Program) -> None:
    first = waiting().pk

    def ids(**query: str) -> list[int]:
        return [row["approval_id"] for row in approver.get("approvals", **query).body["items"]]

    assert (ids(), ids(box="done"), ids(box="all")) == ([first], [], [first])
    approver.post(f"approvals/{first}/decision", YES)
    assert (ids(), ids(box="done"), ids(box="all")) == ([], [first], [])
    assert approver.get("approvals", box="attic").status == 422


def test_an_approval_is_read_with_its_payload_and_digest(approver: Program) -> None:
    asked = waiting()
    body = approver.get(f"approvals/{asked.pk}").body
    assert (body["payload"], body["digest"]) == (asked.payload, asked.digest)
    assert (body["state"], body["groups"], body["refusal"]) == ("open", ["approver"], "")
    assert "payload" not in approver.get("approvals").body["items"][0]


def test_a_decision_lets_the_execution_go_on(approver: Program) -> None:
    asked = waiting()
    answer = approver.post(f"approvals/{asked.pk}/decision", {**YES, "digest": asked.digest})
    assert (answer.status, answer.body["state"]) == (200, "approved")
    assert answer.body["decisions"][0]["user"] == "grace"
    assert ran(asked.execution).state == "completed"
    row = AuditEvent.objects.get(kind="approval.decided")
    assert (row.actor, row.data["token"]) == ("user:grace", approver.text[:12])


def test_a_form_is_shown_and_what_is_filled_in_is_checked(approver: Program) -> None:
    form = {
        "type": "object",
        "properties": {"amount": {"type": "integer"}},
        "required": ["amount"],
    }
    asked = waiting(form=form)
    assert approver.get("approvals").body["items"][0]["form"] == form
    answer = approver.post(f"approvals/{asked.pk}/decision", {**YES, "data": {"amount": "x"}})
    assert (answer.status, answer.body["type"]) == (422, "urn:signalbox:problem:invalid-input")
    assert answer.body["errors"] == [
        {"field": "data.amount", "detail": '"x" is not of type "integer"'}
    ]
    answer = approver.post(f"approvals/{asked.pk}/decision", {**YES, "data": {"amount": 5}})
    assert answer.body["decisions"][0]["data"] == {"amount": 5}


def test_a_second_decision_is_a_conflict(approver: Program) -> None:
    asked = waiting()
    approver.post(f"approvals/{asked.pk}/decision", YES)
    answer = approver.post(f"approvals/{asked.pk}/decision", {"verdict": "reject"})
    assert (answer.status, answer.body["type"]) == (409, "urn:signalbox:problem:already-decided")
    assert Decision.objects.get().verdict == "approve"


def test_of_many_decisions_at_once_one_counts(approver: Program) -> None:
    asked = waiting()
    people = [approver, *(program(f"p{n}", "approver") for n in range(5))]

    def decide(one: Program) -> Answer:
        try:
            return one.post(f"approvals/{asked.pk}/decision", YES)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        statuses = sorted(answer.status for answer in threads.map(decide, people))
    assert statuses == [200, 409, 409, 409, 409, 409]


def test_what_was_seen_is_what_is_decided(approver: Program) -> None:
    asked = waiting()
    answer = approver.post(f"approvals/{asked.pk}/decision", {**YES, "digest": "0" * 64})
    assert answer.status == 409
    assert not Decision.objects.exists()


def test_who_started_it_does_not_decide_it(approver: Program) -> None:
    make_agent()
    register(human("ask"))
    execution = ran(engine.start_workflow("flow", by=approver.user))
    asked = execution.approvals.get()
    answer = approver.post(f"approvals/{asked.pk}/decision", YES)
    assert (answer.status, answer.body["type"]) == (403, "urn:signalbox:problem:not-allowed")
    assert execution.audit_events.filter(kind="approval.refused").count() == 1
    assert approver.get(f"approvals/{asked.pk}").body["refusal"] == answer.body["detail"]


def test_who_is_not_asked_does_not_decide(approver: Program) -> None:
    asked = waiting(users=["somebody"])
    approver.user.groups.clear()
    approver.user.user_permissions.add(Permission.objects.get(codename="decide_approval"))
    assert approver.post(f"approvals/{asked.pk}/decision", YES).status == 403
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "maybe"}, {**YES, "comment": "x" * 4001}, {**YES, "digest": 1}]
)
def test_a_wrong_decision_is_refused_with_its_field(approver: Program, body: dict) -> None:
    asked = waiting()
    answer = approver.post(f"approvals/{asked.pk}/decision", body)
    assert answer.status == 422
    assert answer.body["errors"][0]["field"].startswith("body.")


def test_an_unknown_approval_is_not_found(approver: Program) -> None:
    assert approver.get("approvals/999").status == 404
    assert approver.post("approvals/999/decision", YES).status == 404


def test_strangers_operators_and_tokens_without_the_scope_do_not_decide(
    approver: Program, operator: Program, stranger: Program
) -> None:
    asked = waiting()
    for client in (stranger, operator, limited(approver, "read", "start", "operate")):
        assert client.post(f"approvals/{asked.pk}/decision", YES).status == 403
    for path in ("approvals", f"approvals/{asked.pk}"):
        assert stranger.get(path).status == 403
        assert limited(approver, "agents").get(path).status == 403
        assert limited(approver, "decide").get(path).status == 200
    assert not Decision.objects.exists()
