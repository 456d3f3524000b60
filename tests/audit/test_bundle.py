"""An exported bundle proves itself, and no change to it goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.audit.conftest import run, tamper
from workflows.audit import checkpoints, export, signing, verify_bundle
from workflows.models import AuditCheckpoint, Execution

pytestmark = pytest.mark.django_db(transaction=True)

Files = dict[str, bytes]


@pytest.fixture
def bundle(execution: Execution, outside: Path) -> Path:
    """Of an execution whose rows lie under two checkpoints, among those of another."""
    run()
    path = outside / "bundle.zip"
    with pytest.MonkeyPatch.context() as few:
        few.setattr(checkpoints, "ROWS", execution.audit_events.count() - 2)
        export.export(execution.pk, path)
    return path


@pytest.fixture(scope="module")
def exported() -> Files:
    """The bundle and the key of the first test that asked for a copy."""
    return {}


@pytest.fixture
def copy(request: pytest.FixtureRequest, exported: Files, outside: Path, settings: Any) -> Path:
    """A bundle to be changed, with its key; what was exported is not in the database any more."""
    path, key = outside / "bundle.zip", Path(settings.AUDIT_KEY)
    if not exported:
        request.getfixturevalue("bundle")
        exported.update(bundle=path.read_bytes(), key=key.read_bytes())
    path.write_bytes(exported["bundle"])
    key.write_bytes(exported["key"])
    key.chmod(0o600)
    return path


def check(path: Path, *keys: str) -> tuple[int, str]:
    """The verifier as a stranger runs it: no packages, no environment."""
    options = [part for key in keys for part in ("--public-key", key)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", verify_bundle.__file__, str(path), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def files(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, content: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in content.items():
            archive.writestr(name, each)
    return path


def problems(path: Path) -> list[str]:
    """What is wrong, the first thing first."""
    try:
        return verify_bundle.verify(str(path), set())[0]
    except (verify_bundle.Broken, zipfile.BadZipFile) as error:
        return [str(error)]


def with_rows(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    """The bundle with its rows changed and nothing else put right."""
    content = files(path)
    rows = [json.loads(line) for line in content["rows.jsonl"].splitlines()]
    change(rows)
    content["rows.jsonl"] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return rewritten(path, content)


def signed_anew(path: Path, content: Files, signer: signing.Signer) -> Path:
    """What a forger with a key of their own can do: every digest and the signature fit again."""
    manifest = json.loads(content["manifest.json"])
    manifest["files"] = {
        name: hashlib.sha256(each).hexdigest()
        for name, each in content.items()
        if name not in ("manifest.json", "manifest.sig")
    }
    manifest["public_key"] = signer.public_key
    content["manifest.json"] = json.dumps(manifest).encode()
    digest = hashlib.sha256(content["manifest.json"]).hexdigest()
    content["manifest.sig"] = signer.sign(f'["bundle","{digest}"]'.encode()).encode()
    return rewritten(path, content)


def rechained(rows: list[dict[str, Any]]) -> None:
    previous = ""
    for number, row in enumerate(rows, 1):
        row |= {"seq": number, "previous_hash": previous}
        row["data_digest"] = verify_bundle.data_digest(row)
        row["hash"] = previous = verify_bundle.row_hash(row)


def test_a_bundle_is_sound_without_anything_installed(bundle: Path, execution: Execution) -> None:
    code, told = check(bundle)
    assert code == 0, told
    assert f"execution {execution.pk}, rows 1 to {execution.audit_events.count()}" in told
    assert signing.load().public_key in told
    assert len(json.loads(files(bundle)["manifest.json"])["checkpoints"]) == 2


def test_the_verifier_in_the_bundle_is_the_one_in_the_code(bundle: Path, outside: Path) -> None:
    copy = outside / "copy.py"
    copy.write_bytes(files(bundle)["verify_bundle.py"])
    done = subprocess.run([sys.executable, "-I", "-S", copy, bundle], check=False)
    assert done.returncode == 0


def test_the_right_key_is_accepted_and_another_refused(bundle: Path) -> None:
    assert check(bundle, signing.load().public_key)[0] == 0
    code, told = check(bundle, "0" * 64)
    assert code == 1
    assert "signed with another key" in told


@pytest.mark.parametrize("field", [
    "actor", "new_state", "old_state", "entity_id", "entity_type", "agent_id", "lease_token",
    "attempt", "at_text", "kind", "task_id", "data_text", "data_digest", "hash", "previous_hash",
    "execution_id", "seq",
])  # fmt: skip
def test_every_edit_of_a_row_is_named(copy: Path, field: str) -> None:
    def edit(rows: list[dict[str, Any]]) -> None:
        old = rows[3][field]
        rows[3][field] = old + 1 if isinstance(old, int) else f"{old or ''}0"

    assert problems(with_rows(copy, edit))[0].startswith("row 4: ")


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda rows: rows.pop(2), "row 3: is numbered 4"),
        (lambda rows: rows.pop(), "rows were exported"),
        (lambda rows: rows.pop(0), "row 1: is numbered 2"),
        (lambda rows: rows.insert(2, rows[1]), "row 3: is numbered 2"),
        (lambda rows: rows.append(rows[-1]), "is numbered"),
        (lambda rows: rows.insert(1, rows.pop(2)), "row 2: is numbered 3"),
        (lambda rows: rows.clear(), "row 0: "),
        (lambda rows: rows[1].pop("actor"), "row 2: was changed"),
        (lambda rows: rows[0].update(seq=True), "row 1: was changed"),
    ],
)
def test_rows_taken_out_added_or_moved_are_named(
    copy: Path, change: Callable[[list[dict[str, Any]]], Any], first: str
) -> None:
    assert first in problems(with_rows(copy, change))[0]


def test_a_forged_chain_is_refused_by_the_seal(copy: Path) -> None:
    def forge(rows: list[dict[str, Any]]) -> None:
        rows[3]["actor"] = "user:eve"
        rechained(rows)

    content = files(with_rows(copy, forge))
    manifest = json.loads(content["manifest.json"])
    manifest["head"] = json.loads(content["rows.jsonl"].splitlines()[-1])["hash"]
    content["manifest.json"] = json.dumps(manifest).encode()
    found = problems(signed_anew(copy, content, signing.load()))
    assert found[0].endswith(": row 4 is not among the rows that it seals")


def test_a_tail_left_out_is_refused_though_the_forger_signs_anew(
    bundle: Path, settings: Any, outside: Path
) -> None:
    known = signing.load().public_key
    settings.AUDIT_KEY = str(outside / "forger.pem")
    content = files(with_rows(bundle, lambda rows: rows.pop()))
    manifest = json.loads(content["manifest.json"])
    manifest["rows"] -= 1
    manifest["head"] = json.loads(content["rows.jsonl"].splitlines()[-1])["hash"]
    manifest["checkpoints"][-1]["last_seq"] -= 1
    content["manifest.json"] = json.dumps(manifest).encode()
    forged = signed_anew(bundle, content, signing.make())
    code, told = check(forged, known)
    assert code == 1
    assert "signed with another key" in told


def test_any_file_changed_taken_out_or_added_is_refused(copy: Path) -> None:
    whole = files(copy)
    for name, content in whole.items():
        changed = content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]
        assert problems(rewritten(copy, {**whole, name: changed})), name
        less = {other: each for other, each in whole.items() if other != name}
        assert problems(rewritten(copy, less)), name
    assert problems(rewritten(copy, {**whole, "more.txt": b"x"}))
    assert not problems(rewritten(copy, whole))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(copy: Path) -> None:
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("rows.jsonl", archive.read("rows.jsonl"))
    assert problems(copy) == ["rows.jsonl: is missing, doubled or not listed"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("no", 7), ("upto", 1), ("rows", 1), ("root", "0" * 64), ("previous_root", "0" * 64),
        ("at_text", "2020-01-01T00:00:00.000000Z"), ("public_key", "0" * 64),
        ("signature", "0" * 128), ("first_seq", 2), ("first_seq", -3), ("last_seq", 1),
        ("hashes", None), ("hashes", "rows.jsonl"),
    ],
)  # fmt: skip
def test_every_edit_of_a_checkpoint_is_refused_whoever_signs(
    copy: Path, field: str, value: Any
) -> None:
    content = files(copy)
    manifest = json.loads(content["manifest.json"])
    manifest["checkpoints"][-1][field] = value
    content["manifest.json"] = json.dumps(manifest).encode()
    assert problems(signed_anew(copy, content, signing.load()))


def test_a_bundle_without_checkpoints_is_refused_whoever_signs(copy: Path) -> None:
    content = files(copy)
    manifest = json.loads(content["manifest.json"])
    manifest["checkpoints"] = []
    content["manifest.json"] = json.dumps(manifest).encode()
    assert problems(signed_anew(copy, content, signing.load())) == [
        "row 1: no checkpoint seals the rows up to the last"
    ]


@pytest.mark.parametrize("text", [
    b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"format": "signalbox-audit-bundle-1"}',
])  # fmt: skip
def test_a_malformed_manifest_is_refused_with_a_sentence(copy: Path, text: bytes) -> None:
    path = rewritten(copy, {**files(copy), "manifest.json": text})
    code, told = check(path)
    assert code == 1
    assert "cannot be read" in told


@pytest.mark.parametrize("text", [b"", b"hello", b"PK\x03\x04" + b"\0" * 40])
def test_a_file_that_is_no_bundle_is_refused_with_a_sentence(outside: Path, text: bytes) -> None:
    (outside / "x.zip").write_bytes(text)
    for name in ("x.zip", "none.zip"):
        code, told = check(outside / name)
        assert code == 1
        assert "cannot be read" in told


def test_a_bundle_cut_short_is_refused(copy: Path) -> None:
    whole = copy.read_bytes()
    for length in range(0, len(whole) - 22, len(whole) // 20):
        copy.write_bytes(whole[:length])
        assert problems(copy)


def test_a_bundle_of_rows_edited_in_the_database_is_refused(
    execution: Execution, outside: Path
) -> None:
    tamper(
        "UPDATE workflows_auditevent SET actor = 'x' WHERE execution_id = %s AND seq = 2",
        execution.pk,
    )
    export.export(execution.pk, outside / "bundle.zip")
    assert problems(outside / "bundle.zip")[0] == "row 2: was changed: its hash does not match"


def test_an_export_waits_for_no_writer_for_ever(
    execution: Execution, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_horizon", lambda: None)
    with pytest.raises(export.NothingSealed, match="try again"):
        export.export(execution.pk, outside / "bundle.zip")


def test_only_the_last_lists_of_hashes_go_along(
    execution: Execution, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", 2)
    monkeypatch.setattr(export, "LISTS", 1)
    path = outside / "bundle.zip"
    told = export.export(execution.pk, path)
    assert told.checkpoints > 3
    assert len([name for name in files(path) if name.startswith("hashes/")]) == 1
    assert check(path)[0] == 0


def test_rows_sealed_with_an_older_key_are_exported_and_trusted_by_name(
    execution: Execution, outside: Path, settings: Any
) -> None:
    checkpoints.write()
    old = signing.load().public_key
    settings.AUDIT_KEY = str(outside / "second.pem")
    checkpoints.write(new_key=True)
    signing.make()
    path = outside / "bundle.zip"
    export.export(execution.pk, path)
    assert check(path, old, signing.load().public_key)[0] == 0
    assert check(path, signing.load().public_key)[0] == 1


def test_the_command_writes_a_bundle_and_says_what_is_in_it(
    execution: Execution, outside: Path
) -> None:
    path, out = outside / "run.zip", StringIO()
    call_command("export_audit", str(execution.pk), "-o", str(path), "--json", stdout=out)
    assert json.loads(out.getvalue()) == {
        "execution_id": execution.pk,
        "rows": execution.audit_events.count(),
        "checkpoints": AuditCheckpoint.objects.count(),
        "public_key": signing.load().public_key,
        "file": str(path),
    }
    assert check(path)[0] == 0


def test_the_command_leaves_nothing_behind_when_it_is_refused(
    execution: Execution, outside: Path
) -> None:
    with pytest.raises(CommandError, match="no execution 999") as refusal:
        call_command("export_audit", "999", "-o", str(outside / "x.zip"))
    assert refusal.value.returncode == 1
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_audit", str(execution.pk), "-o", str(outside / "no" / "x.zip"))
    assert not list(outside.glob("*.zip*"))
