from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.commands.conftest import Ran
from tests.factories import make_user
from workflows.models import AuditEvent, FormVersion

pytestmark = pytest.mark.django_db(transaction=True)
CLAIM = {"id": "claim", "components": [{"type": "number", "key": "sum"}, {"type": "filepicker"}]}


@pytest.fixture
def run(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "workflows", "import_form")


@pytest.fixture
def claim(tmp_path: Path) -> str:
    (tmp_path / "claim.form").write_text(json.dumps(CLAIM))
    return str(tmp_path / "claim.form")


def test_a_form_is_imported_once_and_what_is_left_out_is_said(
    run: Callable[..., Ran], claim: str
) -> None:
    done = run(claim)
    assert (done.code, done.out.strip()) == (0, "Form claim is imported: version 1.")
    assert "a name of its own was expected" in done.err
    told = run(claim, "--json").document
    assert {name: told[name] for name in ("key", "version", "is_new")} == {
        "key": "claim",
        "version": 1,
        "is_new": False,
    }
    assert run(claim, "--key", "other").out.strip() == "Form other is imported: version 1."


def test_what_is_no_form_is_refused_with_the_reason(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "x.form").write_text("{")
    done = run(str(tmp_path / "x.form"))
    assert done.code == 1
    assert "The file was not imported." in done.err
    assert "file: it is no JSON" in done.err
    assert run(str(tmp_path / "nowhere.form")).code == 2


def test_who_may_not_edit_workflows_is_refused(run: Callable[..., Ran], claim: str) -> None:
    make_user("ada", "operator")
    make_user("mona", "modeller")
    assert run(claim, "--as", "ada").code == 1
    assert not FormVersion.objects.exists()
    assert run(claim, "--as", "mona").code == 0
    assert AuditEvent.objects.get(kind="form.registered").actor == "user:mona"
