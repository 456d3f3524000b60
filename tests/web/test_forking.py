from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import task
from tests.web.conftest import completed, page
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
