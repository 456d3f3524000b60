"""A change is on screen within 200 ms of its commit: page and database have the same clock."""

from __future__ import annotations

import re
import statistics

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.desk import Desk, csrf_token, decide, expect_task, start_order
from tests.browser.past import Past
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser

LIMIT_MS = 200.0
ORDINARY_REFRESH_MS = 50.0  # what fetching and painting the changed parts takes on a free desk
ROUNDS = 6
CHANGES = ("pause", "resume") * 3
# Notes when each audit row's number is first on screen: after the frame in which it was painted.
OBSERVE = """() => {
    window.seenAt = {};
    const note = () => requestAnimationFrame(() => {
        for (const each of document.querySelectorAll("#x-audit .seq"))
            window.seenAt[each.textContent] ??= performance.timeOrigin + performance.now();
    });
    new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
    note();
}"""
REFRESH = """async address => {
    const began = performance.now();
    await (await fetch(address)).text();
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""

CHANGED = """topic => document.dispatchEvent(
    new CustomEvent("signalbox:changed", { detail: { topics: [topic] } }))"""


@pytest.mark.alone
def test_a_change_is_on_screen_within_200_ms_of_its_commit(
    desk: Desk, ada: Page, product: Product
) -> None:
    """One round of several counts.

    The limit grows with what the same fetch and paint cost without any change, measured between
    the changes: server, database, workers and browsers share the machine, and nothing paints in
    hardware.
    """
    execution = start_order(ada, "ORD-LIVE", 950)
    expect_task(ada, "Approve order", "paused")
    expect(ada.locator("#live")).to_have_attribute("data-status", "on")
    ada.evaluate(OBSERVE)
    elsewhere = desk.open_for("ada")
    elsewhere.goto("/inbox/")
    rounds: list[tuple[float, float]] = []
    while len(rounds) < ROUNDS and not any(took <= limit for took, limit in rounds):
        refreshes, delays = [], []
        for verb in CHANGES:
            refreshes.append(ada.evaluate(REFRESH, f"/executions/{execution}/live/"))
            delays.append(_delay(ada, elsewhere, product, execution, verb))
        slowness = statistics.median(refreshes) / ORDINARY_REFRESH_MS
        rounds.append((statistics.median(delays), LIMIT_MS * max(1.0, slowness)))
    assert any(took <= limit for took, limit in rounds), rounds


def test_the_list_moves_on_and_announces_what_is_new(ada: Page, grace: Page) -> None:
    execution = start_order(ada, "ORD-LIST-1", 930)
    expect_task(ada, "Approve order", "paused")
    listed = ada.context.new_page()
    listed.goto("/executions/")
    row = listed.locator(f"#x-{execution}")
    expect(row).to_have_attribute("data-state", "running")
    decide(grace, execution, "Approve")
    expect(row).to_have_attribute("data-state", "completed")
    start_order(ada, "ORD-LIST-2")
    expect(listed.locator("#newer")).to_contain_text("1 newer")
    listed.locator("#newer").click()
    expect(listed.locator("tbody tr").first).to_have_attribute("data-state", "completed")


def _delay(page: Page, elsewhere: Page, product: Product, execution: int, verb: str) -> float:
    """Milliseconds from the newest commit, made by another browser, until this one shows it."""
    answer = elsewhere.request.post(
        f"/executions/{execution}/{verb}/",
        max_redirects=0,
        form={"csrfmiddlewaretoken": csrf_token(elsewhere)},
        headers={"Referer": elsewhere.url},
    )
    assert answer.status == 302
    [(seq, at)] = product.ask(
        "SELECT seq, extract(epoch FROM at)::float8 * 1000 FROM workflows_auditevent"
        " WHERE execution_id = %s ORDER BY seq DESC LIMIT 1",
        execution,
    )
    seen = page.wait_for_function("seq => window.seenAt[seq]", arg=str(seq)).json_value()
    return float(seen) - float(at)


def test_what_changes_while_the_page_is_still_loading_is_on_screen(
    ada: Page, grace: Page, desk: Desk
) -> None:
    """The last script comes late: what is told until then must not be lost."""
    execution = start_order(ada, "ORD-LOADING", 951)
    expect_task(ada, "Approve order", "paused")
    elsewhere = desk.open_for("ada")
    elsewhere.goto(ada.url)
    expect(elsewhere.locator("#live")).to_have_attribute("data-status", "on")
    held: list[Route] = []
    ada.route(re.compile("/viewer.js"), lambda route: held.append(route))
    with ada.expect_request(re.compile("/viewer.js")):
        ada.goto(ada.url, wait_until="commit")
    expect(ada.locator("#x-facts .badge[data-state=running]")).to_be_visible()
    decide(grace, execution, "Approve")
    expect(elsewhere.locator("#x-facts .badge[data-state=completed]")).to_be_visible()
    held[0].continue_()
    expect(ada.locator("#x-facts .badge[data-state=completed]")).to_be_visible()
    expect_task(ada, "Approve order", "completed")


def test_a_list_that_is_fetched_less_often_shows_the_last_change_too(ada: Page) -> None:
    ada.goto("/incidents/")
    expect(ada.locator("#live")).to_have_attribute("data-status", "on")
    for _ in range(2):
        with ada.expect_request(re.compile("/incidents/$")):
            ada.evaluate(CHANGED, "batches")


def test_when_more_change_than_are_named_every_page_looks(ada: Page, past: Past) -> None:
    ada.goto(f"/executions/{past.executions['waiting']}/")
    expect(ada.locator("#live")).to_have_attribute("data-status", "on")
    with ada.expect_request(re.compile("/live/?.*canvas")):
        ada.evaluate(CHANGED, "executions")
