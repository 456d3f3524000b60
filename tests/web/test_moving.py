from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import human, make_agent, node, register, start, step
from tests.web.conftest import page, ran
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def asking() -> Execution:
    """It waits for a person, and a newer version calls that step otherwise."""
    make_agent()
    execution = ran(start(human("ask"), step("end", "ask")))
    assert execution.version.number == 1
    register(human("review"), step("check", "review"), step("end", "check"))
    return execution


def test_the_dialog_shows_what_would_happen_and_then_it_does(operator: Client) -> None:
    execution = asking()
    address = f"/executions/{execution.pk}/move/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    assert "“Ask” has begun and has no place" in page(operator, address, **HTMX)
    typed = {"version": "2", "mapping": '{"ask": "review"}'}
    checked = operator.post(address, {**typed, "check": "1"}, headers=HTMX)
    assert checked.status_code == 200
    assert "has no place" not in checked.content.decode()
    assert "Check" in checked.content.decode()
    execution.refresh_from_db()
    assert execution.version.number == 1
    assert operator.post(address, typed).headers["Location"] == f"/executions/{execution.pk}/"
    execution.refresh_from_db()
    assert execution.version.number == 2
    assert address not in page(operator, f"/executions/{execution.pk}/")
    assert page(operator, "/workflows/flow/?version=2")
    assert operator.get(address).status_code == 404


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"mapping": "{"}, "Line 1"),
        ({"mapping": '{"ask": 7}'}, "“ask”: the key of a step"),
        ({"mapping": "{}"}, "has no place"),
    ],
)
def test_what_is_wrong_is_told(operator: Client, typed: dict[str, str], told: str) -> None:
    execution = asking()
    answer = operator.post(f"/executions/{execution.pk}/move/", typed, headers=HTMX)
    assert answer.status_code == 422
    assert told in answer.content.decode()


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_move(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    execution = asking()
    typed = {"version": "2", "mapping": '{"ask": "review"}'}
    assert client.post(f"/executions/{execution.pk}/move/", typed).status_code == 403
    execution.refresh_from_db()
    assert execution.version.number == 1


def test_a_token_graph_is_moved_too(operator: Client) -> None:
    execution = ran(start(node("way", "exclusive"), human("ask", "way"), step("end", "ask")))
    register(node("way", "exclusive"), human("review", "way"), step("end", "review"))
    address = f"/executions/{execution.pk}/move/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    assert "“Ask” has begun and has no place" in page(operator, address, **HTMX)
    typed = {"version": "2", "mapping": '{"ask": "review"}'}
    assert operator.post(address, typed).status_code == 302
    execution.refresh_from_db()
    assert execution.version.number == 2
    assert execution.tasks.get(state="paused").key == "review"


def test_the_page_says_what_was_refused_and_why(operator: Client) -> None:
    execution = asking()
    typed = {"version": "2", "mapping": "{}", "reason": "new rules"}
    assert operator.post(f"/executions/{execution.pk}/move/", typed).status_code == 422
    text = page(operator, f"/executions/{execution.pk}/")
    assert "A move to another version was refused." in text
    assert "“Ask” has begun and has no place in the new version" in text
