from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import human, register
from tests.web.conftest import failed, fragment, page
from workflows import engine
from workflows.engine import incidents, working_off
from workflows.models import Batch, Execution

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def runs(number: int) -> None:
    register(human("ask"))
    for _ in range(number):
        engine.start_workflow("flow")


def test_an_operator_pauses_everything_that_the_list_is_filtered_for(operator: Client) -> None:
    runs(3)
    text = page(operator, "/executions/?workflow=flow&state=pending")
    assert "/batches/new/?workflow=flow&amp;state=pending&amp;verb=pause" in text
    assert "verb=resume" not in text, "it does not apply to what is pending"
    address = "/batches/new/?workflow=flow&state=pending&verb=pause"
    asked = page(operator, address, **HTMX)
    assert "applies to 3 executions" in asked
    assert "workflow: flow" in asked
    answer = operator.post(address, {"reason": "stock count"}, headers=HTMX)
    batch = Batch.objects.get()
    assert answer.headers["HX-Redirect"] == f"/batches/{batch.pk}/"
    assert "At work" in page(operator, f"/batches/{batch.pk}/")
    working_off.work_off()
    text = fragment(operator, f"/batches/{batch.pk}/")
    assert "3/3" in text
    assert "stock count" in text
    assert text.count(">Done</span>") == 4
    assert "Nothing here" in page(operator, f"/batches/{batch.pk}/?result=refused")
    assert f"/batches/{batch.pk}/" in page(operator, "/batches/")


def test_a_batch_is_stopped(operator: Client) -> None:
    runs(1)
    batch = engine.create_batch("cancel", {}, by=None)
    address = f"/batches/{batch.pk}/cancel/"
    assert "left alone" in page(operator, address, **HTMX)
    operator.post(address, {"reason": "enough"})
    text = page(operator, f"/batches/{batch.pk}/")
    assert "Stopped by ada." in text
    assert operator.post(address, headers=HTMX).status_code == 409
    assert operator.get("/batches/999/").status_code == 404


def test_where_nothing_matches_nothing_is_asked(operator: Client) -> None:
    runs(1)
    answer = operator.get("/batches/new/?workflow=flow&verb=resume", headers=HTMX)
    assert answer.status_code == 409
    assert "no execution that matches is in one of these states: Paused." in answer.content.decode()


def test_nonsense_in_the_address_is_refused(operator: Client) -> None:
    for address in ("?verb=delete", "?verb=pause&state=odd", "?verb=retry&incident=x"):
        assert operator.get(f"/batches/new/{address}", headers=HTMX).status_code == 422
        assert operator.post(f"/batches/new/{address}").status_code == 422
    assert not Batch.objects.exists()


def test_incidents_are_listed_and_retried(operator: Client) -> None:
    assert "Nothing is failed" in page(operator, "/incidents/")
    execution = failed()
    key = incidents.incidents()[0].key
    text = page(operator, "/incidents/")
    assert "It broke." in text
    assert f"/batches/new/?verb=retry&amp;incident={key}" in text
    address = f"/batches/new/?verb=retry&incident={key}"
    asked = page(operator, address, **HTMX)
    assert "applies to 1 execution that" in asked
    assert "incident: A · Flow" in asked
    operator.post(address)
    working_off.work_off()
    execution.refresh_from_db()
    assert execution.state == "pending"
    assert "incident: A · Flow" in page(operator, f"/batches/{Batch.objects.get().pk}/")


@pytest.mark.parametrize("role", ["approver", "auditor", "modeller", "stranger"])
def test_only_operators_make_or_stop_batches(role: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    runs(1)
    assert client.post("/batches/new/?verb=cancel").status_code == 403
    batch = engine.create_batch("pause", {}, by=None)
    assert client.post(f"/batches/{batch.pk}/cancel/").status_code == 403
    assert Batch.objects.get().finished_at is None
    assert Execution.objects.get().state == "pending"
    if role != "stranger":
        assert "For all that match" not in page(client, "/executions/")
        assert "Retry all" not in page(client, "/incidents/")
