from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import chain, register
from tests.web.conftest import page
from workflows import engine
from workflows.models import Execution, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def test_an_operator_pauses_and_resumes_the_intake(operator: Client) -> None:
    register(*chain("a"))
    assert "Pause intake" in page(operator, "/workflows/flow/")
    assert "Executions that run go on." in page(operator, "/workflows/flow/intake/pause/", **HTMX)
    answer = operator.post("/workflows/flow/intake/pause/", {"reason": "stock count"})
    assert answer.headers["Location"] == "/workflows/flow/"
    text = page(operator, "/workflows/flow/")
    assert "the intake was paused by ada" in text
    assert "stock count" in text
    assert "/workflows/flow/start/" not in text
    assert "Intake paused" in page(operator, "/workflows/")
    operator.post("/workflows/flow/intake/resume/")
    assert "/workflows/flow/start/" in page(operator, "/workflows/flow/")


def test_the_start_form_says_who_paused_it(operator: Client) -> None:
    register(*chain("a"))
    engine.pause_intake("flow", by=None, reason="stock count")
    assert "stock count" in page(operator, "/workflows/flow/start/", 409)
    assert operator.post("/workflows/flow/start/", {}).status_code == 409
    assert not Execution.objects.exists()


def test_what_is_paused_is_not_paused_again(operator: Client) -> None:
    register(*chain("a"))
    assert operator.get("/workflows/flow/intake/resume/", headers=HTMX).status_code == 409
    engine.pause_intake("flow", by=None)
    for method in (operator.get, operator.post):
        assert method("/workflows/flow/intake/pause/", headers=HTMX).status_code == 409


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_pause_an_intake(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    register(*chain("a"))
    assert client.post("/workflows/flow/intake/pause/").status_code == 403
    assert Workflow.objects.get().intake_paused_at is None
