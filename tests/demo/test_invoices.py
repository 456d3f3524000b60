from __future__ import annotations

from decimal import Decimal

import pytest

from agents.tools import ToolFailure
from config.demo.models import Invoice, PurchasePrice
from config.demo.tools.invoices import invoices, quality_check
from config.demo.tools.purchasing import update_prices

pytestmark = pytest.mark.django_db

CSV = "sku,quantity,unit_price\nA,10,39.90\nB,2,275.00\n"
LINES = [
    {"sku": "A", "quantity": 10, "unit_price": 39.9},
    {"sku": "B", "quantity": 2, "unit_price": 275.0},
]
GIVEN = {"supplier_id": "SUP", "invoice_number": "I-1", "tax_rate": 0.08, "lines": LINES}


def step(call, operation, key="7:step:0", execution_id=7, **input):
    return invoices(GIVEN | {"operation": operation} | input, call(key, execution_id))


def test_lines_are_read_from_csv(call):
    assert step(call, "read", csv=CSV) == {"lines": LINES, "count": 2}


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        ("", "lacks the columns"),
        ("sku,quantity\nA,1", "unit_price"),
        ("sku,quantity,unit_price\n", "no lines"),
        ("sku,quantity,unit_price\nA,x,1\n,1,1\nA,0,1\nA,1,NaN\nA", "Line 2: .* Line 3: .* Line 6"),
        ("sku,quantity,unit_price\n" + "A,1,1\n" * 1001, "more than 1000 lines"),
    ],
)
def test_an_unreadable_invoice_is_told(call, csv, told):
    with pytest.raises(ToolFailure, match=told) as failure:
        step(call, "read", csv=csv)
    assert not failure.value.retryable


def test_sums_are_exact_and_compared_with_the_stated_total(call):
    good = step(call, "total", stated_total=1024.92)
    assert good == {"net": 949.0, "tax": 75.92, "gross": 1024.92, "findings": []}
    bad = step(call, "total", stated_total=1000)
    assert bad["findings"] == ["The invoice says 1000.00, its lines say 1024.92."]


def test_prices_are_compared_with_what_was_agreed(call):
    PurchasePrice.objects.create(supplier_id="SUP", sku="B", price=Decimal("260"))
    assert step(call, "check_prices")["findings"] == [
        "A: no purchase price is known.",
        "B: 275.00 is asked, 260.00 was agreed.",
    ]


def test_booking_keeps_all_findings_and_happens_once(call):
    findings = {"sum_findings": ["s"], "price_findings": ["p"], "seen_findings": []}
    first, second = step(call, "book", **findings), step(call, "book", **findings)
    assert first == second
    assert first["status"] == "disputed"
    assert first["findings"] == ["s", "p"]
    invoice = Invoice.objects.get()
    assert (invoice.net, invoice.gross) == (Decimal("949.00"), Decimal("1024.92"))


def test_a_number_that_was_booked_before_is_found_out(call):
    assert step(call, "check_number") == {"earlier": 0, "findings": []}
    step(call, "book")
    assert step(call, "check_number")["earlier"] == 0
    assert step(call, "check_number", key="8:step:0", execution_id=8)["earlier"] == 1


def test_the_supervisor_adds_up_once_more(call):
    number = step(call, "book")["invoice"]
    given = {"invoice": number, "tax_rate": 0.08}
    assert quality_check(given, call()) == {"checked": "I-1", "lines": 2}
    Invoice.objects.update(net=1)
    with pytest.raises(ToolFailure, match="other sums"):
        quality_check(given, call())
    with pytest.raises(ToolFailure, match="No booked invoice"):
        quality_check({}, call())


def test_prices_are_taken_over_and_changes_told(call):
    given = {"supplier_id": "SUP", "catalogue": [{"sku": "A", "price": 2.5}]}
    assert update_prices(given, call())["changes"] == [{"sku": "A", "old": None, "new": 2.5}]
    assert update_prices(given, call())["changes"] == []
    given["catalogue"][0]["price"] = 3
    assert update_prices(given, call())["changes"] == [{"sku": "A", "old": 2.5, "new": 3.0}]
    with pytest.raises(ToolFailure, match="empty"):
        update_prices({"supplier_id": "SUP"}, call())
