"""What people do at the desk, in their own browsers, and what their browsers complain about."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.scenarios.product import Product

WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
PATIENCE = 60_000.0  # milliseconds; bounds a failure, measures nothing
WIDE = (1440, 900)
PHONE = (390, 844)


class Desk:
    """Browser contexts share nothing: two people are two browsers."""

    def __init__(self, product: Product, browser: Browser, cookies: dict[str, Any]) -> None:
        self.product, self.browser, self.cookies = product, browser, cookies
        self.complaints: list[str] = []
        self._forgiven: list[str] = []
        self._contexts: list[BrowserContext] = []

    def open(self, *, size: tuple[int, int] = WIDE, scheme: Any = "light", **more: Any) -> Page:
        """A browser of somebody who is not logged in."""
        context = self.browser.new_context(
            base_url=self.product.address,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            **more,
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self._contexts.append(context)
        return context.new_page()

    def open_for(self, name: str, **options: Any) -> Page:
        """A browser of somebody who is logged in."""
        if name not in self.cookies:
            page = self.open()
            self.log_in(page, name)
            self.cookies[name] = page.context.storage_state()
            page.context.close()
        return self.open(storage_state=self.cookies[name], **options)

    def log_in(self, page: Page, name: str) -> None:
        page.goto("/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(self.product.passwords[name])
        page.get_by_role("button", name="Log in").click()
        expect(page).not_to_have_url(re.compile("/login/"))

    def forgive(self, pattern: str) -> None:
        """The browser reports every answer from 400 on: this one the test provokes."""
        self._forgiven.append(pattern)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        told = f"{message.text} ({message.location.get('url', '')})"
        if not any(re.search(pattern, told) for pattern in self._forgiven):
            self.complaints.append(told)


def complete(page: Page) -> None:
    """It listens, its diagram is drawn, and what it fetches by itself has come."""
    if page.locator("#live").count():
        expect(page.locator("#live")).to_have_attribute("data-status", "on")
    expect(page.locator("#editor:not([data-ready])")).to_have_count(0)
    expect(page.locator("#home-loads p, #chain:empty")).to_have_count(0)
    expect(page.locator("#diagram[data-overlay]:not([data-version])")).to_have_count(0)
    expect(page.locator("#diagram:not([data-ready])")).to_have_count(0)
    expect(page.locator(".htmx-request")).to_have_count(0)


def refreshed(page: Page, address: str) -> None:
    """What this address gives is fetched again, as after a time without a connection."""
    with page.expect_response(re.compile(address)):
        page.evaluate('document.dispatchEvent(new CustomEvent("signalbox:resync"))')
    expect(page.locator(".htmx-request")).to_have_count(0)


def start_order(page: Page, order_id: str, total: float = 299.99, **given: str) -> int:
    """Fills in the form and sends it; the number of the execution whose page opens."""
    page.goto("/workflows/order_processing_v1/start/")
    page.get_by_label("Order number").fill(order_id)
    page.get_by_label("Total").fill(str(total))
    for label, value in given.items():
        page.get_by_label(label.capitalize()).fill(value)
    return send(page)


def start(page: Page, workflow: str, **choices: str) -> int:
    """Starts a workflow whose form is good as it is, but for these choices."""
    page.goto(f"/workflows/{workflow}/start/")
    for label, value in choices.items():
        page.get_by_label(label.capitalize()).select_option(value)
    return send(page)


def send(page: Page) -> int:
    page.locator("#start").click()
    expect(page).to_have_url(re.compile(r"/executions/\d+/$"))
    page.evaluate("window.isTheSamePage = true")
    return int(page.url.rstrip("/").rpartition("/")[2])


def expect_state(page: Page, state: str) -> None:
    """The execution's page says so, and nobody has reloaded it."""
    expect(page.locator(f"#x-facts .badge[data-state={state}]")).to_be_visible()
    assert page.evaluate("window.isTheSamePage === true"), "the page was loaded anew"


def expect_task(page: Page, name: str, state: str) -> None:
    """In the table of tasks, and in the diagram."""
    row = page.locator("#x-tasks li", has=page.get_by_text(name, exact=True))
    expect(row).to_have_attribute("data-state", state)
    expect(shape(page, name)).to_have_attribute("data-state", state)


def shape(page: Page, name: str) -> Locator:
    """A step that an execution has reached, in the diagram."""
    return page.locator(f'#diagram .djs-element[aria-label^="{name}: "]')


def operate(page: Page, verb: str, reason: str = "") -> None:
    """Presses a button of the execution's page and confirms."""
    page.locator(f"#do-{verb}").click()
    dialog = page.locator("#dialog")
    if reason:
        dialog.get_by_label("Reason").fill(reason)
    dialog.locator("button:not([type=button])").click()
    expect(dialog).to_be_hidden()


def decide(page: Page, execution: int, verdict: str, comment: str = "") -> None:
    """From the inbox to the approval, and the answer."""
    page.goto("/inbox/")
    page.get_by_role("link", name=f"#{execution}").click()
    expect(page).to_have_url(re.compile(r"/approvals/\d+/$"))
    if comment:
        page.get_by_label("Comment").fill(comment)
    page.get_by_role("button", name=verdict).click()
    expect(page.locator("#decision .outcome")).to_be_visible()


def csrf_token(page: Page) -> str:
    """For requests that are sent beside the page."""
    return page.locator("meta[name=csrf-token]").get_attribute("content") or ""
