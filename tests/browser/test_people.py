"""People's work with a due time and a form that steps share, from drawing it to deciding it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk, expect_state, send
from tests.browser.drawing import add_by_tree, field, item, new_workflow, publish, ready, saved
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser
FORM = {
    "id": "expense-claim",
    "name": "Expense claim",
    "components": [
        {"type": "number", "key": "amount", "label": "Amount", "validate": {"required": True}},
        {
            "type": "checklist",
            "key": "papers",
            "label": "Papers",
            "values": [{"label": name, "value": name} for name in ("receipt", "offer")],
        },
    ],
}


def test_a_step_is_due_asks_a_shared_form_and_is_marked_when_its_time_passes(
    desk: Desk, product: Product
) -> None:
    linus, grace = desk.open_for("linus"), desk.open_for("grace")
    _import(linus)
    key = new_workflow(linus, "Claims")
    saved(linus, lambda: add_by_tree(linus, "Start", "Approval by a person", "Look at it"))
    saved(linus, lambda: linus.locator("#panel").get_by_label("approver", exact=True).check())
    saved(linus, lambda: field(linus, "Due").fill("P1M"))
    expect(linus.locator("#problems")).to_contain_text("“due” is “P1M”; a duration such as PT4H")
    saved(linus, lambda: field(linus, "Due").fill("PT1H"))
    expect(linus.locator("#problems")).not_to_contain_text("“due”")
    saved(
        linus, lambda: linus.locator("#panel").get_by_label("Form").select_option("expense-claim")
    )
    expect(linus.locator("#panel .form-builder")).to_be_hidden()
    linus.reload()
    ready(linus)
    item(linus, "Look at it").click()
    expect(field(linus, "Due")).to_have_value("PT1H")
    expect(linus.locator("#panel").get_by_label("Form")).to_have_value("expense-claim")
    publish(linus, "")
    grace.goto("/inbox/")
    expect(grace.locator("#live")).to_have_attribute("data-status", "on")
    linus.goto(f"/workflows/{key}/start/")
    execution = send(linus)
    _its_time_passes(grace, linus, product, execution)
    desk.forgive(r"422 .*/decide/")
    _decide(grace, execution)
    expect_state(linus, "completed")
    (output,) = product.ask(
        "SELECT output->'data' FROM workflows_task WHERE execution_id = %s AND kind = 'human'",
        execution,
    )[0]
    assert output == {"amount": 12, "papers": ["offer"]}


def _import(page: Page) -> None:
    page.goto("/workflows/import/")
    file = {"name": "x.form", "mimeType": "application/json", "buffer": json.dumps(FORM).encode()}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    page.locator("#do-import").click()
    expect(page.locator("#import-result")).to_contain_text("is there as version 1.")


def _its_time_passes(grace: Page, linus: Page, product: Product, execution: int) -> None:
    """The inbox and the execution tell it by word and icon, without reloading."""
    row = grace.locator("#inbox li").filter(has_text=f"#{execution}")
    expect(row.locator(".due")).to_have_text(re.compile("^due "))
    expect(linus.locator("#x-why")).to_contain_text("due in")
    for table in ("approval", "timer"):
        product.ask(
            f"UPDATE workflows_{table} SET due_at = due_at - interval '1 hour'"
            " WHERE execution_id = %s",
            execution,
        )
    expect(row.locator(".due")).to_contain_text("Overdue")
    expect(row.locator(".due svg")).to_be_visible()
    expect(grace.locator("#inbox li").first).to_contain_text(f"#{execution}")
    expect(linus.locator("#x-why")).to_contain_text("Overdue")


def _decide(page: Page, execution: int) -> None:
    page.get_by_role("link", name=f"#{execution}").click()
    expect(page.locator("#decision .due")).to_contain_text("Overdue")
    page.get_by_label("offer").check()
    page.locator("#approve").click()
    expect(page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("offer")).to_be_checked()
    page.get_by_label("Amount").fill("12")
    page.locator("#approve").click()
    expect(page.locator("#decision")).to_contain_text("The execution went on.")
    expect(page.locator(".answers")).to_contain_text("offer")
