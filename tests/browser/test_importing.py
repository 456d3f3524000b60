"""A BPMN file on the pages: imported by keyboard, its findings read, its changes compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.bpmn.files import FOREIGN
from tests.browser.desk import Desk, complete

pytestmark = pytest.mark.browser


def test_a_file_is_imported_by_keyboard_mended_and_compared(
    desk: Desk, linus: Page, tmp_path: Path
) -> None:
    desk.forgive("status of 422")
    file = tmp_path / "orders.bpmn"
    maze = b'<complexGateway id="maze" name="Which way?"/></process>'
    file.write_bytes(FOREIGN.replace(b"</process>", maze))
    linus.goto("/workflows/")
    linus.get_by_role("link", name="Import BPMN").press("Enter")
    expect(linus).to_have_url(re.compile("/import/$"))
    complete(linus)  # before that, Import is a form that leads to another page
    linus.get_by_role("button", name="File").set_input_files(file)
    linus.get_by_role("button", name="Import").press("Enter")
    row = linus.get_by_role("row").filter(has_text="Which way?")
    expect(row).to_contain_text("maze")
    expect(row).to_contain_text("not run")
    expect(linus.get_by_text("“Orders” is there as a draft.")).to_be_visible()
    assert not [one for one in Axe().run(linus).response["violations"] if one["impact"] in
                ("serious", "critical")]  # fmt: skip

    # The page was not left: the same file is still chosen, and the refusal stands below it.
    linus.get_by_role("button", name="Import").press("Enter")
    expect(linus.get_by_role("alert")).to_contain_text("There is a workflow “orders” already")
    file.write_bytes(FOREIGN)
    linus.get_by_role("button", name="File").set_input_files(file)
    linus.get_by_label("replace its draft").press("Space")
    linus.get_by_role("button", name="Import").press("Enter")
    expect(linus.get_by_text("The draft of “Orders” is replaced.")).to_be_visible()

    linus.get_by_role("link", name="Open the workflow").press("Enter")
    with linus.expect_download() as download:
        linus.get_by_role("link", name="Download BPMN of the draft").press("Enter")
    assert download.value.suggested_filename == "orders.bpmn"
    assert Path(download.value.path()).read_bytes() == FOREIGN
