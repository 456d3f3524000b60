"""A breaker on the pages: seen by everybody who sees agents, closed by operators and modellers."""

from __future__ import annotations

import pytest
from django.test import Client

from agents import runner
from tests.factories import chain, make_agent, register, start
from tests.web.conftest import fragment, page
from workflows import engine
from workflows.models import AuditEvent, Breaker

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}
CLOSE = "/agents/echo/breaker/close/"


def opened() -> None:
    make_agent(tool="tests.fail", breaker_failures=2, breaker_cooldown_seconds=600)
    register(*chain("a"))
    for _ in range(2):
        engine.start_workflow("flow")
    runner.drain()
    assert Breaker.objects.get().state == "open"


def test_an_operator_sees_an_open_breaker_and_closes_it(operator: Client) -> None:
    opened()
    assert "Breaker open" in page(operator, "/agents/")
    assert "Breaker open" in fragment(operator, "/agents/", part="loads")
    text = page(operator, "/agents/echo/")
    for told in ("It failed 2 times in a row.", "It broke.", "Next trial", CLOSE):
        assert told in text
    assert "Close the breaker of this agent?" in page(operator, CLOSE, **HTMX)
    answer = operator.post(CLOSE, {"reason": "mended"})
    assert answer.headers["Location"] == "/agents/echo/"
    row = AuditEvent.objects.latest("id")
    assert (row.kind, row.actor, row.data["reason"]) == (
        "agent.breaker_closed",
        "user:ada",
        "mended",
    )
    text = page(operator, "/agents/echo/")
    assert "0 of 2 failures" in text
    assert CLOSE not in text
    assert operator.post(CLOSE, headers=HTMX).status_code == 409
    assert operator.get(CLOSE, headers=HTMX).status_code == 409
    assert operator.post("/agents/nobody/breaker/close/").status_code == 404


def test_the_execution_page_says_first_that_a_breaker_holds_it_up(
    operator: Client, auditor: Client
) -> None:
    opened()
    execution = start(*chain("b"), key="other")
    text = page(operator, f"/executions/{execution.pk}/")
    assert "“B” cannot start: the breaker of echo is open since" in text
    assert CLOSE in text
    text = page(auditor, f"/executions/{execution.pk}/")
    assert "the breaker of echo is open since" in text
    assert CLOSE not in text
    assert "/agents/echo/" in text


def test_a_breaker_that_is_off_or_half_open_says_so(operator: Client) -> None:
    opened()
    Breaker.objects.update(state="half_open", trial_at=None)
    text = page(operator, "/agents/echo/")
    assert "Breaker half-open" in text
    assert CLOSE in text
    make_agent("calm")
    assert "Off" in page(operator, "/agents/calm/")


@pytest.mark.parametrize("role", ["approver", "auditor", "stranger"])
def test_only_operators_and_modellers_close_a_breaker(
    role: str, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(role)
    opened()
    for method in (client.get, client.post):
        assert method(CLOSE).status_code == 403
    if role != "stranger":
        assert CLOSE not in page(client, "/agents/echo/")
    assert Breaker.objects.get().state == "open"
