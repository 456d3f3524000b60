"""The two small workflows: branches that join, and a failure that an operator mends."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import expect_state, expect_task, operate, start
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser

CHECKS = ("Add up", "Check prices", "Check number")


def test_an_invoice_is_checked_from_three_sides_and_booked_when_all_are_done(
    ada: Page, product: Product
) -> None:
    execution = start(ada, "invoice_intake_v1")
    expect_state(ada, "completed")
    for name in (*CHECKS, "Book invoice", "Quality check", "Report to accounting"):
        expect_task(ada, name, "completed")
    moves = [key for key, state in _moves(product, execution) if state == "completed"]
    assert moves[0] == "read_invoice"
    assert set(moves[1:4]) == {"add_up", "check_prices", "check_number"}
    assert moves[4:] == ["book_invoice", "quality_check", "report"]


def test_a_locked_supplier_fails_the_run_until_an_operator_unlocks_and_retries(ada: Page) -> None:
    start(ada, "supplier_sync_v1", supplier="SUP-NORTH")
    expect_state(ada, "failed")
    expect(ada.locator("#x-why")).to_contain_text("“Fetch catalogue” failed")
    expect(ada.locator("#x-why")).to_contain_text("423")
    partners = ada.context.new_page()
    partners.goto("/partners/")
    partners.get_by_role("button", name="Unlock SUP-NORTH").click()
    expect(partners.get_by_role("button", name="Lock SUP-NORTH")).to_be_visible()
    operate(ada, "retry", "Unlocked.")
    expect_state(ada, "completed")
    expect_task(ada, "Fetch catalogue", "completed")
    expect_task(ada, "Update prices", "completed")


def _moves(product: Product, execution: int) -> list[tuple[str, str]]:
    """Which task went to which state, in order."""
    return product.ask(
        "SELECT task.key, event.new_state FROM workflows_auditevent event"
        " JOIN workflows_task task ON task.id = event.task_id"
        " WHERE event.execution_id = %s AND event.new_state IS NOT NULL ORDER BY event.seq",
        execution,
    )
