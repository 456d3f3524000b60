"""The execution's diagram in a browser: it is drawn once, and painted as the tokens move."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.desk import (
    PHONE,
    Desk,
    decide,
    expect_state,
    expect_task,
    refreshed,
    shape,
    start_order,
)
from tests.browser.drawn import Drawn
from tests.browser.past import Past
from tests.browser.test_pages import _barriers
from tests.scenarios.product import Product

pytestmark = pytest.mark.browser

REPAINTED = """async () => {
    const {live, bpmn} = document.querySelector("#diagram");
    const answer = await (await fetch(live.element.dataset.overlay)).json();
    const shapes = bpmn.service("elementRegistry").filter((one) => !one.waypoints && one.parent);
    const states = ["running", "completed", "paused", "failed", "pending", "cancelled"];
    const frame = () => new Promise(requestAnimationFrame);
    const painted = async (count, round) => {
        for (const [at, {id}] of shapes.entries()) {
            if ((at + round * count) % shapes.length >= count) continue;
            const state = states[(at + round) % states.length];
            answer.nodes[id] = {state, live: round % 3, iterations: 1, label: `${id}: ${state}`};
        }
        await live.paint(answer);
        await frame();
    };
    let longest = 0;
    const watch = new PerformanceObserver((list) => {
        for (const {duration} of list.getEntries()) longest = Math.max(longest, duration);
    });
    watch.observe({type: "longtask"});
    await painted(shapes.length, 1);
    const touched = new Set();
    const changes = new MutationObserver((list) => {
        for (const {target} of list)
            touched.add(target.closest("[data-element-id]")?.dataset.elementId);
    });
    changes.observe(live.element, {subtree: true, attributes: true});
    await painted(10, 2);
    changes.disconnect();
    touched.delete(undefined);
    await new Promise((done) => setTimeout(done, 50));
    const count = shapes.filter((one) => !one.labelTarget).length;
    return {shapes: count, longest, touched: touched.size};
}"""
SAME = "window.canvasOfThisTest === document.querySelector('#diagram svg[data-element-id]')"


def icon(page: Page, name: str) -> Locator:
    """The sign of a step's state, which says the same without a colour."""
    element = shape(page, name).get_attribute("data-element-id")
    return page.locator(f'#diagram .djs-overlays[data-container-id="{element}"] .bpmn-state use')


def badge(page: Page, name: str) -> Locator:
    element = shape(page, name).get_attribute("data-element-id")
    return page.locator(f'#diagram .djs-overlays[data-container-id="{element}"] .bpmn-count')


def flow(page: Page, name: str) -> Locator:
    return page.locator(f'#diagram [data-element-id="{name}"]')


def opened(page: Page, execution: int, query: str = "") -> None:
    page.goto(f"/executions/{execution}/{query}")
    expect(page.locator("#diagram[data-version]")).to_be_visible()


def test_a_started_order_runs_and_completes_on_the_same_canvas(ada: Page, grace: Page) -> None:
    execution = start_order(ada, "ORD-CANVAS", 975)
    expect_task(ada, "Approve order", "paused")
    ada.evaluate(
        "window.canvasOfThisTest = document.querySelector('#diagram svg[data-element-id]')"
    )
    expect(icon(ada, "Approve order")).to_have_attribute("href", "#i-circle-pause")
    expect(badge(ada, "Approve order")).to_have_text("1")
    expect(shape(ada, "Approve order")).to_have_accessible_name(
        "Approve order: Paused, waits for approval"
    )
    expect(flow(ada, "flow_start_event_validate_order")).to_contain_class("is-taken")
    decide(grace, execution, "Approve")
    expect_state(ada, "completed")
    expect_task(ada, "Send notification", "completed")
    expect(icon(ada, "Approve order")).to_have_attribute("href", "#i-circle-check")
    expect(ada.locator("#diagram .bpmn-count")).to_have_count(0)
    expect(shape(ada, "Cancel order")).to_have_attribute("data-state", "cancelled")
    assert ada.evaluate(SAME), "the diagram was drawn anew"


def test_a_failed_step_is_shown_failed_by_more_than_colour(ada: Page, past: Past) -> None:
    opened(ada, past.executions["locked"])
    failed = ada.locator("#diagram .djs-element[data-state=failed]")
    expect(failed).to_have_count(1)
    name = (failed.get_attribute("aria-label") or "").partition(":")[0]
    expect(icon(ada, name)).to_have_attribute("href", "#i-circle-x")
    expect(badge(ada, name)).to_have_text("1")


def test_the_slider_paints_the_past_on_the_same_canvas(
    ada: Page, past: Past, product: Product
) -> None:
    opened(ada, past.executions["approved"])
    ada.evaluate(
        "window.canvasOfThisTest = document.querySelector('#diagram svg[data-element-id]')"
    )
    [(paid,)] = product.ask(
        "SELECT seq FROM workflows_auditevent WHERE execution_id = %s"
        " AND kind = 'task.completed' AND data ->> 'key' = 'process_payment'",
        past.executions["approved"],
    )
    ada.locator(f"#h-{paid}").click()
    expect(shape(ada, "Process payment")).to_contain_class("is-here")
    expect(shape(ada, "Fulfil order")).to_have_attribute("data-state", "pending")
    expect(icon(ada, "Process payment")).to_have_attribute("href", "#i-circle-check")
    ada.get_by_label("Previous step").click()
    expect(icon(ada, "Process payment")).to_have_attribute("href", "#i-loader-circle")
    ada.locator("#past-to-live").click()
    expect(shape(ada, "Fulfil order")).to_have_attribute("data-state", "completed")
    expect(ada.locator("#diagram .is-here")).to_have_count(0)
    assert ada.evaluate(SAME), "the diagram was drawn anew"


def test_a_step_chosen_in_the_diagram_is_chosen_in_the_list_and_back(ada: Page, past: Past) -> None:
    opened(ada, past.executions["waiting"])
    shape(ada, "Check inventory").click()
    row = ada.locator("#x-tasks li", has=ada.get_by_text("Check inventory", exact=True))
    expect(row).to_have_attribute("aria-current", "true")
    expect(row.locator("details")).to_have_attribute("open", "")
    expect(row).to_be_in_viewport()
    ada.locator("#x-tasks li", has=ada.get_by_text("Approve order", exact=True)).click()
    expect(shape(ada, "Approve order")).to_contain_class("selected")
    expect(shape(ada, "Check inventory")).not_to_contain_class("selected")


def test_the_keyboard_walks_along_the_flows_and_opens_a_task(ada: Page, past: Past) -> None:
    opened(ada, past.executions["waiting"])
    ada.locator("#diagram .djs-element[tabindex='0']").focus()
    for key, name in (
        ("ArrowRight", "Validate order"),
        ("ArrowRight", "Check inventory"),
        ("ArrowLeft", "Validate order"),
        ("ArrowRight", "Check inventory"),
    ):
        ada.keyboard.press(key)
        expect(shape(ada, name)).to_be_focused()
    ada.keyboard.press("Enter")
    row = ada.locator("#x-tasks li", has=ada.get_by_text("Check inventory", exact=True))
    expect(row.locator("summary")).to_be_focused()
    refreshed(ada, r"/executions/\d+/live/")
    expect(row.locator("summary")).to_be_focused()
    expect(row.locator("details")).to_have_attribute("open", "")


def test_the_diagram_follows_what_runs_until_somebody_moves_it(
    desk: Desk, past: Past, product: Product
) -> None:
    page = desk.open_for("ada", size=PHONE)
    opened(page, past.executions["waiting"])
    expect(shape(page, "Approve order")).to_be_in_viewport()
    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    frame = page.locator("#diagram").bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + 40, frame["y"] + 20)
    page.mouse.down()
    page.mouse.move(frame["x"] + 340, frame["y"] + 24, steps=4)
    page.mouse.up()
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.click()
    expect(shape(page, "Approve order")).to_be_in_viewport()


def test_the_canvas_is_accessible_and_keeps_its_makers_sign(ada: Page, past: Past) -> None:
    opened(ada, past.executions["waiting"])
    assert _barriers(ada) == []
    sign = ada.locator("#diagram .bjs-powered-by")
    expect(sign).to_be_visible()
    covered = sign.evaluate("""(sign) => {
        const {left, top, width, height} = sign.getBoundingClientRect();
        return !sign.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }""")
    assert not covered


def test_without_scripts_the_servers_drawing_says_it(desk: Desk, past: Past) -> None:
    page = desk.open_for("ada", java_script_enabled=False)
    page.goto(f"/executions/{past.executions['waiting']}/")
    node = page.locator("#x-diagram a.node").filter(has_text="Approve order")
    expect(node).to_have_attribute("data-state", "paused")
    expect(node).to_be_visible()
    expect(page.locator("#diagram")).to_be_hidden()


def test_when_the_document_cannot_be_had_the_servers_drawing_goes_on(
    desk: Desk, past: Past, product: Product
) -> None:
    desk.forgive("diagram/.*status of 500|status of 500.*diagram/")
    page = desk.open_for("ada")
    page.route(re.compile("/diagram/"), lambda route: route.fulfill(status=500))
    page.goto(f"/executions/{past.executions['approved']}/?at=5")
    expect(page.locator("#diagram")).to_have_attribute("data-failed", "500")
    expect(page.locator("#x-diagram .node.here")).to_be_visible()
    page.locator("#past-to-live").click()
    expect(page.locator("#x-diagram .node[data-state=completed]").first).to_be_visible()
    expect(page.locator("#x-diagram .node.here")).to_have_count(0)


def test_a_workflows_page_shows_its_diagram(ada: Page) -> None:
    ada.goto("/workflows/order_processing_v1/")
    expect(ada.locator("#diagram [data-element-id=approve_order]")).to_be_visible()


def test_a_process_from_a_file_runs_in_its_own_drawing(ada: Page, drawn: Drawn) -> None:
    opened(ada, drawn.onboarding)
    assert ada.locator("#diagram .bpmn-rounds").all_text_contents() == ["×2", "×2"]
    expect(shape(ada, "Set up the account")).to_have_attribute("data-state", "running")
    expect(shape(ada, "Sign contract")).to_have_attribute("data-state", "paused")
    join = ada.locator("#diagram [data-element-id=meet]")
    expect(join).to_have_accessible_name("meet: Pending, waits for other paths, 1 token")
    expect(flow(ada, "flow_bank_meet")).to_contain_class("is-taken")
    expect(flow(ada, "flow_both_contract")).to_contain_class("is-active")


@pytest.mark.alone
def test_three_hundred_elements_are_repainted_piece_by_piece(ada: Page, drawn: Drawn) -> None:
    """What a repaint touches is what differs, and one of everything lets the page breathe."""
    assert drawn.elements > 290
    opened(ada, drawn.large)
    told = ada.evaluate(REPAINTED)
    if told["longest"] > 200:  # others may have had the processor: once more
        told = ada.evaluate(REPAINTED)
    assert told["shapes"] == drawn.elements
    assert told["touched"] == 10, told
    assert told["longest"] <= 200, told


def test_the_focus_stays_in_the_diagram_when_the_canvas_takes_its_place(
    ada: Page, past: Past
) -> None:
    held: list[Route] = []
    ada.route(re.compile(r"/versions/\d+/diagram/"), lambda route: held.append(route))
    with ada.expect_request(re.compile(r"/versions/\d+/diagram/")):
        ada.goto(f"/executions/{past.executions['waiting']}/")
    ada.locator(".diagram-card .diagram a.node").first.focus()
    held[0].continue_()
    expect(ada.locator(".diagram-card.has-canvas")).to_be_visible()
    expect(ada.locator("#diagram :focus")).to_have_count(1)
