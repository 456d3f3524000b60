from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.engine.test_subprocesses import case
from tests.factories import states, task
from tests.web.conftest import page

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def test_what_an_ad_hoc_sub_process_offers_is_begun_on_the_execution_page(operator: Client) -> None:
    execution = case(completion="sent")
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'case').pk}/activate/"
    shown = page(operator, f"/executions/{execution.pk}/")
    assert f"{address}?node=mail" in shown
    assert "waits for somebody to choose what is done next" in shown
    assert f"{address}?node=note" not in shown
    assert "ends if that is enough" in page(operator, f"{address}?node=mail", **HTMX)
    answer = operator.post(address, {"node": "mail", "reason": "asked for"}, headers=HTMX)
    told = json.loads(answer.headers["HX-Trigger"])["signalbox:changed"]
    assert told == {"executions": [execution.pk]}
    assert states(execution) == {"case": "running", "mail": "pending"}
    row = execution.audit_events.get(kind="task.activated")
    assert (row.actor, row.data["reason"]) == ("user:ada", "asked for")
    assert operator.get(f"{address}?node=note").status_code == 409


def test_who_may_not_operate_neither_sees_nor_begins_it(approver: Client) -> None:
    execution = case()
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'case').pk}/activate/"
    assert "/activate/" not in page(approver, f"/executions/{execution.pk}/")
    assert approver.post(address, {"node": "mail"}).status_code == 403
    assert states(execution) == {"case": "running"}
