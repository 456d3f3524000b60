"""The diagram editor in a real browser: drawing, its properties, keyboard, publishing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import PHONE, Desk, complete, csrf_token, expect_state, refreshed, send
from tests.browser.drawing import (
    add_by_tree,
    add_input,
    field,
    item,
    new_workflow,
    open_editor,
    publish,
    ready,
    saved,
)
from tests.browser.test_pages import _barriers
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser


def test_what_is_drawn_is_saved_published_and_runs_to_its_end(linus: Page) -> None:
    key = new_workflow(linus, "Drawn by hand")
    _draw_a_task(linus)
    expect(linus.locator("#problems")).to_contain_text("Nothing leads to it")
    linus.keyboard.type("Send the note")
    linus.keyboard.press("Enter")
    expect(item(linus, "Send the note")).to_be_visible()
    item(linus, "Start").click()
    saved(linus, lambda: _connect(linus, "Send the note"))
    expect(linus.locator("#problems")).not_to_contain_text("Nothing leads to it")
    expect(linus.locator("#problems")).to_contain_text("Nothing says which agent does it")
    item(linus, "Send the note").click()
    saved(linus, lambda: field(linus, "Agent").select_option("agent_005"))
    expect(linus.locator("#who-can")).to_contain_text("Can do it now")
    expect(linus.locator("#no-problems")).to_be_visible()
    linus.locator("#panel summary", has_text="Input and output").click()
    add_input(linus, "message", "invoice_report")
    saved(linus, lambda: add_input(linus, "accounting_email", "office@signalbox.example"))
    publish(linus, "The first one")
    linus.goto(f"/workflows/{key}/")
    expect(linus.locator(".versions")).to_contain_text("The first one")
    linus.goto(f"/workflows/{key}/start/")
    send(linus)
    expect_state(linus, "completed")
    expect(linus.locator("#x-tasks")).to_contain_text("Send the note")


def test_a_step_is_added_between_two_with_its_key_and_undone_at_once(linus: Page) -> None:
    new_workflow(linus, "Add and undo")
    saved(linus, lambda: add_by_tree(linus, "Start", "Task of an agent", "Check stock"))
    expect(linus.locator("[data-panel-id]")).to_have_text("check_stock")
    expect(linus.locator("#tree .tree-line")).to_have_count(5)  # three steps, two ways
    for kind in ("human", "agent"):  # it stays the same step, whatever does it
        saved(linus, lambda kind=kind: field(linus, "Kind").select_option(kind))
        expect(linus.locator("[data-panel-id]")).to_have_text("check_stock")
    for _ in range(2):
        saved(linus, lambda: linus.get_by_role("button", name="Undo").click())
    saved(linus, lambda: linus.get_by_role("button", name="Undo").click())
    expect(item(linus, "Check stock")).to_have_count(0)
    saved(linus, lambda: linus.get_by_role("button", name="Redo").click())
    expect(item(linus, "Check stock")).to_be_visible()
    linus.reload()
    ready(linus)
    expect(item(linus, "Check stock")).to_be_visible()


def test_everything_of_an_approval_and_its_ways_out_survives_a_reload(linus: Page) -> None:
    new_workflow(linus, "Approval")
    add_by_tree(linus, "Start", "Approval by a person", "Look at it")
    expect(linus.locator("#problems")).to_contain_text("It names nobody who may do it")
    field(linus, "Question").fill("Is this right?")
    linus.locator("#panel").get_by_label("approver", exact=True).check()
    field(linus, "Approvals required").fill("2")
    saved(linus, lambda: field(linus, "Users").fill("grace, ada"))
    expect(linus.locator("#problems")).not_to_contain_text("It names nobody")
    saved(linus, lambda: add_by_tree(linus, "Look at it", "Exclusive gateway", "Right?"))
    saved(linus, lambda: add_by_tree(linus, "Right?", "End", "Wrong"))
    linus.locator("#tree .tree-line", has_text="to Wrong").click()
    _check_condition(linus)
    linus.reload()
    ready(linus)
    item(linus, "Look at it").click()
    expect(field(linus, "Question")).to_have_value("Is this right?")
    expect(field(linus, "Users")).to_have_value("grace, ada")
    expect(field(linus, "Approvals required")).to_have_value("2")
    linus.locator("#tree .tree-line", has_text="to Wrong").click()
    expect(field(linus, "Taken when (CEL)")).to_have_value('decision == "reject"')


def _check_condition(page: Page) -> None:
    """A bad expression is told while it is typed; the good one is kept."""
    condition = field(page, "Taken when (CEL)")
    saved(page, lambda: condition.press_sequentially("decision =="))
    expect(condition).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#p-condition-told")).to_contain_text("decision ==")
    saved(page, lambda: condition.fill('decision == "reject"'))
    expect(condition).to_have_attribute("aria-invalid", "false")


def test_a_form_is_built_by_keyboard_and_filled_in_by_who_approves(
    linus: Page, desk: Desk, product: Product
) -> None:
    key = new_workflow(linus, "With a form")
    saved(linus, lambda: add_by_tree(linus, "Start", "Approval by a person", "Look at it"))
    linus.locator("#panel").get_by_label("approver", exact=True).check()
    _add_field(linus, "Kind of goods", "choice", options="tea, coffee")
    _add_field(linus, "Amount", "number", required=True)
    rows = linus.locator("#panel .form-row")
    up = rows.nth(1).get_by_role("button", name="Move up")
    up.focus()
    saved(linus, lambda: linus.keyboard.press("Enter"))
    expect(linus.locator(":focus")).to_have_attribute("aria-label", "Move up")
    _add_field(linus, "Amount", "date", name="amount")
    expect(linus.locator("#form-told")).to_be_visible()
    away = rows.nth(2).get_by_role("button", name="Take this field away")
    expect(linus.locator("#saved")).to_have_attribute("data-status", "changed")
    away.press("Enter")
    expect(linus.locator("#form-told")).to_be_hidden()
    expect(linus.locator("#saved")).to_have_attribute("data-status", "saved")
    form = _row_of(product, key, "look_at_it")[0]["form"]
    assert form == {
        "type": "object",
        "required": ["amount"],
        "properties": {
            "amount": {"type": "number", "title": "Amount", "propertyOrder": 1},
            "kind_of_goods": {
                "type": "string",
                "enum": ["tea", "coffee"],
                "title": "Kind of goods",
                "propertyOrder": 2,
            },
        },
    }
    linus.reload()
    ready(linus)
    item(linus, "Look at it").click()
    expect(rows.nth(1).get_by_label("Options, separated by commas")).to_have_value("tea, coffee")
    assert not _barriers(linus)
    publish(linus, "")
    linus.goto(f"/workflows/{key}/start/")
    execution = send(linus)
    desk.forgive(r"422 .*/decide/")
    _fill_in(desk.open_for("grace"), execution)
    expect_state(linus, "completed")


def _add_field(
    page: Page, label: str, kind: str, *, name: str = "", options: str = "", required: bool = False
) -> None:
    page.locator("#panel").get_by_role("button", name="Add a field").press("Enter")
    expect(page.locator(":focus")).to_have_attribute("data-part", "label")
    page.keyboard.type(label)
    page.keyboard.press("Tab")
    row = page.locator("#panel .form-row").last
    row.get_by_label("Type").select_option(kind)
    if options:
        row.get_by_label("Options, separated by commas").fill(options)
    if name:
        row.get_by_label("Name", exact=True).fill(name)
    if required:
        row.get_by_label("Required").check()


def _row_of(product: Product, key: str, task: str) -> tuple[Any, ...]:
    found = product.ask(
        "SELECT t.approval FROM workflows_taskdefinition t"
        " JOIN workflows_workflow w ON w.id = t.workflow_id WHERE w.key = %s AND t.key = %s",
        key,
        task,
    )
    return tuple(found[0])


def _fill_in(page: Page, execution: int) -> None:
    """What misses the form is told at its field, and what was typed stays; then it is approved."""
    page.goto("/inbox/")
    page.get_by_role("link", name=f"#{execution}").click()
    expect(page.locator("#decision")).to_be_visible()
    complete(page)
    page.get_by_label("Kind of goods").select_option("coffee")
    page.get_by_label("Amount").fill("ten")
    page.keyboard.press("Enter")
    page.locator("#comment").fill("for the office")
    _expect_kept(page)
    page.locator("#approve").click()
    expect(page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    _expect_kept(page)
    expect(page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    assert not _barriers(page)
    page.get_by_label("Amount").fill("10")
    page.locator("#approve").click()
    expect(page.locator("#decision")).to_contain_text("The execution went on.")
    expect(page.locator(".answers")).to_contain_text("coffee")


def _expect_kept(page: Page) -> None:
    """What is typed is there after the page has fetched the decision anew."""
    refreshed(page, r"/approvals/\d+/$")
    expect(page.get_by_label("Amount")).to_have_value("ten")
    expect(page.get_by_label("Kind of goods")).to_have_value("coffee")
    expect(page.locator("#comment")).to_have_value("for the office")


def test_what_the_panel_says_is_what_the_workflow_does(linus: Page, product: Product) -> None:
    key = new_workflow(linus, "Every field")
    add_by_tree(linus, "Start", "Task of an agent", "Work")
    field(linus, "Role").select_option("worker")
    field(linus, "Capabilities").fill("shipping, logistics")
    for part in ("Input and output", "Priority, retries, timeout", "Repetition"):
        linus.locator("#panel summary", has_text=part).click()
    add_input(linus, "limit", "3")
    add_input(linus, "limit", "12345678901234567890")
    told = linus.locator("[data-field=inputs] [data-told]")
    expect(told).to_be_visible()  # none of them is given up
    linus.locator("#panel").get_by_placeholder("Name").locator("visible=true").last.fill("serial")
    expect(told).to_be_hidden()
    add_input(linus, "rate", "3.0")
    linus.locator("#panel").get_by_role("button", name="Add an output").click()
    linus.locator("#panel").get_by_placeholder("Variable").fill("ok")
    linus.locator("#panel").get_by_placeholder("CEL", exact=True).fill("output.ok")
    field(linus, "Priority").select_option("high")
    field(linus, "Retries").fill("5")
    field(linus, "Timeout (seconds)").fill("60")
    field(linus, "Runs").select_option("sequential")
    field(linus, "Items (CEL list)").fill("orders")
    saved(linus, lambda: field(linus, "Item's name").fill("order"))
    add_by_tree(linus, "Work", "Timer (on a task)", "Too late")
    field(linus, "When").fill("PT15M")
    saved(linus, lambda: field(linus, "Ends what it happens to").uncheck())
    add_by_tree(linus, "Work", "Waits for a message", "Paid")
    field(linus, "Message").fill("payment")
    saved(linus, lambda: field(linus, "Belongs to (CEL)").fill("order_id"))
    add_by_tree(linus, "Paid", "Call of a workflow", "Ship")
    saved(linus, lambda: field(linus, "Workflow").select_option("order_processing_v1"))
    work, late, paid, ship = _rows(product, key, "work", "too_late", "paid", "ship")
    given = {"limit": 3, "serial": 12345678901234567890, "rate": 3.0}
    assert work[:6] == ("worker", ["shipping", "logistics"], 3, 5, 60, given)
    assert isinstance(work[5]["rate"], float)
    assert work[6:8] == (
        {"ok": "output.ok"},
        {"mode": "sequential", "collection": "orders", "item": "order", "index": "loopCounter"},
    )
    assert late[8:] == ("work", {"type": "timer", "duration": "PT15M", "interrupting": False}, {})
    assert paid[9] == {"type": "message", "name": "payment", "key": "order_id"}
    assert ship[10] == {"key": "order_processing_v1"}


def _rows(product: Product, key: str, *tasks: str) -> list[tuple[Any, ...]]:
    found = product.ask(
        "SELECT t.key, t.role, t.capabilities, t.priority, t.max_retries, t.timeout_seconds,"
        " t.input, t.output_mapping, t.loop, t.attached_to, t.event, t.calls"
        " FROM workflows_taskdefinition t JOIN workflows_workflow w ON w.id = t.workflow_id"
        " WHERE w.key = %s",
        key,
    )
    by_key = {row[0]: row[1:] for row in found}
    return [by_key[task] for task in tasks]


def test_a_process_is_edited_with_the_keyboard_alone(linus: Page) -> None:
    new_workflow(linus, "By keyboard")
    for _ in range(60):
        linus.keyboard.press("Tab")
        if linus.evaluate("document.activeElement.matches('#tree [role=treeitem]')"):
            break
    linus.keyboard.press("a")
    linus.keyboard.press("Tab")
    linus.keyboard.type("First step")
    linus.keyboard.press("Enter")
    expect(linus.locator("#tree-first_step")).to_be_focused()
    linus.keyboard.press("a")
    linus.keyboard.press("Tab")
    linus.keyboard.type("Second step")
    linus.keyboard.press("Enter")
    expect(linus.locator("#tree-second_step")).to_be_focused()
    linus.keyboard.press("F2")
    linus.keyboard.type("Last step")
    linus.keyboard.press("Escape")
    expect(item(linus, "Last step")).to_be_visible()
    expect(linus.locator("#tree-second_step")).to_be_focused()
    linus.keyboard.press("ArrowUp")
    linus.keyboard.press("c")
    expect(linus.locator("#connect-dialog")).to_be_visible()
    linus.keyboard.press("Escape")
    linus.keyboard.press("End")
    linus.keyboard.press("Home")
    expect(linus.locator("#tree [role=treeitem]").first).to_be_focused()
    linus.keyboard.press("ArrowDown")
    linus.keyboard.press("ArrowDown")
    linus.keyboard.press("Enter")
    expect(field(linus, "Name")).to_be_focused()
    linus.keyboard.press("Escape")
    saved(linus, lambda: linus.keyboard.press("Delete"))
    expect(linus.locator("#tree .tree-line")).to_have_count(5)
    linus.keyboard.press("a")
    linus.locator("#add-what").select_option("scope")
    linus.locator("#add-name").fill("Part")
    linus.keyboard.press("Enter")
    expect(linus.locator("#tree-part > ul [role=treeitem]").first).to_contain_text("Start")


def test_the_editor_is_accessible_and_speaks_chinese(linus: Page) -> None:
    open_editor(linus, "order_processing_v1")
    assert _barriers(linus) == []
    linus.emulate_media(color_scheme="dark")
    assert _barriers(linus, runOnly=["color-contrast"]) == []
    item(linus, "Approve order").click()
    assert _barriers(linus) == []
    linus.get_by_role("button", name="简体中文").click()
    expect(linus.locator("html")).to_have_attribute("lang", "zh-hans")
    ready(linus)
    expect(linus.locator("[data-action='create.agent']")).to_have_attribute(
        "aria-label", re.compile("[\u4e00-\u9fff]")
    )
    linus.get_by_role("button", name="English").click()
    expect(linus.locator("html")).to_have_attribute("lang", "en")
    ready(linus)


def test_who_may_not_edit_sees_the_draft_and_nobody_changes_it(desk: Desk, ada: Page) -> None:
    desk.forgive("403")
    open_editor(ada, "order_processing_v1")
    item(ada, "Validate order").click()
    expect(field(ada, "Name")).to_be_disabled()
    expect(ada.get_by_role("button", name="Add after")).to_have_count(0)
    expect(ada.locator(".djs-palette")).to_have_count(0)
    sent = {"xml": "<a/>", "revision": "1"}
    headers = {"X-CSRFToken": csrf_token(ada)}
    answer = ada.request.post(
        "/workflows/order_processing_v1/edit/save/", form=sent, headers=headers
    )
    assert answer.status == 403


def test_on_a_phone_the_list_edits_and_the_properties_are_a_sheet(desk: Desk) -> None:
    page = desk.open_for("linus", size=PHONE)
    open_editor(page, "order_processing_v1")
    expect(page.locator(".djs-palette")).to_be_hidden()
    page.locator("[data-view-tab=list]").click()
    item(page, "Fulfil order").click()
    page.keyboard.press("Enter")
    expect(field(page, "Name")).to_be_in_viewport()
    page.get_by_role("button", name="Close the properties").click()
    expect(field(page, "Name")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _draw_a_task(page: Page) -> None:
    """From the palette onto the paper; its name can be typed at once."""
    page.locator("[data-action='create.agent']").click()
    paper = page.locator("#paper").bounding_box()
    assert paper is not None
    page.mouse.move(paper["x"] + 420, paper["y"] + 180)
    page.mouse.click(paper["x"] + 430, paper["y"] + 190)
    expect(page.locator(".djs-direct-editing-content")).to_be_focused()


def _connect(page: Page, target: str) -> None:
    page.get_by_role("button", name="Connect to").click()
    dialog = page.locator("#connect-dialog")
    dialog.get_by_label("To", exact=True).select_option(label=target)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#tree .tree-line", has_text=f"to {target}")).to_be_visible()
