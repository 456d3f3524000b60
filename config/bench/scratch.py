"""A database of the benchmark's own on the same server, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config import postgres

PROJECT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def scratch_database(threads: int) -> Iterator[dict[str, str]]:
    """The environment in which the product's programs use the scratch database."""
    connection.ensure_connection()  # starts the embedded server, and keeps it for us
    home, name = _login(), f"signalbox_bench_{os.getpid()}"
    _administer(home, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    environment = os.environ | {
        "DATABASE_URL": make_conninfo(**{**home, "dbname": name}),
        "SIGNALBOX_DEMO": "0",
        "SIGNALBOX_THREADS": str(threads),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SIGNALBOX_DATABASE_ROLE": "owner",
    }
    try:
        manage(environment, "migrate", "--verbosity", "0")
        yield environment
    finally:
        _drop(home, name)


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a management command to its end; raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment, check=True
    )


def _login() -> dict[str, Any]:
    """How to log in as somebody who may create databases."""
    entry = connection.get_connection_params()
    known = {
        name: str(entry[name])
        for name in ("host", "port", "user", "password", "dbname")
        if entry.get(name)
    }
    if connection.settings_dict.get("EMBEDDED"):
        owner = postgres.credentials(settings.DATA_DIR, "owner")
        known |= {"user": owner["USER"], "password": owner["PASSWORD"]}
    return known


def _drop(login: dict[str, Any], name: str) -> None:
    """End our own connections to it; the rest is autovacuum, which only DROP itself may send away.

    DROP … WITH (FORCE) would not: it needs a superuser to end a process of PostgreSQL's own.
    """
    database = sql.Identifier(name)
    _administer(login, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database))
    _administer(
        login,
        sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = {} AND usename = current_user"
        ).format(name),
    )
    _administer(login, sql.SQL("DROP DATABASE {}").format(database))


def _administer(login: dict[str, Any], statement: sql.Composed) -> None:
    with psycopg.connect(**login, autocommit=True) as link:
        link.execute(statement)
