"""Two runs side by side: who runs beside whom, and what runs beside nothing.

Tests with processes of their own share one lane, so that no two of them ever compete, and those in
a browser another; each other file is a piece of work for whoever is free. A test that measures time
is marked `alone`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

LANES = {
    "tests/browser/": "browser",
    **{f"tests/{room}/": "processes" for room in ("ops", "protocol", "reliability", "scenarios")},
}
HERE = Path(__file__)


class Lanes(LoadFileScheduling):
    """The longest pieces first: the lanes."""

    def _split_scope(self, nodeid: str) -> str:
        lane = next((name for room, name in LANES.items() if nodeid.startswith(room)), None)
        return lane or super()._split_scope(nodeid)


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """A test's time on the machine; in a run without workers there is nobody to wait for.

    Whoever wants it alone keeps the door shut until the others are through.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    with HERE.open() as room:
        with HERE.with_name("conftest.py").open() as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # what the test forked may have the file open still
