"""The claim protocol, every interleaving of it: 3 workers, 2 crashes, 1 lapsed lease, 1 slot.

Spin searches the model completely; a model without one of its safeguards must be found wanting.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("claim.pml")
needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("cc")),
    reason="needs spin and a C compiler (Debian: apt-get install spin gcc libc6-dev)",
)
pytestmark = [pytest.mark.ops, needs_spin]


def test_nothing_is_done_twice_lost_or_beyond_capacity(tmp_path: Path) -> None:
    search = _search(tmp_path)
    assert _errors(search, "safety") == 0
    assert _errors(search, "liveness", "-f") == 0


@pytest.mark.parametrize(
    ("without", "promise"),
    [
        ("NOFENCE", "safety"),
        ("NOLEASE", "safety"),
        ("EARLYACK", "safety"),
        ("NOREAP", "liveness"),
        ("LOCKONLY", "liveness"),
        ("GHOST", "liveness"),
    ],
)
def test_each_safeguard_is_needed(tmp_path: Path, without: str, promise: str) -> None:
    fair = ["-f"] if promise == "liveness" else []
    assert _errors(_search(tmp_path, f"-D{without}"), promise, *fair) > 0


def _search(folder: Path, *variant: str) -> Path:
    """The program that searches the model, compiled."""
    for command in (["spin", "-a", *variant, MODEL], ["cc", "-O2", "-w", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "pan"


def _errors(search: Path, promise: str, *options: str) -> int:
    """How many executions the search found that break the promise: it ends at the first one."""
    command = [search, "-a", *options, "-m1000000", "-N", promise]
    done = subprocess.run(
        command, cwd=search.parent, capture_output=True, text=True, check=False, timeout=600
    )
    found = re.search(r"errors: (\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert "Search not completed" not in done.stdout or int(found[1]), done.stdout
    assert "max search depth too small" not in done.stdout
    return int(found[1])
