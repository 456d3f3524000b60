"""A modeller steps a draft on its diagram: by keyboard, back and forth, accessible all the way."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import PHONE, Desk
from tests.browser.past import Past
from tests.browser.test_pages import SIDEWAYS

pytestmark = pytest.mark.browser

INPUT = '{"Temperature today": 25, "day type": "Weekend"}'


def begun(page: Page, text: str = INPUT) -> None:
    page.goto("/workflows/dinner_v1/dry-run/")
    page.get_by_label("Input (JSON)").fill(text)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#dry-status")).to_contain_text("1 step waits for what you choose.")


def node(page: Page, name: str, state: str) -> None:
    shape = page.locator(f"#x-diagram .node[data-state={state}]").filter(has_text=name)
    expect(shape).to_have_count(1)


def barriers(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_a_draft_is_stepped_on_its_diagram_and_back(desk: Desk, past: Past) -> None:
    page = desk.open_for("linus")
    begun(page)
    page.evaluate("window.isTheSamePage = true")
    node(page, "Choose a dish", "completed")
    node(page, "Invite the guests", "paused")
    expect(page.get_by_text("decided by its table; rows that hit: 1.")).to_be_visible()
    changed = page.locator("tr.changed-here", has_text="menu")
    expect(changed).to_contain_text("Roastbeef")
    page.get_by_role("button", name="Approve").click()
    node(page, "Evening comes", "paused")
    expect(page.locator("#dry-status")).to_contain_text("1 event is waited for.")
    expect(page.get_by_text("Due 8h 00m after it began to wait.")).to_be_visible()
    page.get_by_role("button", name="Its time comes").click()
    expect(page.locator("#dry-status")).to_contain_text("The process is complete.")
    for left in ("1 event is waited for.", "1 step waits for what you choose."):
        page.get_by_role("button", name="Back one step").click()
        expect(page.locator("#dry-status")).to_contain_text(left)
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#dry-status")).to_contain_text("No way leads on")
    assert page.evaluate("window.isTheSamePage === true")


def test_a_dry_run_needs_no_mouse_and_the_focus_is_never_lost(desk: Desk, past: Past) -> None:
    page = desk.open_for("linus")
    begun(page)
    expect(page.locator("#dry-status")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id").startswith("approve-"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#dry-status")).to_contain_text("1 event is waited for.")
    expect(page.locator("#dry-status")).to_be_focused()


def test_enter_in_a_field_chooses_nothing(desk: Desk, past: Past) -> None:
    page = desk.open_for("linus")
    begun(page)
    page.get_by_label("Comment").fill("Why not?")
    page.get_by_label("Comment").press("Enter")
    expect(page.locator("#dry-status")).to_contain_text("0 choices made")


def test_a_dry_run_is_accessible_in_light_and_dark_and_on_a_phone(desk: Desk, past: Past) -> None:
    for scheme, size in (("light", (1440, 900)), ("dark", (1440, 900)), ("light", PHONE)):
        page = desk.open_for("linus", size=size, scheme=scheme)
        begun(page)
        assert barriers(page) == []
        assert page.evaluate(SIDEWAYS) == 0
        page.context.close()


def test_what_is_mistyped_stays_and_is_said(desk: Desk, past: Past) -> None:
    desk.forgive("status of 422")
    page = desk.open_for("linus")
    page.goto("/workflows/order_processing_v1/dry-run/?version=1")
    page.get_by_role("button", name="Begin").click()
    output = page.get_by_label("Output (JSON)").first
    output.fill("{oops")
    page.get_by_role("button", name="Complete").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Line 1, column 2")
    expect(page.get_by_label("Output (JSON)").first).to_have_value("{oops")
