"""The running product and a real browser before it; a page that complains fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.desk import PATIENCE, Desk
from tests.browser.drawn import Drawn
from tests.browser.drawn import drawn as draw
from tests.browser.past import Past, lived
from tests.scenarios.product import Product, running

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "apt-get install chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def executable() -> str:
    """The browser's program. In CI its absence is an error."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    told = f"There is no Chromium: install it ({INSTALL}) and run the tests again."
    if os.environ.get("CI"):
        pytest.fail(told, pytrace=False)
    pytest.skip(told)


# Of the package, not of the session: Playwright's event loop must have ended before other tests
# use the database, and the product need not take their processor time.
@pytest.fixture(scope="package")
def product(executable: str) -> Iterator[Product]:
    with running() as up:
        yield up


@pytest.fixture(scope="package")
def browser(executable: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def cookies() -> dict[str, Any]:
    """Each person logs in once; the tests share the session."""
    return {}


@pytest.fixture
def desk(product: Product, browser: Browser, cookies: dict[str, Any]) -> Iterator[Desk]:
    """Opens pages for people; at the end none of them has complained."""
    opened = Desk(product, browser, cookies)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def ada(desk: Desk) -> Page:
    """The operator's browser."""
    return desk.open_for("ada")


@pytest.fixture
def grace(desk: Desk) -> Page:
    """The approver's browser, another one."""
    return desk.open_for("grace")


@pytest.fixture
def linus(desk: Desk) -> Page:
    """The modeller's browser."""
    return desk.open_for("linus")


@pytest.fixture(scope="package")
def past(product: Product) -> Past:
    """What the desk has been through before the pages are looked at."""
    return lived(product)


@pytest.fixture(scope="package")
def drawn(product: Product) -> Drawn:
    """Processes that came as BPMN files and run."""
    return draw(product)
