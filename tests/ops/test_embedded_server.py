from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from config import embedded, keys
from config.embedded import binaries, place, server
from config.errors import StartError
from config.postgres import NAME, USERS
from tests.ops.processes import PROJECT, environment, is_alive, kill
from tests.ops.waiting import until

pytestmark = pytest.mark.ops

# Of random bytes, in rows: what is replayed is work as after a busy hour.
WRITE_50_MB = (
    "CREATE TABLE IF NOT EXISTS written (line text);"
    " INSERT INTO written SELECT repeat(md5(n::text), 30) FROM generate_series(1, 50000) n"
)
HOLD = "import sys; from pathlib import Path; from config import embedded"
HOLD += "; embedded.hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"


def test_it_is_made_on_first_use_and_stopped_by_its_last_user(
    new_data: Callable[..., Path],
) -> None:
    data = new_data()
    sockets = embedded.hold(data)
    assert _ask(data, "owner", "SHOW server_encoding") == "UTF8"
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
    embedded.leave(data)
    assert not server.is_running(place.find(data))


def test_it_listens_on_no_network_and_lets_nobody_in_without_a_password(data: Path) -> None:
    embedded.hold(data)
    assert _ask(data, "owner", "SHOW listen_addresses") == ""
    with pytest.raises(psycopg.OperationalError, match="password"):
        _connect(data, "owner", password="guessed")


def test_another_user_of_the_machine_cannot_reach_its_socket(data: Path, as_root: None) -> None:
    sockets = embedded.hold(data)
    entered = subprocess.run(["ls", sockets], user="nobody", capture_output=True, check=False)
    assert entered.returncode != 0


def test_the_run_time_role_has_no_power_over_server_and_structure(data: Path) -> None:
    embedded.hold(data)
    for refused in (
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "CREATE TABLE public.mine (id int)",
        "CREATE ROLE mine SUPERUSER",
        "SET ROLE signalbox_owner",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _ask(data, "app", refused)
    assert _ask(data, "app", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_a_server_with_much_to_replay_starts_by_itself(data: Path) -> None:
    """SIGNALBOX_WAL_MB=400 is the long form: a checkpoint comes after 512."""
    embedded.hold(data)
    for _ in range(int(os.environ.get("SIGNALBOX_WAL_MB", "100")) // 50):
        _ask(data, "owner", WRITE_50_MB)
    _kill_every_process(data)
    began = time.monotonic()
    assert embedded.restart(data)
    print(f"PostgreSQL was back after {time.monotonic() - began:.1f} s")
    assert _ask(data, "owner", "SELECT 1") == 1


def test_committed_rows_survive_a_kill_of_every_server_process(data: Path) -> None:
    embedded.hold(data)
    _ask(data, "owner", "CREATE TABLE kept AS SELECT 42 AS answer")
    _kill_every_process(data)
    assert embedded.restart(data)
    assert _ask(data, "owner", "SELECT answer FROM kept") == 42


def test_a_pid_file_whose_number_now_belongs_to_a_stranger_is_no_obstacle(
    new_data: Callable[..., Path],
) -> None:
    data = new_data()
    embedded.hold(data)
    embedded.leave(data)
    pid_file = place.find(data).cluster / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{data}\n")
    place.find(data).account.own(pid_file)
    embedded.hold(data)
    assert _ask(data, "app", "SELECT 1") == 1


def test_a_second_user_keeps_it_running(new_data: Callable[..., Path]) -> None:
    data = new_data()
    embedded.hold(data)
    with _holder(data) as other:
        _wait_until_held(other)
        embedded.leave(data)
        assert server.is_running(place.find(data))
        other.communicate(timeout=120)
    assert not server.is_running(place.find(data))


def test_two_first_starts_at_once_make_one_cluster(new_data: Callable[..., Path]) -> None:
    data = new_data()
    with _holder(data) as one, _holder(data) as two:
        for holder in (one, two):
            _wait_until_held(holder)
        assert _ask(data, "owner", "SELECT 1") == 1
        for holder in (one, two):
            holder.communicate(timeout=120)
    assert not list(data.glob("postgres.*.new"))


def test_a_long_path_gets_a_short_private_socket_outside(new_data: Callable[..., Path]) -> None:
    data = new_data(depth=120)
    sockets = embedded.hold(data)
    assert len(os.fsencode(sockets)) < 90
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert _ask(data, "app", "SELECT 1") == 1


def test_a_socket_directory_that_others_may_enter_is_refused(new_data: Callable[..., Path]) -> None:
    data = new_data(depth=120)
    sockets = place.find(data).sockets
    sockets.chmod(0o755)
    with pytest.raises(StartError, match="open to others"):
        embedded.hold(data)
    sockets.chmod(0o700)


def test_below_a_private_directory_root_keeps_it_elsewhere_and_opens_nothing(
    new_data: Callable[..., Path], as_root: None
) -> None:
    data = new_data(mode=0o700)
    embedded.hold(data)
    assert _ask(data, "app", "SELECT 1") == 1
    assert (data / "postgres").readlink().is_relative_to(place.SHARED)
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    embedded.leave(data)
    embedded.hold(data)
    assert _ask(data, "app", "SELECT 1") == 1


def test_a_copy_of_the_programs_runs_where_the_originals_cannot(tmp_path: Path) -> None:
    installed = binaries.installation()
    binaries.copied(installed, tmp_path)
    program = tmp_path / installed.relative_to(installed.parent.parent) / "bin" / "initdb"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {binaries.MAJOR}." in told.stdout


def test_lost_secrets_are_told_in_one_sentence(new_data: Callable[..., Path]) -> None:
    data = new_data()
    embedded.hold(data)
    embedded.leave(data)
    kept = (data / "secrets.json").read_bytes()
    (data / "secrets.json").unlink()
    with pytest.raises(StartError, match=r"secrets\.json does not belong to this database"):
        embedded.hold(data)
    server.stop(place.find(data))
    (data / "secrets.json").write_bytes(kept)


def _kill_every_process(data: Path) -> None:
    postmaster = psutil.Process(_postmaster_pid(data))
    kill([postmaster, *postmaster.children()])
    until(lambda: not is_alive(postmaster))


def _connect(data: Path, role: str, password: str = "") -> psycopg.Connection:
    known = keys.load(data)
    secret = known.owner_password if role == "owner" else known.app_password
    return psycopg.connect(
        host=str(place.find(data).sockets),
        dbname=NAME,
        user=USERS[role],
        password=password or secret,
        autocommit=True,
    )


def _ask(data: Path, role: str, statement: str) -> object:
    with _connect(data, role) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def _postmaster_pid(data: Path) -> int:
    written = (place.find(data).cluster / "postmaster.pid").read_text()
    return int(written.splitlines()[0])


def _wait_until_held(holder: subprocess.Popen[str]) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"


def _holder(data: Path) -> subprocess.Popen[str]:
    """Another process that uses the server until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data)],
        cwd=PROJECT,
        env=environment(data),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
