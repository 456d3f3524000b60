"""An agent whose breaker is open: told where the work waits, closed with a click and a reason."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.ops.waiting import until
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser

AGENT = {
    "key": "courier",
    "name": "Courier",
    "description": "Books parcels with the courier's API.",
    "kind": "http",
    "config": {"url": "http://127.0.0.1:9/parcels"},  # refused: it lies in a private network
    "capabilities": ["book_parcel"],
    "max_concurrent_tasks": 4,
    "breaker_failures": 3,
    "breaker_cooldown_seconds": 3600,
}
WORKFLOW = {
    "key": "parcel",
    "name": "Book a parcel",
    "tasks": [
        {"key": "book", "name": "Book the parcel", "agent": "courier"},
        {"key": "tell", "name": "Tell the customer", "agent": "courier", "dependencies": ["book"]},
    ],
}
PREPARE = (
    "from agents import orchestrator; from workflows import engine; import json; "
    "orchestrator.register_agent(json.loads({!r})); engine.register_workflow(json.loads({!r}))"
)


def cut_off(product: Product) -> int:
    """The courier's breaker opens; an execution that waits for it."""
    product.run_python(PREPARE.format(json.dumps(AGENT), json.dumps(WORKFLOW)))
    product.start_all("parcel", [{}] * 3)
    until(lambda: _state(product) == "open")
    return product.start("parcel")


def _state(product: Product) -> str:
    rows = product.ask("SELECT state FROM workflows_breaker WHERE agent_key = 'courier'")
    return str(rows[0][0]) if rows else ""


def test_a_breaker_is_closed_from_the_execution_that_waits_for_it(
    desk: Desk, ada: Page, product: Product
) -> None:
    waiting = cut_off(product)
    ada.goto(f"/executions/{waiting}/")
    expect(ada.locator("#x-why")).to_contain_text("the breaker of courier is open since")
    agents = desk.open_for("ada")
    agents.goto("/agents/courier/")
    expect(agents.locator(".breaker-notice")).to_contain_text("It failed 3 times in a row.")
    expect(agents.locator("#do-close-breaker")).to_be_visible()

    ada.locator("#why-breaker").press("Enter")
    ada.locator("#dialog").get_by_label("Reason").fill("The courier answers again.")
    ada.locator("#dialog .submit").click()
    expect(ada.locator("#toasts")).to_contain_text("The breaker is closed.")
    # It works on at once, fails like the others, and is told so; both pages follow by themselves.
    expect(ada.locator("#x-facts .badge[data-state=failed]")).to_be_visible()
    expect(agents.locator(".breaker-notice")).to_have_count(0)
    expect(agents.locator("#agent")).to_contain_text("1 of 3 failures")


def test_who_may_only_look_is_offered_no_button(desk: Desk, product: Product) -> None:
    cut_off(product)
    grace = desk.open_for("grace")
    grace.goto("/agents/courier/")
    expect(grace.locator(".breaker-notice")).to_contain_text("Its breaker is open")
    expect(grace.locator("#do-close-breaker")).to_have_count(0)
