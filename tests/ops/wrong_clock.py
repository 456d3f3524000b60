"""Programs whose wall clock is wrong, and leaps while they run."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
MISSING = "needs a C compiler (Debian: apt-get install gcc libc6-dev)"


class WrongClock:
    """One clock, of all programs that run in its `environment`. Right at first."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where its files may lie. FileNotFoundError: there is no C compiler."""
        folder.mkdir(exist_ok=True)
        self._file, library = folder / "clock", folder / "clock.so"
        self.leap(0)
        compiler = ["cc", "-O2", "-shared", "-fPIC", "-Wall", "-Werror"]
        subprocess.run([*compiler, "-o", str(library), str(SOURCE)], check=True)
        self.environment = {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(self._file)}

    def leap(self, seconds: int) -> None:
        """From now on it is so far ahead, or (negative) behind. Written in one piece, in place."""
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))


def can_be_made() -> bool:
    return shutil.which("cc") is not None
