from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config import postgres
from config.errors import StartError
from tests.ops.processes import run

pytestmark = pytest.mark.ops

URL = "postgresql://ada:s3cret@db.example:6432/desk?sslmode=require"


def _database(url: str = URL, role: str = "app", process: str = "command") -> dict[str, Any]:
    return postgres.database(url=url, data=Path("/nowhere"), role=role, process=process)


def test_a_database_url_is_used_as_given() -> None:
    entry = _database()
    given = [entry[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME", "EMBEDDED")]
    assert given == ["ada", "s3cret", "db.example", "6432", "desk", None]
    assert entry["OPTIONS"]["sslmode"] == "require"


def test_a_url_without_user_or_host_leaves_them_to_the_driver() -> None:
    entry = _database("dbname=desk")
    assert (entry["NAME"], entry["USER"], entry["HOST"]) == ("desk", "", "")


def test_a_unix_socket_may_be_named() -> None:
    assert _database("postgresql:///desk?host=/run/postgresql")["HOST"] == "/run/postgresql"


def test_what_is_no_url_is_refused_with_an_example() -> None:
    with pytest.raises(StartError, match="postgresql://user:password@host:5432/name"):
        _database("mysql at home")


def test_only_web_processes_pool_connections() -> None:
    assert "pool" in _database(process="web")["OPTIONS"]
    for process in ("worker", "command"):
        entry = _database(process=process)
        assert "pool" not in entry["OPTIONS"]
        assert entry["CONN_MAX_AGE"] is None


def test_options_of_the_url_come_after_ours_and_win() -> None:
    options = _database("dbname=d options='-c lock_timeout=1'")["OPTIONS"]["options"]
    assert options.startswith("-c statement_timeout=")
    assert options.endswith("-c lock_timeout=1")


def test_every_connection_names_role_host_and_process() -> None:
    name = postgres.application_name("worker")
    assert name.startswith("worker:")
    assert name.endswith(f":{os.getpid()}")
    assert len(name) <= 63


def test_a_failure_is_told_without_the_password() -> None:
    error = psycopg.OperationalError('connection failed: FATAL: wrong password "s3cret"')
    told = str(postgres.unreachable(error, {"host": "db", "port": 5, "password": "s3cret"}))
    assert "db:5" in told
    assert "s3cret" not in told


def test_an_unreachable_database_ends_a_command_with_one_sentence(tmp_path: Path) -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/desk"
    done = run(tmp_path, "migrate", DATABASE_URL=url, SECRET_KEY="k" * 60)
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "unset DATABASE_URL" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
