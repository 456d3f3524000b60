from __future__ import annotations

import pytest

from agents import orchestrator, runner
from tests.api.conftest import Program, limited
from tests.factories import chain, make_agent, register
from workflows import engine
from workflows.models import AuditEvent, Breaker

pytestmark = pytest.mark.django_db(transaction=True)


def test_agents_are_listed_with_their_load(operator: Program) -> None:
    make_agent(max_concurrent_tasks=4)
    make_agent("other")
    rows = operator.get("agents").body["items"]
    assert [row["agent_id"] for row in rows] == ["echo", "other"]
    assert set(orchestrator.get_agent_load("echo")) <= set(rows[0])
    assert (rows[0]["max_concurrent"], rows[0]["capabilities"]) == (4, ["echo"])
    first = operator.get("agents", limit=1).body
    assert operator.get("agents", cursor=first["next_cursor"]).body["items"] == rows[1:]


def test_an_agent_is_read_without_its_configuration(operator: Program) -> None:
    orchestrator.register_agent(
        key="api",
        name="API",
        kind="http",
        config={"url": "https://x.example/", "method": "GET", "headers": {"X-Key": "canary-5"}},
    )
    answer = operator.get("agents/api")
    assert (answer.status, answer.body["kind"]) == (200, "http")
    assert "canary-5" not in str(answer.body)


def test_an_unknown_agent_is_not_found(operator: Program) -> None:
    assert operator.get("agents/nobody").status == 404


def test_strangers_and_tokens_without_the_scope_see_no_agents(
    operator: Program, stranger: Program
) -> None:
    make_agent()
    for path in ("agents", "agents/echo"):
        assert stranger.get(path).status == 403
        assert limited(operator, "start", "operate", "decide").get(path).status == 403
        assert limited(operator, "agents").get(path).status == 200


def test_a_breaker_is_read_and_closed_with_a_reason(operator: Program) -> None:
    opened()
    told = operator.get("agents/echo").body["breaker"]
    assert (told["state"], told["failures"], told["opens_after"]) == ("open", 2, 2)
    assert told["last_error"] == "It broke."
    assert told["since"] < told["trial_at"]
    answer = operator.post("agents/echo/breaker/reset", {"reason": "mended"})
    assert (answer.status, answer.body["breaker"]["state"]) == (200, "closed")
    row = AuditEvent.objects.get(kind="agent.breaker_closed")
    assert (row.actor, row.data["reason"], row.data["token"]) == (
        "user:ada",
        "mended",
        operator.text[:12],
    )
    again = operator.post("agents/echo/breaker/reset")
    assert (again.status, again.body["type"]) == (409, "urn:signalbox:problem:wrong-state")
    unknown = operator.post("agents/nobody/breaker/reset")
    assert (unknown.status, unknown.body["type"]) == (404, "urn:signalbox:problem:unknown-agent")
    wrong = operator.post("agents/echo/breaker/reset", {"reason": 7})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "body.reason")


def test_who_may_not_close_a_breaker_is_refused(
    operator: Program, auditor: Program, stranger: Program
) -> None:
    opened()
    for program in (auditor, stranger, limited(operator, "read", "agents")):
        assert program.post("agents/echo/breaker/reset").status == 403
    assert Breaker.objects.get().state == "open"


def opened() -> None:
    make_agent(tool="tests.fail", breaker_failures=2)
    register(*chain("a"))
    for _ in range(2):
        engine.start_workflow("flow")
    runner.drain()
