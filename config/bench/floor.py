"""The database's own limit: the least SQL that makes the same steps durable, driven by pgbench."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.embedded import binaries
from config.errors import StartError

TABLES = """
DROP TABLE IF EXISTS bench_task, bench_audit;
CREATE TABLE bench_task(id bigint PRIMARY KEY, state smallint NOT NULL DEFAULT 0, output jsonb);
CREATE TABLE bench_audit(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task_id bigint,
    at timestamptz NOT NULL DEFAULT clock_timestamp(), old smallint, new smallint, data jsonb);
INSERT INTO bench_task(id) SELECT generate_series(1, 200200);
VACUUM ANALYZE bench_task;
"""
STEP = """\\set a random(1, 200000)
WITH done AS (UPDATE bench_task SET state = 3, output = '{}' WHERE id = :a RETURNING id),
next AS (UPDATE bench_task SET state = 2 WHERE id = :a + 1 RETURNING id)
INSERT INTO bench_audit(task_id, old, new)
SELECT id, 2, 3 FROM done UNION ALL SELECT id, 0, 2 FROM next;
"""
FIFTY = """\\set a random(1, 2000)
WITH done AS (UPDATE bench_task SET state = 3, output = '{}'
    WHERE id = ANY (ARRAY(SELECT :a * 100 + g FROM generate_series(0, 49) g)) RETURNING id),
next AS (UPDATE bench_task SET state = 2
    WHERE id = ANY (ARRAY(SELECT :a * 100 + 50 + g FROM generate_series(0, 49) g)) RETURNING id)
INSERT INTO bench_audit(task_id, old, new)
SELECT id, 2, 3 FROM done UNION ALL SELECT id, 0, 2 FROM next;
"""
COMMIT = "INSERT INTO bench_audit(task_id) VALUES (1);\n"


def prepare(url: str) -> None:
    """Make the tables that pgbench works on."""
    with psycopg.connect(url, autocommit=True) as link:
        for statement in filter(str.strip, TABLES.split(";")):
            link.execute(statement)


def one_step_per_commit(url: str, seconds: int, clients: int = 8) -> float:
    """Steps per second, one transaction per step."""
    return _pgbench(url, STEP, clients, seconds)


def fifty_steps_per_statement(url: str, seconds: int, clients: int = 2) -> float:
    """Steps per second, 50 in one statement."""
    return 50 * _pgbench(url, FIFTY, clients, seconds)


def commit_seconds(url: str, seconds: int) -> float:
    """Mean duration of one bare durable commit by one client."""
    return 1 / _pgbench(url, COMMIT, 1, seconds)


def _pgbench(url: str, script: str, clients: int, seconds: int) -> float:
    login = conninfo_to_dict(url)
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    environment = os.environ | {
        names[key]: str(value) for key, value in login.items() if key in names
    }
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        told = subprocess.run(
            [
                _program(),
                "-n",
                "-M",
                "prepared",
                "-f",
                file.name,
                "-c",
                str(clients),
                "-j",
                "2",
                "-T",
                str(seconds),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"tps = ([0-9.]+)", told.stdout)
    if found is None:
        raise StartError(f"pgbench said nothing of its rate: {told.stdout}")
    return float(found[1])


def _program() -> str:
    try:
        embedded = binaries.installation() / "bin" / "pgbench"
    except StartError:
        embedded = Path("pgbench")
    program = str(embedded) if embedded.exists() else shutil.which("pgbench")
    if program is None:
        raise StartError(
            "pgbench is missing: install it (Debian: apt-get install postgresql-contrib)."
        )
    return program
