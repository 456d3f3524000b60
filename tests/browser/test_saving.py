"""A draft saves itself: beside others, on a slow server, without one, when its tab is closed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.desk import Desk
from tests.browser.drawing import (
    add_by_tree,
    field,
    item,
    new_workflow,
    open_editor,
    ready,
    saved,
)
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser


def test_the_second_of_two_editors_is_told_and_loses_nothing(desk: Desk, linus: Page) -> None:
    desk.forgive("409")
    key = new_workflow(linus, "Two at once")
    other = desk.open_for("admin")
    open_editor(other, key)
    saved(other, lambda: add_by_tree(other, "Start", "Task of an agent", "Theirs"))
    expect(linus.locator("#newer-bar")).to_be_visible()
    add_by_tree(linus, "Start", "Task of an agent", "Mine")
    dialog = linus.locator("#conflict-dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("admin")
    expect(dialog).to_contain_text("tasks.theirs added")
    dialog.get_by_role("button", name="Decide later").click()
    expect(item(linus, "Mine")).to_be_visible()
    expect(linus.locator("#saved")).to_have_attribute("data-status", "conflict")
    linus.get_by_role("button", name="Decide now").click()
    with linus.expect_download() as file:
        dialog.get_by_role("button", name="Go on with theirs").click()
    assert b"Mine" in file.value.path().read_bytes()
    expect(item(linus, "Theirs")).to_be_visible()
    expect(item(linus, "Mine")).to_have_count(0)
    saved(linus, lambda: add_by_tree(linus, "Theirs", "Task of an agent", "After theirs"))
    expect(other.locator("#newer-bar")).to_be_visible()
    add_by_tree(other, "Theirs", "Task of an agent", "Second")
    with other.expect_download() as file:
        other.locator("#conflict-dialog").get_by_role("button", name="Go on with mine").click()
    assert b"After theirs" in file.value.path().read_bytes()
    expect(other.locator("#saved")).to_have_attribute("data-status", "saved")


def test_what_is_drawn_while_a_slow_server_saves_is_saved_once_after_it(linus: Page) -> None:
    new_workflow(linus, "In a hurry")
    linus.clock.install()
    held: list[Route] = []
    linus.route("**/edit/save/", lambda route: held.append(route), times=1)
    with linus.expect_request("**/edit/save/"):
        add_by_tree(linus, "Start", "Task of an agent", "One")
    for before, name in (("One", "Two"), ("Two", "Three")):
        add_by_tree(linus, before, "Task of an agent", name)
        linus.clock.run_for(1000)  # each has its own turn to be saved
    held[0].continue_()
    expect(linus.locator("#saved")).to_have_attribute("data-status", "saved")
    expect(linus.locator("#conflict-dialog")).to_be_hidden()
    linus.reload()
    ready(linus)
    expect(item(linus, "Three")).to_be_visible()


def test_what_was_typed_last_is_not_lost_with_the_tab(linus: Page) -> None:
    new_workflow(linus, "Closed too early")
    item(linus, "Start").click()
    linus.clock.install()
    linus.clock.pause_at(datetime.now() + timedelta(hours=1))  # nothing is saved by itself any more
    field(linus, "Name").fill("Order arrives")
    expect(linus.locator("#saved")).to_have_attribute("data-status", "changed")
    with linus.expect_event("dialog") as asked:
        linus.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    linus.clock.run_for(5000)
    expect(linus.locator("#saved")).to_have_attribute("data-status", "saved")
    expect(item(linus, "Order arrives")).to_be_visible()


def test_a_pause_after_a_space_does_not_cost_the_space(linus: Page) -> None:
    new_workflow(linus, "Slowly typed")
    item(linus, "Start").click()
    field(linus, "Name").fill("")
    saved(linus, lambda: field(linus, "Name").press_sequentially("Order "))
    linus.keyboard.type("arrives")
    expect(item(linus, "Order arrives")).to_be_visible()


def test_what_is_no_json_yet_is_there_when_one_looks_again(linus: Page, product: Product) -> None:
    key = new_workflow(linus, "Half typed")
    variables = field(linus, "Variables (JSON)")
    saved(linus, lambda: variables.fill('{"limit": 500.0}'))
    variables.fill('{"limit": 500.0, "half')
    item(linus, "Start").click()
    expect(variables).to_be_hidden()
    expect(linus.locator("#saved")).to_have_attribute("data-status", "changed")
    linus.keyboard.press("Escape")
    linus.locator("#paper").click(position={"x": 600, "y": 60})
    expect(variables).to_have_value('{"limit": 500.0, "half')
    expect(variables).to_have_attribute("aria-invalid", "true")
    variables.fill('{"limit": 500.0}')
    expect(variables).to_have_attribute("aria-invalid", "false")
    saved(linus, lambda: linus.locator('[data-field="workflow.priority"]').select_option("high"))
    query = "SELECT variables->>'limit' FROM workflows_workflow WHERE key = %s"
    assert product.ask(query, key) == [("500.0",)]  # a whole number would be another type


def test_what_others_change_while_the_editor_opens_is_told(desk: Desk, linus: Page) -> None:
    key = new_workflow(linus, "Just then")
    late = desk.open_for("linus")
    late.add_init_script(
        "document.addEventListener('signalbox:changed', ({ detail }) => {"
        " window.isTold ||= detail.topics?.includes('workflows'); })"
    )

    def deliver_what_was_there_before(route: Route) -> None:
        draft = route.fetch()
        saved(linus, lambda: add_by_tree(linus, "Start", "Task of an agent", "Theirs"))
        late.wait_for_function("window.isTold")
        route.fulfill(response=draft)

    late.route(re.compile(rf"/{key}/edit/\w+/$"), deliver_what_was_there_before, times=1)
    late.goto(f"/workflows/{key}/edit/")
    ready(late)
    expect(item(late, "Theirs")).to_have_count(0)
    expect(late.locator("#newer-bar")).to_be_visible()


def test_who_logs_in_again_in_another_tab_goes_on_where_they_were(
    desk: Desk, product: Product
) -> None:
    desk.forgive("401|403|MIME")
    page = desk.open()
    desk.log_in(page, "linus")  # not the session that the tests share
    new_workflow(page, "Signed out")
    session = next(each for each in page.context.cookies() if each["name"] == "sessionid")
    product.ask("DELETE FROM django_session WHERE session_key = %s", session["value"])
    expect(page.locator("#live")).to_have_attribute("data-status", "out")
    add_by_tree(page, "Start", "Task of an agent", "Still here")
    expect(page.locator("#saved")).to_have_attribute("data-status", "out")
    other = page.context.new_page()
    desk.log_in(other, "linus")
    expect(other.locator("#live")).to_have_attribute("data-status", "on")
    other.close()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("#saved")).to_have_attribute("data-status", "saved")
    saved(page, lambda: add_by_tree(page, "Still here", "Task of an agent", "And on"))


def test_a_draft_that_cannot_be_saved_any_more_is_kept_as_a_file(
    desk: Desk, linus: Page, product: Product
) -> None:
    desk.forgive("404")
    key = new_workflow(linus, "Deleted meanwhile")
    delete = "from workflows.models import Workflow; Workflow.objects.filter(key={!r}).delete()"
    product.run_python(delete.format(key))
    add_by_tree(linus, "Start", "Task of an agent", "Too late")
    expect(linus.locator("#saved")).to_have_attribute("data-status", "gone")
    bar = linus.locator("#lost-bar")
    expect(bar).to_be_visible()
    with linus.expect_download() as file:
        bar.get_by_role("button", name="Keep mine as a file").click()
    assert b"Too late" in file.value.path().read_bytes()


def test_a_draft_that_the_server_does_not_give_is_told(desk: Desk, linus: Page) -> None:
    desk.forgive("500")
    linus.route("**/edit/state/", lambda route: route.fulfill(status=500, body="<html>"))
    linus.goto("/workflows/order_processing_v1/edit/")
    bar = linus.locator("#unread-bar")
    expect(bar).to_be_visible()
    linus.unroute("**/edit/state/")
    bar.get_by_role("link", name="Load the page again").click()
    ready(linus)
    expect(item(linus, "Approve order")).to_be_visible()


def test_what_did_not_reach_the_server_is_offered_again(desk: Desk, linus: Page) -> None:
    desk.forgive("ERR_|Failed to load|Failed to fetch")
    new_workflow(linus, "Out of reach")
    linus.route("**/edit/save/", lambda route: route.abort())
    add_by_tree(linus, "Start", "Task of an agent", "Not lost")
    expect(linus.locator("#saved")).to_have_attribute("data-status", "offline")
    linus.on("dialog", lambda dialog: dialog.accept())
    linus.reload()
    linus.unroute("**/edit/save/")  # not before: the page goes on trying
    linus.locator("#left-dialog").get_by_role("button", name="Take them up again").click()
    expect(item(linus, "Not lost")).to_be_visible()
    expect(linus.locator("#saved")).to_have_attribute("data-status", "saved")
