"""Data directories of their own, with whatever server a test left running in them stopped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import embedded
from config.embedded import place, server


@pytest.fixture(scope="module")
def new_data() -> Iterator[Callable[..., Path]]:
    """Makes a data directory; `depth` adds characters to its path, `mode` is its parent's."""
    made: list[tuple[Path, Path]] = []

    def make(*, depth: int = 0, mode: int = 0o711) -> Path:
        parent = Path(tempfile.mkdtemp(prefix="signalbox-test-", dir="/tmp"))
        parent.chmod(mode)
        data = parent / ("d" * depth) / "data" if depth else parent / "data"
        made.append((parent, data))
        return data

    yield make
    for parent, data in made:
        if data.exists():
            _end_server(data)
        shutil.rmtree(parent)


@pytest.fixture(scope="module")
def data(new_data: Callable[..., Path]) -> Path:
    """One data directory with one server for a whole module."""
    return new_data()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root lends the server another user")


def _end_server(data: Path) -> None:
    embedded.leave(data)
    found = place.find(data)
    server.stop(found)
    for outside in (found.home, found.sockets):
        if not outside.is_relative_to(data):
            shutil.rmtree(outside, ignore_errors=True)
