"""The main job, in a browser: orders are started, watched, approved, rejected and stopped."""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.desk import (
    Desk,
    csrf_token,
    decide,
    expect_state,
    expect_task,
    operate,
    send,
    start_order,
)
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser
STALE = "<!doctype html><main class='gate'><h1>This form has gone stale</h1></main>"


def test_the_seeds_order_is_started_from_its_form_and_completes_before_ones_eyes(
    desk: Desk, product: Product
) -> None:
    page = desk.open()
    desk.log_in(page, "ada")
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name="Order processing", exact=True).click()
    page.get_by_role("link", name="Start", exact=True).click()
    expect(page.get_by_label("Order number")).to_have_value("ORD-2026-001")
    expect(page.get_by_label("Total")).to_have_value("299.99")
    execution = send(page)
    expect_state(page, "completed")
    for name in ("Validate order", "Check inventory", "Process payment", "Fulfil order"):
        expect_task(page, name, "completed")
    expect_task(page, "Approve order", "cancelled")
    expect(page.locator("#x-why")).to_contain_text("Everything is done.")
    [charge] = product.charges("ORD-2026-001")
    assert (charge["amount"], charge["status"]) == (299.99, "captured")
    assert product.reservations(execution) == [("SKU-001", 2, "shipped")]
    page.goto("/outbox/")
    expect(page.locator("tbody")).to_contain_text("ORD-2026-001")


def test_an_order_over_the_limit_waits_for_somebody_else_and_goes_on_by_itself(
    ada: Page, grace: Page, product: Product
) -> None:
    execution = start_order(ada, "ORD-2026-900", 900)
    expect(ada.locator("#x-why")).to_contain_text("Waits for approval by group approver.")
    expect_task(ada, "Approve order", "paused")
    assert product.charges("ORD-2026-900") == []
    decide(grace, execution, "Approve", "A known customer.")
    expect(grace.locator("#decision .outcome")).to_contain_text("Approved")
    expect_state(ada, "completed")
    expect_task(ada, "Approve order", "completed")
    assert len(product.charges("ORD-2026-900")) == 1


def test_an_approval_reaches_the_inbox_without_reloading(ada: Page, grace: Page) -> None:
    grace.goto("/inbox/")
    expect(grace.locator("#live")).to_have_attribute("data-status", "on")
    execution = start_order(ada, "ORD-2026-901", 901)
    link = grace.get_by_role("link", name=f"#{execution}")
    expect(link).to_be_visible()
    link.click()
    grace.get_by_role("button", name="Reject").click()
    expect_state(ada, "completed")


def test_a_click_is_not_lost_when_the_page_is_refreshed_under_it(ada: Page, grace: Page) -> None:
    execution = start_order(ada, "ORD-2026-902", 902)
    expect(ada.get_by_role("link", name="Open approval")).to_be_visible()
    grace.goto("/inbox/")
    grace.get_by_role("link", name=f"#{execution}").click()
    expect(grace.locator("#live")).to_have_attribute("data-status", "on")
    grace.get_by_role("button", name="Approve").hover()
    grace.mouse.down()
    with grace.expect_response(lambda answer: answer.url == grace.url):
        operate(ada, "pause")
        expect(ada.locator("#x-facts :focus")).to_be_visible()  # its button is gone
    grace.wait_for_function("() => !document.querySelector('.htmx-request')")
    grace.mouse.up()
    expect(grace.locator("#decision .outcome")).to_contain_text("Approved")
    operate(ada, "resume")
    expect_state(ada, "completed")


def test_who_has_started_it_may_not_approve_it(desk: Desk, product: Product) -> None:
    admin = desk.open_for("admin")
    execution = start_order(admin, "ORD-2026-903", 903)
    admin.get_by_role("link", name="Open approval").click()
    expect(admin.locator("#decision")).to_contain_text(
        "You started this execution: another person has to decide."
    )
    expect(admin.get_by_role("button", name="Approve")).to_have_count(0)
    refused = admin.request.post(
        admin.url + "decide/",
        form={"verdict": "approve", "csrfmiddlewaretoken": csrf_token(admin)},
        headers={"Referer": admin.url},
    )
    assert refused.status == 403
    assert product.task_states(execution)["approve_order"] == "paused"


def test_a_rejection_cancels_the_order_and_gives_the_stock_back(
    ada: Page, grace: Page, product: Product
) -> None:
    execution = start_order(ada, "ORD-2026-904", 904)
    expect_task(ada, "Approve order", "paused")
    assert product.reservations(execution) == [("SKU-001", 2, "held")]
    decide(grace, execution, "Reject", "Too much at once.")
    expect_state(ada, "completed")
    expect_task(ada, "Cancel order", "completed")
    expect_task(ada, "Process payment", "cancelled")
    assert product.reservations(execution) == [("SKU-001", 2, "released")]
    assert product.charges("ORD-2026-904") == []


def test_a_payment_that_is_tried_again_is_seen_in_the_timeline(ada: Page, product: Product) -> None:
    start_order(ada, "ORD-2026-RETRY-1")
    expect_state(ada, "completed")
    lane = ada.locator("#x-timeline li", has_text="Process payment").locator("svg")
    expect(lane).to_have_attribute(
        "aria-label", re.compile("attempt 1 Failed, attempt 2 Completed")
    )
    expect(lane.locator("rect[data-state=failed]")).to_have_count(1)
    row = ada.locator("#x-tasks li", has_text="Process payment")
    expect(row).to_contain_text("attempt 2")
    assert len(product.charges("ORD-2026-RETRY-1")) == 1


def test_a_declined_card_cancels_the_order(ada: Page, product: Product) -> None:
    execution = start_order(ada, "ORD-2026-DECLINE-1")
    expect_state(ada, "completed")
    expect_task(ada, "Cancel order", "completed")
    expect_task(ada, "Fulfil order", "cancelled")
    assert [charge["status"] for charge in product.charges("ORD-2026-DECLINE-1")] == ["declined"]
    assert product.reservations(execution) == [("SKU-001", 2, "released")]


def test_an_order_that_waits_is_cancelled_for_good(
    ada: Page, grace: Page, product: Product
) -> None:
    execution = start_order(ada, "ORD-2026-905", 905)
    expect_task(ada, "Approve order", "paused")
    operate(ada, "cancel", "The customer called it off.")
    expect_state(ada, "cancelled")
    expect(ada.locator("#x-why")).to_contain_text("Cancelled by ada.")
    expect(ada.locator("#x-why")).to_contain_text("The customer called it off.")
    expect(ada.locator(".head-actions")).to_have_count(0)
    grace.goto("/inbox/")
    expect(grace.get_by_role("link", name=f"#{execution}")).to_have_count(0)
    assert product.reservations(execution) == [("SKU-001", 2, "released")]


def test_nothing_starts_while_it_is_paused_and_everything_when_it_is_resumed(
    desk: Desk, ada: Page, grace: Page, product: Product
) -> None:
    desk.forgive("/variables/|Status Error")
    execution = start_order(ada, "ORD-2026-906", 906)
    expect_task(ada, "Approve order", "paused")
    _fail_to_change_variables(ada)
    operate(ada, "pause", "The customer sends a new address.")
    expect_state(ada, "paused")
    expect(ada.locator("#x-why")).to_contain_text("Paused by ada.")
    decide(grace, execution, "Approve")
    expect_task(ada, "Approve order", "completed")
    expect_task(ada, "Process payment", "pending")
    operate(ada, "resume")
    expect_state(ada, "completed")
    assert len(product.charges("ORD-2026-906")) == 1


def _fail_to_change_variables(page: Page) -> None:
    """What is typed is not lost when the server stumbles or the session has ended."""
    dialog = page.locator("#dialog")
    page.locator("#do-variables").click()
    dialog.get_by_label("Reason").fill("A new address.")
    for status, told in ((500, "could not do that"), (401, "Log in"), (403, "gone stale")):
        body = "You are signed out. Log in." if status == 401 else STALE
        page.route("**/variables/", partial(_answer, status=status, body=body), times=1)
        dialog.locator(".submit").click()
        expect(dialog.get_by_role("alert")).to_contain_text(told)
        expect(dialog.get_by_label("Reason")).to_have_value("A new address.")
    page.keyboard.press("Escape")
    expect(page.locator("#toasts .gate")).to_have_count(0)


def _answer(route: Route, *, status: int, body: str) -> None:
    route.fulfill(status=status, body=body)


def test_bad_input_is_told_beside_its_field_and_what_was_typed_stays(
    desk: Desk, ada: Page, product: Product
) -> None:
    desk.forgive("status of 422")
    orders = (
        "SELECT count(*) FROM workflows_execution x JOIN workflows_workflow w"
        " ON w.id = x.workflow_id WHERE w.key = 'order_processing_v1'"
    )
    before = product.ask(orders)
    ada.goto("/workflows/order_processing_v1/start/")
    ada.get_by_label("Order number").fill("not a number!")
    ada.get_by_label("Customer").fill("")
    ada.get_by_label("Quantity").fill("many")
    ada.get_by_label("Total").fill("-5")
    ada.locator("#start").click()
    expect(ada.get_by_role("alert")).to_contain_text("It was not started.")
    for label, typed in (
        ("Order number", "not a number!"),
        ("Customer", ""),
        ("Quantity", "many"),
        ("Total", "-5"),
    ):
        field = ada.get_by_label(label)
        expect(field).to_have_value(typed)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field.locator("xpath=..").locator(".error")).not_to_be_empty()
    assert product.ask(orders) == before


def test_an_incomplete_order_fails_with_the_list_of_problems_and_is_not_tried_again(
    ada: Page,
) -> None:
    start_order(ada, "ORD-2026-907", customer="CUST-200")
    expect_state(ada, "failed")
    expect(ada.locator("#x-why")).to_contain_text("“Validate order” failed at attempt 1.")
    expect(ada.locator("#x-why")).to_contain_text("address")
