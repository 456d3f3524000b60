"""The time slider in a browser: by keyboard, by address, and while the execution goes on."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import PHONE, Desk, complete, decide, expect_task, start_order
from tests.browser.past import Past
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser

SAME_STEP = 1000  # milliseconds: movements in quicker succession are one step back
PACE = 2000  # milliseconds between rows, for who wants reduced motion
BANNER = "You are looking at the past: after audit row"


def test_the_keyboard_moves_through_the_rows(ada: Page, past: Past, product: Product) -> None:
    last = _open(ada, product, past.executions["approved"])
    slider = ada.get_by_role("slider", name="Audit row")
    slider.focus()
    for key, row in (
        ("ArrowLeft", last - 1),
        ("Home", 1),
        ("ArrowRight", 2),
        ("PageUp", 2 + _page(last)),
        ("PageDown", 2),
        ("ArrowUp", 3),
        ("ArrowDown", 2),
    ):
        ada.keyboard.press(key)
        _expect_row(ada, row, last)
    expect(slider).to_be_focused()
    ada.keyboard.press("End")
    _expect_live(ada, last)


def test_the_diagram_the_tasks_and_the_variables_follow(
    ada: Page, past: Past, product: Product
) -> None:
    execution = past.executions["approved"]
    last = _open(ada, product, execution)
    [(paid,)] = product.ask(
        "SELECT seq FROM workflows_auditevent WHERE execution_id = %s"
        " AND kind = 'task.completed' AND data ->> 'key' = 'process_payment'",
        execution,
    )
    ada.locator(f"#h-{paid}").click()
    _expect_row(ada, paid, last)
    expect_task(ada, "Process payment", "completed")
    expect_task(ada, "Fulfil order", "pending")
    expect(ada.locator("#x-variables .changed-here th").first).to_contain_text("payment_id")
    ada.get_by_label("Previous step").click()
    _expect_row(ada, paid - 1, last)
    expect_task(ada, "Process payment", "running")
    expect(ada.locator("#x-variables")).not_to_contain_text("payment_id")
    ada.get_by_label("Next step").click()
    _expect_row(ada, paid, last)


def test_the_address_is_shared_and_back_goes_back(
    desk: Desk, ada: Page, past: Past, product: Product
) -> None:
    ada.clock.install()
    last = _open(ada, product, past.executions["approved"])
    ada.locator("#r-5").click()
    _expect_row(ada, 5, last)
    expect(ada).to_have_url(re.compile(r"\?at=5$"))
    other = desk.open_for("vera")
    other.goto(ada.url)
    _expect_row(other, 5, last)
    ada.clock.fast_forward(2 * SAME_STEP)
    ada.locator("#to-live").click()
    _expect_live(ada, last)
    ada.go_back()
    _expect_row(ada, 5, last)
    ada.go_forward()
    _expect_live(ada, last)


def test_a_live_change_does_not_pull_the_viewer_out_of_the_past(ada: Page, grace: Page) -> None:
    execution = start_order(ada, "ORD-PAST", 970)
    expect_task(ada, "Approve order", "paused")
    ada.locator("#moment").focus()
    ada.keyboard.press("Home")
    expect(ada.locator("#x-why")).to_contain_text(f"{BANNER} 1 of")
    expect(ada.locator("#x-facts .badge")).to_have_attribute("data-state", "running")
    decide(grace, execution, "Approve")
    expect(ada.locator("#x-facts .badge")).to_have_attribute("data-state", "completed")
    expect(ada.locator("#x-audit")).to_contain_text("execution.completed")
    expect(ada.locator("#x-why")).to_contain_text(f"{BANNER} 1 of")
    expect(ada.locator("#moment")).to_have_value("1")
    expect_task(ada, "Approve order", "pending")
    last = int(ada.locator("#x-moment").get_attribute("data-last") or 0)
    expect(ada.locator("#moment")).to_have_attribute("max", str(last))
    ada.locator("#past-to-live").click()
    _expect_live(ada, last)
    expect_task(ada, "Approve order", "completed")


def test_at_the_end_the_slider_follows_what_happens(ada: Page, grace: Page) -> None:
    execution = start_order(ada, "ORD-FOLLOW", 980)
    expect_task(ada, "Approve order", "paused")
    ada.locator("#moment").focus()
    ada.keyboard.press("ArrowLeft")
    expect(ada.locator("#x-why")).to_contain_text(BANNER)
    ada.keyboard.press("End")
    expect(ada.locator("#x-why")).not_to_contain_text(BANNER)
    decide(grace, execution, "Approve")
    expect(ada.locator("#x-moment .what")).to_have_text("The execution completed.")
    last = ada.locator("#x-moment").get_attribute("data-last") or ""
    expect(ada.locator("#moment")).to_have_value(last)


def test_play_steps_through_the_rows_until_it_is_live(
    ada: Page, past: Past, product: Product
) -> None:
    ada.clock.install()
    last = _open(ada, product, past.executions["approved"], f"?at={_last(product, past) - 3}")
    _stop_the_clock(ada)
    ada.get_by_role("button", name="Play").click()
    _expect_row(ada, last - 2, last)
    expect(ada.get_by_role("button", name="Stop playing")).to_be_visible()
    ada.clock.run_for(PACE)
    _expect_row(ada, last - 1, last)
    ada.clock.run_for(PACE)
    _expect_live(ada, last)
    ada.clock.run_for(PACE)
    expect(ada.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_playing_is_stopped_by_hand(ada: Page, past: Past, product: Product) -> None:
    ada.clock.install()
    last = _open(ada, product, past.executions["approved"])
    _stop_the_clock(ada)
    ada.get_by_role("button", name="Play").click()
    _expect_row(ada, 1, last)
    ada.clock.run_for(PACE)
    _expect_row(ada, 2, last)
    ada.get_by_role("button", name="Stop playing").click()
    expect(ada.get_by_role("button", name="Play", exact=True)).to_be_visible()
    ada.get_by_label("Next step").click()
    ada.clock.run_for(2 * PACE)
    _expect_row(ada, 3, last)


def test_the_past_is_shown_without_scripts(desk: Desk, past: Past, product: Product) -> None:
    page = desk.open_for("ada", java_script_enabled=False)
    page.goto(f"/executions/{past.executions['approved']}/?at=5")
    last = _last(product, past)
    expect(page.locator("#x-why")).to_contain_text(f"{BANNER} 5 of {last}.")
    expect(page.get_by_label("Play")).to_be_hidden()
    page.get_by_label("Next step").click()
    expect(page.locator("#x-why")).to_contain_text(f"{BANNER} 6 of {last}.")
    page.locator("#moment").fill("3")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#x-why")).to_contain_text(f"{BANNER} 3 of {last}.")
    page.locator("#past-to-live").click()
    expect(page.locator("#x-why")).to_have_text("Everything is done.")


def test_a_finger_on_a_phone_moves_it_and_the_step_stays_in_view(
    desk: Desk, past: Past, product: Product
) -> None:
    page = desk.open_for("ada", size=PHONE, has_touch=True)
    last = _open(page, product, past.executions["approved"])
    box = page.locator("#moment").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    expect(page.locator("#x-why")).to_contain_text(BANNER)
    row = int(page.locator("#moment").input_value())
    assert 1 < row < last
    page.locator("#r-3").click()
    _expect_row(page, 3, last)
    expect(page.locator("#diagram .djs-element.is-here")).to_be_in_viewport()


def _stop_the_clock(page: Page) -> None:
    """From now on the test says when time passes in the page."""
    page.clock.pause_at(datetime.now() + timedelta(hours=1))


def _open(page: Page, product: Product, execution: int, query: str = "") -> int:
    """The execution's page, which will not move any more; how many audit rows there are."""
    page.goto(f"/executions/{execution}/{query}")
    complete(page)
    return _rows(product, execution)


def _last(product: Product, past: Past) -> int:
    return _rows(product, past.executions["approved"])


def _rows(product: Product, execution: int) -> int:
    [(count,)] = product.ask(
        "SELECT max(seq) FROM workflows_auditevent WHERE execution_id = %s", execution
    )
    return int(count)


def _page(last: int) -> int:
    """How far a browser takes the slider with PageUp: a tenth of its length."""
    return max(1, round((last - 1) / 10))


def _expect_row(page: Page, row: int, last: int) -> None:
    expect(page.locator("#x-why")).to_contain_text(f"{BANNER} {row} of {last}.")
    expect(page.locator("#moment")).to_have_value(str(row))
    told = re.compile(f"^Row {row} of {last}: ")
    expect(page.locator("#moment")).to_have_attribute("aria-valuetext", told)
    expect(page).to_have_url(re.compile(rf"\?at={row}$"))


def _expect_live(page: Page, last: int) -> None:
    expect(page.locator("#x-why")).not_to_contain_text(BANNER)
    expect(page.locator("#moment")).to_have_value(str(last))
    expect(page).to_have_url(re.compile(r"/executions/\d+/$"))
