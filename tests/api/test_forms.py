from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program
from tests.factories import human, make_agent, start
from tests.web.conftest import ran, waiting
from workflows.models import AuditEvent, FormVersion

pytestmark = pytest.mark.django_db(transaction=True)


def form(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


CLAIM = {"key": "claim", "title": "Expense claim", "form": form("amount")}


def test_a_form_is_kept_in_versions_and_read(modeller: Program) -> None:
    made = modeller.post("forms", CLAIM)
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/forms/claim")
    assert (made.body["version"], made.body["created_by"]) == (1, "linus")
    assert modeller.post("forms", CLAIM).status == 200
    assert modeller.post("forms", {**CLAIM, "form": form("amount", "tax")}).body["version"] == 2
    assert modeller.get("forms").body["items"] == [
        {"key": "claim", "title": "Expense claim", "version": 2}
    ]
    assert modeller.get("forms/claim", version=1).body["form"] == form("amount")
    assert modeller.get("forms/claim", version=3).status == 404
    assert modeller.get("forms/other").body["type"] == "urn:signalbox:problem:unknown-form"
    row = AuditEvent.objects.filter(kind="form.registered").first()
    assert row is not None
    assert row.data["token"] == modeller.text[:12]


@pytest.mark.parametrize(
    ("wrong", "field"), [({"form": {"type": "array"}}, "form"), ({"key": "2nd"}, "key")]
)
def test_what_is_no_form_is_refused_at_its_field(
    modeller: Program, wrong: dict[str, Any], field: str
) -> None:
    answer = modeller.post("forms", {**CLAIM, **wrong})
    assert (answer.status, answer.body["type"]) == (422, "urn:signalbox:problem:invalid-form")
    assert answer.body["errors"][0]["field"] == field
    assert not FormVersion.objects.exists()


@pytest.mark.parametrize("name", ["operator", "approver"])
def test_who_may_not_edit_workflows_keeps_no_form_but_reads_them(
    name: str, request: pytest.FixtureRequest
) -> None:
    other: Program = request.getfixturevalue(name)
    assert other.post("forms", CLAIM).status == 403
    assert not FormVersion.objects.exists()
    assert other.get("forms").body["items"] == []


def test_an_approval_tells_when_it_is_due_and_that_it_is_overdue(approver: Program) -> None:
    asked = waiting(due="PT1H", follow_up="2030-01-31T09:00:00Z")
    body = approver.get(f"approvals/{asked.pk}").body
    assert body["due_at"] == asked.due_at.isoformat().replace("+00:00", "Z")[:23] + "Z"
    assert (body["follow_up_at"], body["overdue"]) == ("2030-01-31T09:00:00Z", False)
    make_agent()
    late = ran(start(human("ask", due="PT0S"), key="late"))
    first = approver.get("approvals").body["items"][0]
    assert (first["execution_id"], first["overdue"]) == (late.pk, True)
