"""The database and its two roles: one that owns it, one that runs on it; neither is a superuser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
from psycopg import sql

from config.embedded.place import Place
from config.errors import StartError
from config.keys import Keys
from config.postgres import NAME, USERS, application_name

OWNER, APP, DATABASE = (sql.Identifier(name) for name in (USERS["owner"], USERS["app"], NAME))


def prepare(place: Place, known: Keys, patience: float, is_running: Callable[[], bool]) -> None:
    """Makes what is missing; waits up to `patience` seconds for a server that still recovers.

    Raises StartError when the server ends meanwhile, as it does on a full disk.
    """
    with _administration(place, known, patience, is_running) as connection:
        if not _exists(connection, "pg_roles", "rolname", USERS["owner"]):
            connection.execute(_role(OWNER, "CREATEDB", known.owner_password))
        if not _exists(connection, "pg_roles", "rolname", USERS["app"]):
            connection.execute(_role(APP, "NOCREATEDB", known.app_password))
        if not _exists(connection, "pg_database", "datname", NAME):
            _create_database(connection)


def _administration(
    place: Place, known: Keys, patience: float, is_running: Callable[[], bool]
) -> psycopg.Connection:
    deadline = time.monotonic() + patience
    while True:
        try:
            return _connect(place, known)
        except psycopg.OperationalError as error:
            _give_up_on_wrong_password(place, error)
            if time.monotonic() > deadline or not is_running():
                raise StartError(f"PostgreSQL does not answer: see {place.log}.") from None
        threading.Event().wait(0.2)


def _connect(place: Place, known: Keys) -> psycopg.Connection:
    return psycopg.connect(
        host=str(place.sockets),
        dbname="postgres",
        user="postgres",
        password=known.postgres_password,
        application_name=application_name("setup"),
        autocommit=True,
    )


def _give_up_on_wrong_password(place: Place, error: psycopg.OperationalError) -> None:
    if "password authentication failed" in str(error):
        raise StartError(
            "data/secrets.json does not belong to this database: restore the file that was"
            f" beside it, or move {place.cluster} away to begin anew."
        ) from None


def _exists(connection: psycopg.Connection, table: str, column: str, name: str) -> bool:
    statement = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    return connection.execute(statement, [name]).fetchone() is not None


def _role(role: sql.Identifier, rights: str, password: str) -> sql.Composed:
    return sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE {} PASSWORD {}").format(
        role, sql.SQL(rights), sql.Literal(password)
    )


def _create_database(connection: psycopg.Connection) -> None:
    """The owner may act as the run-time role, so that tests can try what that one may do."""
    for statement in (
        "GRANT {app} TO {owner} WITH INHERIT FALSE, SET TRUE",
        "CREATE DATABASE {database} OWNER {owner}",
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {app}",
    ):
        connection.execute(sql.SQL(statement).format(app=APP, owner=OWNER, database=DATABASE))
