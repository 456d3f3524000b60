"""Pictures of every page in light and dark: `python -m tests.browser.screenshots OUT`.

With `best` behind it only those of the README.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, NAMES
from tests.browser.desk import PHONE, WIDE, Desk, complete, expect_task, start_order
from tests.browser.drawn import drawn
from tests.browser.past import Past, lived
from tests.browser.test_pages import address
from tests.scenarios.held_gateway import HeldGateway, holding
from tests.scenarios.product import Product, running

PICTURES = {
    "login": ("", "/login/"),
    "refused": ("grace", "/audit/"),
    "home": ("ada", "/"),
    "home-approver": ("grace", "/"),
    "executions": ("ada", "/executions/"),
    "executions-none": ("ada", "/executions/?q=nothing-is-called-so"),
    "execution-waiting": ("ada", "/executions/{waiting}/"),
    "execution-failed": ("ada", "/executions/{locked}/"),
    "execution-completed": ("ada", "/executions/{retried}/"),
    "execution-rejected": ("ada", "/executions/{rejected}/"),
    "execution-cancelled": ("ada", "/executions/{cancelled}/"),
    "execution-paused": ("ada", "/executions/{paused}/"),
    "execution-past": ("ada", "/executions/{disputed}/?at=9"),
    "execution-parallel": ("ada", "/executions/{disputed}/"),
    "process": ("ada", "/executions/{onboarding}/"),
    "cancel": ("ada", "/executions/{waiting}/cancel/"),
    "variables": ("ada", "/executions/{waiting}/variables/"),
    "batches": ("ada", "/batches/"),
    "incidents": ("ada", "/incidents/"),
    "inbox": ("grace", "/inbox/"),
    "inbox-done": ("grace", "/inbox/?box=done"),
    "approval": ("grace", "/approvals/[waiting]/"),
    "approval-decided": ("grace", "/approvals/[approved]/"),
    "agents": ("ada", "/agents/"),
    "agent": ("ada", "/agents/agent_003/"),
    "workflows": ("ada", "/workflows/"),
    "workflow": ("ada", "/workflows/order_processing_v1/"),
    "editor": ("linus", "/workflows/order_processing_v1/edit/"),
    "import": ("linus", "/workflows/import/"),
    "compare": ("ada", "/workflows/order_processing_v1/versions/1/compare/draft/"),
    "start": ("ada", "/workflows/order_processing_v1/start/"),
    "decisions": ("linus", "/decisions/"),
    "decision": ("linus", "/decisions/dish/"),
    "execution-decided": ("ada", "/executions/{decided}/tasks/{decided task}/decision/"),
    "dry-run-start": ("linus", "/workflows/order_processing_v1/dry-run/"),
    "triggers": ("ada", "/triggers/"),
    "trigger": ("ada", "/triggers/4/"),
    "events": ("ada", "/triggers/events/"),
    "audit": ("vera", "/audit/"),
    "audit-execution": ("vera", "/audit/?execution={completed}"),
    "outbox": ("ada", "/outbox/"),
    "mail": ("ada", "/outbox/(mail)/"),
    "partners": ("ada", "/partners/"),
    "admin": ("linus", "/admin/"),
    "admin-workflow": ("linus", "/admin/workflows/workflow/1/change/"),
    "admin-agents": ("admin", "/admin/agents/agent/"),
}


# For the README: name, picture, width, scheme.
BEST = (
    ("execution", "execution-waiting", WIDE, "light"),
    ("executions", "executions", WIDE, "light"),
    ("execution-dark", "execution-completed", WIDE, "dark"),
    ("approval", "approval", WIDE, "light"),
    ("workflow", "workflow", WIDE, "light"),
    ("phone", "execution-waiting", PHONE, "light"),
    ("process", "process", WIDE, "light"),
)
AS_WEBP = """async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"),
        { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.82).split(",")[1];
}"""


def main(out: Path, *, best_only: bool = False) -> None:
    (out / "best").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, holding(Path(folder)) as gateway:
        gateway.go.set()
        with running(gateway.url) as product:
            past = lived(product)
            past.executions["onboarding"] = drawn(product).onboarding
            _photograph(product, past, out, None if best_only else gateway)


def _photograph(product: Product, past: Past, out: Path, gateway: HeldGateway | None) -> None:
    with sync_playwright() as playwright:
        program = next(filter(None, map(shutil.which, NAMES)))
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        desk = Desk(product, browser, {})
        desk.forgive("403.*/audit/")
        if gateway is not None:
            _albums(desk, past, out, gateway)
        for name, picture, size, scheme in BEST:
            who, path = PICTURES[picture]
            page = desk.open_for(who, size=size, scheme=scheme, device_scale_factor=1.5)
            _open(page, address(past, path))
            _write_webp(desk.open(), page.screenshot(), out / "best" / f"{name}.webp")
            page.context.close()
        desk.close()
        browser.close()
    print(*desk.complaints, sep="\n")


def _albums(desk: Desk, past: Past, out: Path, gateway: HeldGateway) -> None:
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE):
            _running(desk, out, scheme, size, gateway)
            _album(desk, past, out, scheme, size)


def _running(
    desk: Desk, out: Path, scheme: str, size: tuple[int, int], gateway: HeldGateway
) -> None:
    """An order in the middle of its payment."""
    gateway.go.clear()
    gateway.arrived.clear()
    page = desk.open_for("ada", size=size, scheme=scheme)
    start_order(page, "ORD-2026-023", 129.9)
    assert gateway.arrived.wait(30)
    expect_task(page, "Process payment", "running")
    _shoot(page, out / f"execution-running-{size[0]}-{scheme}.png")
    gateway.go.set()
    page.context.close()


def _album(desk: Desk, past: Past, out: Path, scheme: str, size: tuple[int, int]) -> None:
    people: dict[str, Page] = {}
    options: dict[str, Any] = {"size": size, "scheme": scheme}
    for name, (who, path) in PICTURES.items():
        if who not in people:
            people[who] = desk.open_for(who, **options) if who else desk.open(**options)
        _open(people[who], address(past, path))
        _shoot(people[who], out / f"{name}-{size[0]}-{scheme}.png")
    # A person may have ten live connections, no more.
    for page in people.values():
        page.context.close()


def _open(page: Page, url: str) -> None:
    page.goto(url)
    complete(page)


def _shoot(page: Page, path: Path) -> None:
    page.screenshot(path=path, full_page=True)


def _write_webp(page: Page, png: bytes, path: Path) -> None:
    webp = page.evaluate(AS_WEBP, base64.b64encode(png).decode())
    path.write_bytes(base64.b64decode(webp))


if __name__ == "__main__":
    main(Path(sys.argv[1]), best_only="best" in sys.argv[2:])
