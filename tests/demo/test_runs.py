"""The demo's workflows from start to end: real engine, real tools, a real gateway over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from agents import runner
from config.demo import loading, outbox
from config.demo.models import Invoice, PurchasePrice, Reservation, Shipment, StockItem
from tests.factories import history, make_user, states
from workflows import clock, engine
from workflows.models import Approval, Timer

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {
    "order_id": "ORD-2026-001",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
}
INVOICE = {
    "supplier_id": "SUP-SOUTH",
    "invoice_number": "INV-1001",
    "csv": "sku,quantity,unit_price\nSKU-002,10,39.90\nSKU-004,2,275.00\n",
    "stated_total": 1024.92,
}


@pytest.fixture(autouse=True)
def desk(gateway):
    loading.load()
    return gateway


def start(key="order_processing_v1", input=ORDER, by=None, **changes):
    execution = engine.start_workflow(key, input | changes, by=by)
    return drained(execution)


def drained(execution):
    runner.drain()
    execution.refresh_from_db()
    return execution


@pytest.fixture
def stopped_clock(transactional_db):
    """On a slow machine a wait would be over before anybody has seen it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('signalbox.now', now()::text, false)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('signalbox.now', '', false)")


def without_waiting(execution):
    """Let every retry be due now."""
    Timer.objects.filter(kind="retry").update(due_at=clock.of_database() - timedelta(seconds=1))
    return drained(execution)


def decide(execution, verdict):
    approver = make_user("approver-1", "approver")
    approval = Approval.objects.get(execution=execution, state="open")
    engine.decide(approval.pk, by=approver, verdict=verdict, comment="seen")
    return drained(execution)


def stock(sku="SKU-001"):
    item = StockItem.objects.get(sku=sku)
    return item.on_hand, item.reserved


def test_the_seeds_order_is_checked_paid_shipped_and_confirmed(desk):
    execution = start()
    assert execution.state == "completed", execution.error
    ran = [line for line in history(execution) if line.endswith(" running")]
    assert ran[1:] == [
        "validate_order running",
        "check_inventory running",
        "process_payment running",
        "fulfill_order running",
        "send_notification running",
    ]
    (charge,) = desk.charges.listed("ORD-2026-001")
    assert (float(charge["amount"]), charge["status"]) == (299.99, "captured")
    assert charge["idempotency_key"].startswith(f"{execution.pk}:process_payment:")
    assert stock() == (99_998, 0)
    shipment = Shipment.objects.get(execution_id=execution.pk)
    email = next(mail for mail in outbox.newest() if not mail.is_sms)
    assert shipment.tracking_code in email.text


def test_an_order_over_the_limit_waits_for_an_approver_and_then_completes(desk):
    execution = start(total_amount=899)
    assert execution.state in ("running", "paused")
    assert states(execution)["approve_order"] == "paused"
    assert desk.charges.listed() == []
    assert stock() == (100_000, 2)
    execution = decide(execution, "approve")
    assert execution.state == "completed", execution.error
    assert len(desk.charges.listed()) == 1


def test_a_rejected_order_gives_its_stock_back_and_charges_nothing(desk):
    execution = decide(start(total_amount=899), "reject")
    assert execution.state == "completed", execution.error
    assert states(execution)["cancel_order"] == "completed"
    assert states(execution)["process_payment"] == "cancelled"
    assert stock() == (100_000, 0)
    assert desk.charges.listed() == []


def test_a_declined_payment_takes_the_same_way_back(desk):
    execution = start(order_id="ORD-DECLINE")
    assert execution.state == "completed", execution.error
    assert states(execution)["cancel_order"] == "completed"
    assert states(execution)["fulfill_order"] == "cancelled"
    assert stock() == (100_000, 0)


def test_a_gateway_that_is_down_is_asked_again_and_charges_once(desk, stopped_clock):
    execution = start(order_id="ORD-RETRY-7")
    assert execution.state == "running"
    execution = without_waiting(execution)
    assert execution.state == "completed", execution.error
    assert execution.tasks.get(key="process_payment").attempt == 2
    assert len(desk.charges.listed("ORD-RETRY-7")) == 1


def test_a_bad_order_fails_at_once_with_its_problems(desk):
    execution = start(customer_id="CUST-200")
    assert execution.state == "failed"
    task = execution.tasks.get(key="validate_order")
    assert (task.state, task.attempt) == ("failed", 1)
    assert "street" in task.error


def test_an_order_for_more_than_there_is_fails_and_holds_nothing(desk):
    execution = start(items=[{"sku": "SKU-004", "quantity": 9}])
    assert execution.state == "failed"
    assert "SKU-004: 9 wanted, 3 there" in execution.tasks.get(key="check_inventory").error
    assert stock("SKU-004") == (3, 0)


def test_cancelling_an_order_that_waits_gives_its_stock_back(desk):
    execution = start(total_amount=899)
    engine.cancel(execution.pk, by=make_user("op", "operator"), reason="changed my mind")
    assert stock() == (100_000, 0)
    assert set(Reservation.objects.values_list("state", flat=True)) == {"released"}


def test_an_invoice_is_checked_from_three_sides_booked_and_reported(desk):
    execution = start("invoice_intake_v1", INVOICE)
    assert execution.state == "completed", execution.error
    invoice = Invoice.objects.get(execution_id=execution.pk)
    assert invoice.status == "disputed"
    assert invoice.findings == ["SKU-004: 275.00 is asked, 260.00 was agreed."]
    (mail,) = outbox.newest()
    assert mail.recipient == "accounting@signalbox.example"
    assert "275.00 is asked" in mail.text
    assert execution.tasks.get(key="quality_check").agent_key == "agent_supervisor"


def test_a_locked_catalogue_fails_until_an_operator_unlocks_it_and_retries(desk):
    execution = start("supplier_sync_v1", {"supplier_id": "SUP-NORTH"})
    assert execution.state == "failed"
    assert "locked its catalogue" in execution.tasks.get(key="fetch_catalogue").error
    desk.suppliers.lock("SUP-NORTH", {"locked": False})
    engine.retry(execution.pk, by=make_user("op", "operator"))
    execution = drained(execution)
    assert execution.state == "completed", execution.error
    assert PurchasePrice.objects.filter(supplier_id="SUP-NORTH").count() == 3


def test_a_watch_asks_again_after_a_wait_until_the_catalogue_is_open(desk, stopped_clock):
    execution = start("catalogue_watch_v1", {"supplier_id": "SUP-NORTH"})
    assert execution.state == "running", execution.error
    assert execution.tasks.get(key="wait").state == "paused"
    desk.suppliers.lock("SUP-NORTH", {"locked": False})
    Timer.objects.filter(kind="event").update(due_at=clock.of_database())
    execution = drained(execution)
    assert execution.state == "completed", execution.error
    assert list(
        execution.tasks.filter(key="fetch_catalogue").values_list("iteration", "state")
    ) == [
        (1, "failed"),
        (2, "completed"),
    ]
    assert execution.variables["tries"] == 1
