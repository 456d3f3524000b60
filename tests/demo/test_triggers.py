"""The demo's triggers do what they say, and surprise nobody before they are resumed."""

from __future__ import annotations

import pytest

from agents import runner
from config.demo import loading
from tests.demo.test_runs import INVOICE, ORDER
from workflows import engine
from workflows.engine import triggers
from workflows.models import Execution, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def desk(gateway):
    loading.load()
    return gateway


def test_an_order_that_is_told_of_is_processed_to_its_end(desk):
    (execution,) = engine.publish_event("order_created", ORDER, key="shop:ORD-2026-001")
    runner.drain()
    execution.refresh_from_db()
    assert execution.state == "completed", execution.error
    assert len(desk.charges.listed("ORD-2026-001")) == 1


def test_nothing_starts_by_itself_until_somebody_resumes_it():
    assert Trigger.objects.filter(kind="event", is_paused=False).count() == 3
    others = Trigger.objects.exclude(kind="event")
    assert {one.kind for one in others} == {"schedule", "workflow_end"}
    assert all(one.is_paused and one.pause_reason for one in others)
    engine.start_workflow("invoice_intake_v1", INVOICE)
    runner.drain()
    assert Execution.objects.count() == 1


def test_an_invoice_with_other_prices_has_the_catalogue_fetched():
    chained = Trigger.objects.get(kind="workflow_end")
    triggers.resume(chained.pk, by=None)
    engine.start_workflow("invoice_intake_v1", INVOICE)
    runner.drain()
    sync = Execution.objects.get(workflow__key="supplier_sync_v1")
    assert (sync.state, sync.input) == ("completed", {"supplier_id": "SUP-SOUTH"})
    agreed = INVOICE | {"csv": "sku,quantity,unit_price\nSKU-002,10,39.90\n"}
    engine.start_workflow("invoice_intake_v1", agreed)
    runner.drain()
    assert Execution.objects.filter(workflow__key="supplier_sync_v1").count() == 1


def test_the_nightly_sync_gives_the_supplier_that_it_needs():
    schedule = Trigger.objects.get(kind="schedule")
    resumed = triggers.resume(schedule.pk, by=None)
    assert resumed.next_due_at is not None
    Trigger.objects.filter(pk=schedule.pk).update(next_due_at="2026-01-05T05:00Z")
    runner.drain()
    sync = Execution.objects.get()
    assert (sync.state, sync.input) == ("completed", {"supplier_id": "SUP-SOUTH"})
