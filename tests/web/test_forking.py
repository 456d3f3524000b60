from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import make_agent, node, start, step, task
from tests.web.conftest import completed, page, ran
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def test_an_operator_runs_again_from_a_step_and_both_pages_are_linked(operator: Client) -> None:
    execution = completed(input={"x": 1})
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'b').pk}/rerun/"
    assert address in page(operator, f"/executions/{execution.pk}/")
    assert "this one stays as it is" in page(operator, address, **HTMX)
    typed = {"variables": '{"x": 2}', "reason": "again", "idempotency_key": "click"}
    answer = operator.post(address, typed, headers=HTMX)
    fork = Execution.objects.get(forked_from=execution)
    assert answer.headers["HX-Redirect"] == f"/executions/{fork.pk}/"
    assert operator.post(address, typed).headers["Location"] == f"/executions/{fork.pk}/"
    assert fork.variables == {"x": 2}
    assert fork.requested_by is not None
    assert f'href="/executions/{execution.pk}/">#{execution.pk}' in page(
        operator, f"/executions/{fork.pk}/"
    )
    assert f'href="/executions/{fork.pk}/">#{fork.pk}' in page(
        operator, f"/executions/{execution.pk}/"
    )


def test_a_mistyped_variable_is_told(operator: Client) -> None:
    execution = completed(input={"x": 1})
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'b').pk}/rerun/"
    answer = operator.post(address, {"variables": "{"}, headers=HTMX)
    assert answer.status_code == 422
    assert not Execution.objects.filter(forked_from=execution).exists()


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_fork(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    execution = completed()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'b').pk}/rerun/"
    assert client.post(address).status_code == 403
    assert Execution.objects.count() == 1


def test_a_token_graph_is_run_again_and_a_step_of_a_loop_is_not_offered(operator: Client) -> None:
    make_agent()
    execution = ran(
        start(
            node("each", "scope", loop={"cardinality": 2}),
            step("inner", parent="each"),
            step("after", "each"),
        )
    )
    shown = page(operator, f"/executions/{execution.pk}/")
    inner = task(execution, "after").pk
    address = f"/executions/{execution.pk}/tasks/{inner}/rerun/"
    assert address in shown
    assert "what the other paths had brought counts" in page(operator, address, **HTMX)
    assert operator.post(address, {}).status_code == 302
    assert Execution.objects.get(forked_from=execution).forked_at == "after"
    lost = execution.tasks.filter(key="inner").last()
    assert lost is not None
    assert f"/tasks/{lost.pk}/rerun/" not in shown
    answer = operator.post(f"/executions/{execution.pk}/tasks/{lost.pk}/rerun/", {})
    assert answer.status_code == 409
    assert "run again from the loop" in answer.content.decode()
