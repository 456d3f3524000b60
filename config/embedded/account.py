"""Who runs the server: PostgreSQL refuses root, so root lends it a system user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import StartError

NAME = "signalbox"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user under which the server's processes run."""

    uid: int
    gid: int
    is_lent: bool

    def run(self, command: list[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """The finished program, with its output as text."""
        return subprocess.run(
            command, text=True, capture_output=True, check=False, **self.launch(), **options
        )

    def launch(self) -> dict[str, Any]:
        """Arguments of subprocess.Popen: no PG* variable of the caller may steer the server."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        options: dict[str, Any] = {"env": kept | {"LC_ALL": "C"}, "cwd": "/", "umask": 0o077}
        if self.is_lent:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def can_enter(self, directory: Path) -> bool:
        """Whether this user may pass every directory on the way to this one."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory]).returncode == 0

    def can_run(self, program: Path) -> bool:
        try:
            return self.run([program, "--version"]).returncode == 0
        except OSError:
            return False

    def make_directory(self, directory: Path) -> None:
        """A directory that only this user enters; one that exists is left as it is."""
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            return
        self.own(directory)

    def own(self, path: Path) -> None:
        if self.is_lent:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account(cluster: Path) -> Account:
    """The caller; for root the cluster's owner, else the system user.

    Raises StartError where that cannot be made.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_lent=False)
    if cluster.exists():
        found = cluster.stat()
        return Account(found.st_uid, found.st_gid, is_lent=True)
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid, is_lent=True)


def _create() -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    refusal = "useradd is not installed"
    if program:
        done = subprocess.run(
            [program, *options, NAME], text=True, capture_output=True, check=False
        )
        refusal = done.stderr.strip()
        if done.returncode in (0, 9):
            return
    raise StartError(
        f"PostgreSQL does not run as root and the system user {NAME!r} cannot be created"
        f" ({refusal}): run `make up` as an ordinary user, or set DATABASE_URL."
    )
