from __future__ import annotations

import pytest

from tests.api.conftest import Program, limited
from tests.factories import chain, make_agent, register
from tests.web.conftest import completed, failed
from workflows import engine
from workflows.models import AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)
START = "workflows/flow/executions"
TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


def test_an_execution_is_started_by_the_tokens_user(operator: Program) -> None:
    register(*chain("a", "b"), variables={"tax": 2})
    answer = operator.post(START, {"input": {"total": 9}, "priority": 4})
    execution = Execution.objects.get()
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/executions/{execution.pk}"
    assert answer.body["execution_id"] == execution.pk
    assert answer.body["variables"] == {"tax": 2, "total": 9}
    assert (answer.body["priority"], answer.body["requested_by"]) == (4, "ada")
    assert (execution.requested_by, execution.input) == (operator.user, {"total": 9})


def test_the_audit_row_names_the_token(operator: Program) -> None:
    register(*chain("a"))
    operator.post(START)
    row = AuditEvent.objects.get(kind="execution.created")
    assert (row.actor, row.data["token"]) == ("user:ada", operator.text[:12])
    engine.start_workflow("flow")
    assert "token" not in AuditEvent.objects.filter(kind="execution.created").latest("pk").data


def test_the_body_may_be_left_out(operator: Program) -> None:
    register(*chain("a"))
    assert operator.post(START).status == 201


def test_the_same_idempotency_key_gives_the_same_execution(operator: Program) -> None:
    register(*chain("a"))
    first = operator.post(START, {"input": {"x": 1.5}}, **{"Idempotency-Key": "k-1"})
    again = operator.post(START, {"input": {"x": 1.5}}, **{"Idempotency-Key": '"k-1"'})
    other = operator.post(START, {"input": {"x": 1.5}}, **{"Idempotency-Key": "k-2"})
    assert (first.status, again.status, other.status) == (201, 200, 201)
    assert again.body["execution_id"] == first.body["execution_id"] != other.body["execution_id"]


@pytest.mark.parametrize("body", [{"input": {"x": 2}}, {"input": {"x": 1}, "priority": 4}, {}])
def test_the_same_key_with_another_input_is_refused(operator: Program, body: dict) -> None:
    register(*chain("a"))
    operator.post(START, {"input": {"x": 1}}, **{"Idempotency-Key": "k"})
    refused = operator.post(START, body, **{"Idempotency-Key": "k"})
    assert refused.status == 422
    assert refused.body["type"] == "urn:signalbox:problem:idempotency-key-reused"
    assert Execution.objects.count() == 1


def test_a_repeat_holds_when_the_workflow_takes_another_input_by_now(operator: Program) -> None:
    register(*chain("a"))
    operator.post(START, {"input": {"x": 1}}, **{"Idempotency-Key": "k"})
    register(*chain("a"), input_schema=TOTAL)
    assert operator.post(START, {"input": {"x": 1}}, **{"Idempotency-Key": "k"}).status == 200


@pytest.mark.parametrize("key", ["", "k" * 256, "k k"])
def test_a_key_that_is_none_is_refused(operator: Program, key: str) -> None:
    register(*chain("a"))
    answer = operator.post(START, **{"Idempotency-Key": key})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "header.Idempotency-Key")


def test_every_wrong_place_of_the_input_is_listed(operator: Program) -> None:
    schema = {**TOTAL, "properties": {**TOTAL["properties"], "items": {"items": {"minimum": 1}}}}
    register(*chain("a"), input_schema=schema)
    answer = operator.post(START, {"input": {"items": [1, 0, -1]}})
    assert answer.status == 422
    assert answer.body["type"] == "urn:signalbox:problem:invalid-input"
    assert {one["field"] for one in answer.body["errors"]} == {"input", "items.1", "items.2"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"priority": 5}, "body.priority"),
        ({"priority": "3"}, "body.priority"),
        ({"input": []}, "body.input"),
        ({"inputs": {}}, "body.inputs"),
    ],
)
def test_a_wrong_body_is_told_with_its_field(operator: Program, body: dict, field: str) -> None:
    register(*chain("a"))
    answer = operator.post(START, body)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


def test_an_unknown_workflow_is_not_found(operator: Program) -> None:
    answer = operator.post("workflows/nothing/executions")
    assert (answer.status, answer.body["type"]) == (404, "urn:signalbox:problem:unknown-workflow")


def test_an_execution_is_read_with_the_keys_of_its_status(operator: Program) -> None:
    execution = completed(input={"x": 1})
    body = operator.get(f"executions/{execution.pk}").body
    assert set(engine.get_execution_status(execution.pk)) <= set(body)
    assert (body["status"], body["task_stats"], body["version"]) == (
        "completed",
        {"completed": 3},
        1,
    )
    assert (body["input"], body["error"]) == ({"x": 1}, "")
    assert body["finished_at"] > body["created_at"]


def test_what_failed_says_why(operator: Program) -> None:
    execution = failed()
    body = operator.get(f"executions/{execution.pk}").body
    assert body["status"] == "failed"
    assert body["error"]


def test_the_list_is_read_part_by_part_newest_first(operator: Program) -> None:
    register(*chain("a"))
    ids = [engine.start_workflow("flow").pk for _ in range(5)]
    found, cursor = [], None
    while cursor is not None or not found:
        body = operator.get("executions", limit=2, **({"cursor": cursor} if cursor else {})).body
        found += [row["execution_id"] for row in body["items"]]
        cursor = body["next_cursor"]
        assert len(body["items"]) <= 2
        if cursor is None:
            break
    assert found == ids[::-1]


def test_the_list_is_filtered(operator: Program) -> None:
    register(*chain("a"))
    register(*chain("a"), key="other")
    flow = engine.start_workflow("flow", idempotency_key="order-7").pk
    other = engine.start_workflow("other").pk
    engine.pause(other, by=None)

    def ids(**query: str) -> list[int]:
        return [row["execution_id"] for row in operator.get("executions", **query).body["items"]]

    assert ids(state="paused") == [other]
    assert ids(workflow="flow") == [flow]
    assert ids(q="order-7") == [flow]
    assert ids(q=f"#{other}") == [other]
    assert ids(workflow="flow", state="paused") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 201}, "query.limit"),
        ({"limit": 0}, "query.limit"),
        ({"cursor": "x"}, "query.cursor"),
        ({"state": "asleep"}, "query.state"),
        ({"workflow": "nothing"}, "query.workflow"),
        ({"q": "a\0b"}, "query.q"),
    ],
)
def test_a_wrong_question_is_told_with_its_field(
    operator: Program, query: dict, field: str
) -> None:
    answer = operator.get("executions", **query)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


def test_tasks_are_listed_in_order_with_what_they_made(operator: Program) -> None:
    execution = completed()
    body = operator.get(f"executions/{execution.pk}/tasks", limit=2).body
    rest = operator.get(f"executions/{execution.pk}/tasks", cursor=body["next_cursor"]).body
    assert [task["key"] for task in body["items"] + rest["items"]] == ["a", "b", "c"]
    first = body["items"][0]
    assert (first["status"], first["agent"], first["attempt"]) == ("completed", "echo", 1)
    assert first["output"] is not None
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("path", ["executions/999", "executions/999/tasks", "executions/999/audit"])
def test_an_unknown_execution_is_not_found(operator: Program, path: str) -> None:
    answer = operator.get(path)
    assert (answer.status, answer.body["detail"]) == (404, "There is no execution 999.")


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 19, "9" * 400, "%00"])
def test_a_number_that_is_none_is_refused(operator: Program, number: str) -> None:
    for path in (f"executions/{number}", f"executions/{number}/tasks"):
        assert operator.get(path).status in (404, 422)


def test_a_stranger_neither_sees_nor_starts(stranger: Program) -> None:
    make_agent()
    execution = completed()
    for path in ("executions", f"executions/{execution.pk}", f"executions/{execution.pk}/tasks"):
        assert stranger.get(path).status == 403
    assert stranger.post(START).status == 403
    assert Execution.objects.count() == 1


def test_a_token_without_the_scope_neither_sees_nor_starts(operator: Program) -> None:
    execution = completed()
    starts, reads = limited(operator, "start"), limited(operator, "read")
    for path in ("executions", f"executions/{execution.pk}", f"executions/{execution.pk}/tasks"):
        answer = starts.get(path)
        assert (answer.status, answer.body["type"]) == (
            403,
            "urn:signalbox:problem:insufficient-scope",
        )
        assert 'scope="read"' in answer.headers["WWW-Authenticate"]
    assert reads.post(START).status == 403
    assert starts.post(START).status == 201


def test_who_may_see_may_not_therefore_start(auditor: Program) -> None:
    register(*chain("a"))
    assert auditor.get("executions").status == 200
    assert auditor.post(START).status == 403
