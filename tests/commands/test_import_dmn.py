from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.commands.conftest import Ran
from tests.dmn.making import DISH, decision, dmn, table
from tests.factories import make_user
from workflows.models import AuditEvent, DecisionTable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "workflows", "import_dmn")


@pytest.fixture
def dish(tmp_path: Path) -> str:
    (tmp_path / "dish.dmn").write_bytes(DISH)
    return str(tmp_path / "dish.dmn")


def test_a_file_is_imported_once(run: Callable[..., Ran], dish: str) -> None:
    done = run(dish)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "Decision season is imported: version 1.",
        "Decision dish is imported: version 1.",
    ]
    assert run(dish, "--json").document["decisions"][1] == {
        "key": "dish", "name": "Dish", "version": 1, "is_new": False, "problems": [],
    }  # fmt: skip


def test_what_cannot_be_carried_out_is_said_and_refused_when_strict(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    odd = tmp_path / "odd.dmn"
    odd.write_bytes(dmn(decision("size", table([["abs(x)", "1"]]))))
    strict = run(str(odd), "--strict", "--json")
    assert strict.code == 1
    assert "row 1, “X”, line 2: “abs(x)”" in strict.document["problems"][0]
    assert not DecisionTable.objects.exists()
    done = run(str(odd))
    assert done.code == 0
    assert "row 1, “X”, line 2: “abs(x)” cannot be translated." in done.err


def test_what_is_no_file_of_decisions_is_refused(run: Callable[..., Ran], tmp_path: Path) -> None:
    missing = run(str(tmp_path / "none.dmn"))
    assert (missing.code, "cannot be read: No such file" in missing.err) == (2, True)
    (tmp_path / "bad.dmn").write_text("<a>")
    bad = run(str(tmp_path / "bad.dmn"), "--json")
    assert (bad.code, bad.err[:26]) == (1, "CommandError: The file was")
    assert "Line 1" in bad.document["error"]


def test_only_a_modeller_imports(run: Callable[..., Ran], dish: str) -> None:
    make_user("ada", "operator")
    make_user("linus", "modeller")
    refused = run(dish, "--as", "ada", "--json")
    assert refused.code == 1
    assert refused.document["error"] == "ada may not import decision tables."
    assert run(dish, "--as", "linus").code == 0
    assert set(AuditEvent.objects.values_list("actor", flat=True)) == {"user:linus"}
