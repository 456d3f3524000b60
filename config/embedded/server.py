"""Makes, starts and stops one PostgreSQL cluster; nothing here knows who uses it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil

from config.embedded import roles
from config.embedded.binaries import MAJOR
from config.embedded.place import Place
from config.errors import StartError
from config.keys import Keys

PATIENCE_SECONDS = 600
QUIET_SECONDS = 4
STOP_SECONDS = 60
LARGEST_LOG = 5_000_000
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_checkpoints": "off",
    "log_line_prefix": "'%m [%p] %a '",
}


def is_running(place: Place) -> bool:
    """A live postmaster of this very cluster: neither a zombie nor a stranger with its old pid."""
    pid = written_pid(place)
    return pid is not None and _is_postgres_of(place, pid)


def start(place: Place, known: Keys) -> None:
    """Returns when the server answers. Raises StartError with the log's last words."""
    if is_running(place) and not _has_its_programs(place):
        stop(place)
    if not is_running(place):
        _check_version(place)
        if not (place.cluster / "PG_VERSION").exists():
            _make_cluster(place, known)
        _write_settings(place)
        _clear_the_dead(place)
        _turn_log(place)
        _launch(place)
    roles.prepare(place, known, PATIENCE_SECONDS, partial(is_running, place))


def stop(place: Place) -> None:
    """Ends sessions, flushes, and returns when the server is gone."""
    deadline = time.monotonic() + STOP_SECONDS
    pid = written_pid(place)
    if pid is not None and _is_postgres_of(place, pid):
        # PostgreSQL's fast shutdown; its own pg_ctl may be gone with the environment by now.
        os.kill(pid, signal.SIGINT)
        while _is_postgres_of(place, pid) and time.monotonic() < deadline:
            threading.Event().wait(0.02)


def written_pid(place: Place) -> int | None:
    """The process that the cluster's lock file names, alive or not."""
    try:
        return int((place.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _is_postgres_of(place: Place, pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        alive = process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return alive and Path(process.cwd()) == place.cluster.resolve()
    except (psutil.Error, OSError):
        return False


def _has_its_programs(place: Place) -> bool:
    """False when the server outlived the environment that it was started from."""
    try:
        return Path(psutil.Process(written_pid(place)).exe()).exists()
    except (psutil.Error, OSError):
        return False


def _check_version(place: Place) -> None:
    with contextlib.suppress(FileNotFoundError):
        found = (place.cluster / "PG_VERSION").read_text().strip()
        if found != str(MAJOR):
            raise StartError(
                f"{place.cluster} was written by PostgreSQL {found}, this is {MAJOR}:"
                " dump it with the release that wrote it, move it away and load the dump."
            )


def _make_cluster(place: Place, known: Keys) -> None:
    """initdb into a draft that is renamed when complete: a broken first start leaves no cluster."""
    draft = place.home / f"postgres.{secrets.token_hex(4)}.new"
    place.account.make_directory(draft)
    done = _initdb(place, draft, known.postgres_password)
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise StartError(f"The database could not be made in {place.home}: {_last(done.stderr)}")
    with contextlib.suppress(FileNotFoundError):
        place.cluster.rmdir()
    draft.rename(place.cluster)


def _initdb(place: Place, draft: Path, password: str) -> subprocess.CompletedProcess[str]:
    """The password goes through a file that only its reader may open."""
    file = draft.with_suffix(".password")
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(password)
    place.account.own(file)
    try:
        return place.account.run(
            [
                place.programs / "bin" / "initdb",
                *("-D", draft, "--username=postgres", f"--pwfile={file}"),
                *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                "--no-instructions",
            ]
        )
    finally:
        file.unlink()


def _write_settings(place: Place) -> None:
    lines = [f"{name} = {value}" for name, value in SETTINGS.items()]
    lines.append("unix_socket_directories = '{}'".format(str(place.sockets).replace("'", "''")))
    file = place.cluster / "postgresql.conf"
    file.write_text(
        "\n".join(["# Written at each start. Your own settings: ALTER SYSTEM.", *lines, ""])
    )
    place.account.own(file)


def _clear_the_dead(place: Place) -> None:
    """Lock files of a server that was killed, once nothing of it is left.

    PostgreSQL itself would refuse them when a zombie or a stranger has the old pid.
    """
    pid = written_pid(place)
    if pid is None:
        return
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)
    _outlive_backends(place)
    for file in (place.cluster / "postmaster.pid", Path(f"{place.socket}.lock")):
        file.unlink(missing_ok=True)


def _outlive_backends(place: Place) -> None:
    """Backends that lost their postmaster still hold its memory: no second server beside them."""
    left = [process for process in psutil.process_iter() if _is_postgres_of(place, process.pid)]
    _, stubborn = psutil.wait_procs(left, timeout=5)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=5)


def _turn_log(place: Place) -> None:
    with contextlib.suppress(FileNotFoundError):
        if place.log.stat().st_size > LARGEST_LOG:
            place.log.rename(place.log.with_suffix(".log.1"))
    place.log.touch(mode=0o600)
    place.account.own(place.log)


def _launch(place: Place) -> None:
    """Long patience: after a crash PostgreSQL first replays its log."""
    command: list[str | Path] = [
        *(place.programs / "bin" / "pg_ctl", "-s", "-D", place.cluster),
        *("start", "-w", "-t", str(PATIENCE_SECONDS), "-l", place.log),
    ]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **place.account.launch(),
    )
    try:
        code = process.wait(QUIET_SECONDS)
    except subprocess.TimeoutExpired:
        print("PostgreSQL is replaying its log; this can take minutes.", file=sys.stderr)
        code = process.wait()
    if code != 0:
        raise StartError(f"PostgreSQL did not start: {_last(_tail(place.log))} (see {place.log})")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


def _last(output: str) -> str:
    """The line that names the fault, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if "FATAL:" in line or "error:" in line]
    return (named or lines or ["no reason was given"])[-1]
