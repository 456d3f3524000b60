from __future__ import annotations

import json

import pytest

from tests.api.conftest import Program, limited
from tests.factories import kinds
from tests.web.conftest import completed, waiting
from workflows.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_audit_rows_are_read_part_by_part_by_their_numbers(operator: Program) -> None:
    execution = completed()
    path, found, cursor = f"executions/{execution.pk}/audit", [], "0"
    while cursor:
        body = operator.get(path, limit=3, cursor=cursor).body
        found += body["items"]
        cursor = body["next_cursor"]
    assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
    assert [row["kind"] for row in found] == kinds(execution)


def test_a_row_has_all_that_its_hash_is_made_of(operator: Program) -> None:
    execution = completed()
    rows = operator.get(f"executions/{execution.pk}/audit").body["items"]
    assert rows[1]["previous_hash"] == rows[0]["hash"]
    row = AuditEvent.objects.get(execution=execution, seq=2)
    assert (rows[1]["at"], rows[1]["data_digest"]) == (row.at_text, row.data_digest)


def test_without_asgi_the_events_come_as_far_as_there_are_any(operator: Program) -> None:
    asked = waiting()
    path = f"executions/{asked.execution_id}/events"
    answer = operator.get(path)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    events = [
        dict(line.split(": ", 1) for line in event.split("\n"))
        for event in answer.body.strip().split("\n\n")[1:]
    ]
    assert [event["event"] for event in events] == kinds(asked.execution)
    assert [json.loads(event["data"])["seq"] for event in events] == [int(e["id"]) for e in events]
    last = {"Last-Event-ID": events[-2]["id"]}
    assert operator.call("GET", path, headers=last).body.count("event: ") == 1


def test_who_may_not_see_the_audit_log_does_not(
    operator: Program, approver: Program, stranger: Program
) -> None:
    execution = completed()
    for path in (f"executions/{execution.pk}/audit", f"executions/{execution.pk}/events"):
        for client in (stranger, approver, limited(operator, "start", "agents")):
            assert client.get(path).status == 403
        assert operator.get(path).status == 200
