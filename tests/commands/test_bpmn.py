from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bpmn.files import file, with_complex_gateway
from tests.commands.conftest import Ran
from tests.factories import chain, make_user, register
from workflows.models import AuditEvent, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
Command = Callable[..., Ran]


@pytest.fixture
def bring(manage: Command) -> Command:
    return partial(manage, "workflows", "import_bpmn")


@pytest.fixture
def export(manage: Command) -> Command:
    return partial(manage, "workflows", "export_bpmn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "flow.bpmn"
    written.write_bytes(file())
    return written


def test_a_file_is_imported_as_a_draft_and_exported_as_it_came(
    bring: Command, export: Command, path: Path, tmp_path: Path
) -> None:
    ran = bring(str(path))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "The draft of workflow flow is made (revision 1).\n"
    out = tmp_path / "out.bpmn"
    assert export("flow", "-o", str(out)).code == 0
    assert out.read_bytes() == path.read_bytes()
    assert export("flow").out.encode() == path.read_bytes()


def test_a_version_is_published_and_exported(bring: Command, export: Command, path: Path) -> None:
    make_user("linus", "modeller")
    ran = bring(str(path), "--key", "other", "--publish", "--as", "linus", "--json")
    assert (ran.code, ran.document["version"], ran.document["workflow"]) == (0, 1, "other")
    assert ran.document["problems"] == ran.document["findings"] == []
    assert AuditEvent.objects.get(kind="workflow.published").actor == "user:linus"
    told = export("other", "--version", "1", "--json").document
    assert told["bpmn"].encode() == path.read_bytes()
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_standard_input_is_read(bring: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(file())))
    assert bring("-").code == 0
    assert Workflow.objects.get().key == "flow"


def test_what_cannot_be_run_is_named_and_strict_refuses_it(bring: Command, path: Path) -> None:
    path.write_bytes(with_complex_gateway(file()))
    refused = bring(str(path), "--strict", "--json")
    [finding] = refused.document["findings"]
    assert (refused.code, finding["element_id"], finding["severity"]) == (1, "maze", "unsupported")
    assert "maze" in bring(str(path), "--strict").err
    assert not Workflow.objects.exists()
    ran = bring(str(path))
    assert ran.code == 0
    assert f"  unsupported: maze “Which way?”, line {finding['line']}: " in ran.out
    assert "It can be published when what is named above is changed." in ran.out
    assert bring(str(path), "--publish").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.bpmn"], 2, "nowhere.bpmn cannot be read: No such file"),
        ([], 2, "FILE"),
        (["FILE", "--as", "nobody"], 2, "no active user"),
        (["FILE", "--as", "mallory"], 1, "mallory may not import workflows."),
        (
            ["FILE", "--key", "no key"],
            1,
            "Nothing was imported. The definition cannot be published.",
        ),
        (["EMPTY"], 1, "Nothing was imported. The file cannot be read as BPMN 2.0."),
    ],
)
def test_what_is_refused_says_why(
    bring: Command, path: Path, arguments: list[str], code: int, words: str
) -> None:
    make_user("mallory")
    empty = path.with_name("empty.bpmn")
    empty.write_bytes(b"")
    places: dict[str, Any] = {"FILE": str(path), "EMPTY": str(empty)}
    ran = bring(*(places.get(one, one) for one in arguments))
    assert (ran.code, words in ran.err, ran.out) == (code, True, "")
    assert not Workflow.objects.exists()


def test_an_export_says_what_is_not_there(export: Command, tmp_path: Path) -> None:
    assert export("flow", "--json").document == {"error": "There is no workflow “flow”."}
    register(*chain("a"))
    for arguments, code in (
        (["flow", "--version", "9"], 1),
        (["flow", "--version", "x"], 2),
        (["flow", "-o", str(tmp_path / "no" / "where")], 1),
    ):
        ran = export(*arguments)
        assert (ran.code, ran.out) == (code, "")
        assert "Traceback" not in ran.err
