"""What a modeller does in the diagram editor."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect


def new_workflow(page: Page, name: str) -> str:
    """Makes a workflow by its name; its key, and the editor is open on it."""
    page.goto("/workflows/")
    page.get_by_role("link", name="New workflow").click()
    page.locator("#dialog").get_by_label("Name", exact=True).fill(name)
    page.locator("#dialog").get_by_role("button", name="Draw it").click()
    expect(page).to_have_url(re.compile(r"/workflows/\w+/edit/$"))
    ready(page)
    return page.url.rstrip("/").split("/")[-2]


def open_editor(page: Page, key: str) -> None:
    page.goto(f"/workflows/{key}/edit/")
    ready(page)


def ready(page: Page) -> None:
    """The draft is on the board, and what is wrong with it is listed."""
    expect(page.locator("#editor[data-ready]")).to_be_visible()


def item(page: Page, name: str) -> Locator:
    """The element's line in the tree."""
    return page.locator("#tree .tree-line").filter(
        has=page.locator(".tree-name", has_text=re.compile(rf"^{re.escape(name)}$"))
    )


def field(page: Page, label: str) -> Locator:
    """Of the panel; rows in it have names of their own, which come after."""
    return page.locator("#panel").get_by_label(label, exact=True).first


def saved(page: Page, change: Callable[[], object]) -> None:
    """Makes a change and waits until the server has it, and whatever was changed before."""
    told = page.locator("#saved")
    expect(told).to_have_attribute("data-status", "saved")
    with page.expect_response(re.compile("/edit/save/$")) as answer:
        change()
    assert answer.value.status == 200, answer.value.text()
    expect(told).to_have_attribute("data-status", "saved")


def add_by_tree(page: Page, after: str, kind: str, name: str) -> None:
    """“Add after”, as the tree offers it."""
    item(page, after).click()
    page.get_by_role("button", name="Add after").click()
    dialog = page.locator("#add-dialog")
    dialog.get_by_label("Kind").select_option(label=kind)
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(item(page, name)).to_be_visible()


def add_input(page: Page, name: str, value: str) -> None:
    """One more row of a task's input."""
    panel = page.locator("#panel")
    panel.get_by_role("button", name="Add an input").locator("visible=true").click()
    panel.get_by_placeholder("Name").locator("visible=true").last.fill(name)
    panel.get_by_placeholder("Value").locator("visible=true").last.fill(value)


def publish(page: Page, comment: str) -> None:
    page.locator("#do-publish").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Comment").fill(comment)
    dialog.get_by_role("button", name="Publish").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#editor-published")).to_contain_text("Version")
