"""Where the embedded server keeps its files and its socket, whoever runs it."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from config import keys
from config.embedded import binaries
from config.embedded.account import Account, account
from config.errors import StartError

SHARED = Path("/var/lib/signalbox")
SOCKET = ".s.PGSQL.5432"
# The kernel keeps 108 bytes for a socket's path, 104 on some systems.
LONGEST_SOCKET = 99


@dataclass(frozen=True, slots=True)
class Place:
    """`home` holds cluster, log and, when its path is short enough, the socket's directory."""

    home: Path
    programs: Path
    sockets: Path
    account: Account

    @property
    def cluster(self) -> Path:
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET


def find(data: Path) -> Place:
    """Decides, and makes the directories. Raises StartError when one is not safe to use."""
    keys.make_data_directory(data)
    user = account(data / "postgres")
    installed = binaries.installation()
    if _is_reachable(user, data, installed):
        return Place(data, installed, _sockets(data, user), user)
    home = _apart(data, user)
    return Place(home, _copied(installed, user), _sockets(home, user), user)


def _is_reachable(user: Account, data: Path, installed: Path) -> bool:
    """False when root's files lie where the lent user may not pass; no parent is ever opened."""
    if not user.is_lent:
        return True
    if (data / "postgres").is_symlink():
        return False
    return user.can_enter(data) and user.can_run(installed / "bin" / "initdb")


def _apart(data: Path, user: Account) -> Path:
    """A home under /var/lib, with a link from the data directory; the link decides from then on."""
    link = data / "postgres"
    if link.is_symlink():
        return link.readlink().parent
    if link.exists():
        raise StartError(
            f"The system user that runs PostgreSQL may not reach {link}:"
            " make its parent directories passable again, or set DATABASE_URL."
        )
    home = SHARED / keys.load(data).cluster
    _make_shared()
    user.make_directory(home)
    link.symlink_to(home / "postgres")
    print(f"The database is kept in {home}, as its own user may not enter {data}.", file=sys.stderr)
    return home


def _make_shared() -> None:
    try:
        SHARED.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"{SHARED} cannot be made ({error.strerror}): move the project to a directory that"
            " other users may pass, or set DATABASE_URL."
        ) from None


def _copied(installed: Path, user: Account) -> Path:
    """Programs that the lent user may run; a copy appears whole or not at all."""
    if user.can_run(installed / "bin" / "initdb"):
        return installed
    copy = SHARED / binaries.label()
    if not copy.exists():
        draft = SHARED / f".{copy.name}.{os.getpid()}"
        binaries.copied(installed, draft)
        draft.rename(copy)
    return copy / installed.relative_to(installed.parent.parent)


def _sockets(home: Path, user: Account) -> Path:
    inside = home / "run"
    if len(os.fsencode(inside / SOCKET)) > LONGEST_SOCKET:
        name = f"signalbox-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
        return _private(_run_time_directory(user) / name, user)
    return _private(inside, user)


def _private(directory: Path, user: Account) -> Path:
    """Made or found; used only when it is this user's alone, whoever made it."""
    try:
        user.make_directory(directory)
        found = directory.lstat()
    except OSError as error:
        raise StartError(f"{directory} cannot be used ({error.strerror}): {_SHORTER}") from None
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not private or found.st_uid != user.uid:
        raise StartError(f"{directory} belongs to somebody else or is open to others: {_SHORTER}")
    return directory


_SHORTER = "remove it, or set SIGNALBOX_DATA_DIR to a shorter path."


def _run_time_directory(user: Account) -> Path:
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path("/run")] if user.is_lent else [Path(own)] if own else []
    usable = [each for each in candidates if each.is_dir() and os.access(each, os.W_OK)]
    return usable[0] if usable else Path("/tmp")  # noqa: S108 - checked to be ours alone
