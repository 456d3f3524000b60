from __future__ import annotations

import pytest

from agents import orchestrator
from tests.api.conftest import Program, limited
from tests.factories import make_agent

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
