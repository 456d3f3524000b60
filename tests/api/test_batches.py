"""Many at once, incidents and intake: as on their pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program
from tests.factories import chain, make_agent, register, start
from tests.web.conftest import failed
from workflows import engine
from workflows.engine import working_off
from workflows.models import Batch, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_that_match_are_paused_with_progress_and_each_result(operator: Program) -> None:
    register(*chain("a"))
    ours = [engine.start_workflow("flow").pk for _ in range(3)]
    other = start(*chain("a"), key="other")
    body = {"verb": "pause", "filter": {"workflow": "flow"}, "reason": "stock count"}
    answer = operator.post("batches", body)
    number = answer.body["batch_id"]
    assert (answer.status, answer.headers["Location"]) == (201, f"/api/v1/batches/{number}")
    engine.cancel(ours[0], by=None)
    working_off.work_off()
    found = operator.get(f"batches/{number}").body
    assert (found["total"], found["done"], found["created_by"]) == (2, 2, "ada")
    assert found["finished_at"]
    rows = operator.get(f"batches/{number}/items", limit=1).body
    rest = operator.get(f"batches/{number}/items", cursor=rows["next_cursor"]).body
    assert sorted(one["execution_id"] for one in rows["items"] + rest["items"]) == ours[1:]
    assert operator.get(f"batches/{number}/items", result="refused").body["items"] == []
    assert [one["batch_id"] for one in operator.get("batches").body["items"]] == [number]
    other.refresh_from_db()
    assert other.state == "pending"


def test_an_incident_is_listed_and_retried_as_a_batch(operator: Program) -> None:
    execution = failed()
    [one] = operator.get("incidents").body["items"]
    assert (one["workflow_id"], one["task_key"], one["failures"]) == ("flow", "a", 1)
    assert one["execution_id"] == execution.pk
    body: dict[str, Any] = {"verb": "retry", "filter": {"incident": one["incident"]}}
    assert operator.post("batches", body).status == 201
    working_off.work_off()
    assert operator.get("incidents").body["items"] == []


def test_a_batch_is_stopped_once(operator: Program) -> None:
    make_agent()
    number = operator.post("batches", {"verb": "pause", "filter": {}}).body["batch_id"]
    stopped = operator.post(f"batches/{number}/cancel", {"reason": "enough"})
    assert (stopped.status, stopped.body["stopped_because"]) == (200, "enough")
    again = operator.post(f"batches/{number}/cancel")
    assert (again.status, again.body["type"]) == (409, "urn:signalbox:problem:stale-state")


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "pause"},
        {"verb": "delete", "filter": {}},
        {"verb": "pause", "filter": {"state": "odd"}},
        {"verb": "pause", "filter": {"workflow": "none"}},
        {"verb": "pause", "filter": {"worflow": "flow"}},
        {"verb": "retry", "filter": {"incident": "x"}},
        {"verb": "pause", "filter": {"q": "a\0b"}},
        {},
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(operator: Program, body: Any) -> None:
    assert operator.post("batches", body).status in (400, 422)
    assert not Batch.objects.exists()


def test_an_intake_is_paused_and_starts_are_told_by_whom_and_why(operator: Program) -> None:
    register(*chain("a"))
    path = "workflows/flow/intake"
    paused = operator.post(f"{path}/pause", {"reason": "stock count"})
    assert (paused.status, paused.body["is_paused"], paused.body["paused_by"]) == (
        200, True, "ada",
    )  # fmt: skip
    refused = operator.post("workflows/flow/executions")
    assert (refused.status, refused.body["type"]) == (409, "urn:signalbox:problem:intake-paused")
    assert "ada: stock count" in refused.body["detail"]
    assert operator.post(f"{path}/pause").status == 409
    assert operator.post(f"{path}/resume").body["is_paused"] is False
    assert operator.post("workflows/nothing/intake/pause").status == 404
    assert operator.post("workflows/flow/executions").status == 201


def test_who_may_only_look_or_not_even_that_does_nothing_to_many(
    auditor: Program, stranger: Program
) -> None:
    register(*chain("a"))
    engine.start_workflow("flow")
    for client in (auditor, stranger):
        assert client.post("batches", {"verb": "cancel", "filter": {}}).status == 403
        assert client.post("workflows/flow/intake/pause").status == 403
    assert auditor.get("batches").status == auditor.get("incidents").status == 200
    assert stranger.get("batches").status == stranger.get("incidents").status == 403
    assert Execution.objects.get().state == "pending"
