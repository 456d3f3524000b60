"""What is installed is decided by this repository alone: exact versions, proved by their hashes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.ops.processes import PROJECT

LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))
PIN = re.compile(r"[a-z0-9._-]+==[^ ]+( ; .+)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: Path) -> None:
    assert PIN.sub("", lock.read_text()).strip() == ""


def test_what_tests_run_on_is_what_is_shipped() -> None:
    run, test = (
        set(re.findall(r"^\S+==\S+", (PROJECT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("run.txt", "test.txt")
    )
    assert run <= test


def test_the_front_ends_lock_names_no_registry() -> None:
    packages = json.loads((PROJECT / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)
