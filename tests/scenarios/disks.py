"""A small file system of a test's own, which it can fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE = "700m"
BLOCK = bytes(1 << 20)


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Where it is mounted; None where the right to mount one is missing."""
    point = Path(f"/tmp/sb-disk-{os.getpid()}")
    point.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "signalbox", str(point)]
    is_mounted = os.geteuid() == 0 and not subprocess.run(mount, capture_output=True).returncode
    try:
        yield point if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(point)], check=True)
        point.rmdir()


def fill(disk: Path) -> None:
    """Take what is left of it."""
    ballast = disk / f"ballast-{len(list(disk.iterdir()))}"
    with ballast.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(BLOCK):
            pass


def make_room(disk: Path) -> None:
    """Give back what `fill` has taken."""
    for ballast in disk.glob("ballast-*"):
        ballast.unlink()
