"""What a start needs before any child runs: an up-to-date database, the demo, an administrator."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from config import postgres
from config.grants import grant
from config.schema import missing_migrations
from config.supervisor.child import say

ADMIN = "admin"
# Any number that no other advisory lock of ours uses.
LOCK = 5_316_160_411


def migrate() -> None:
    """The database has this code's shape, and this process only the rights of the children."""
    with _one_at_a_time():
        _apply_missing()
    _become_run_time_role()


def populate(*, demo: bool) -> list[str]:
    """Loads the demo and makes the administrator; returns what a person must be told of it."""
    with _one_at_a_time():
        told = _load_demo() if demo else []
        return [*told, _login_hint(_create_admin())]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Several hosts may start on one database: the second waits, however long that takes."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            cursor.execute("RESET lock_timeout; RESET statement_timeout")


def _apply_missing() -> None:
    missing = missing_migrations()
    if not missing:
        grant()
        return
    say(f"Applying {len(missing)} migrations.")
    call_command("migrate", interactive=False, verbosity=0)


def _become_run_time_role() -> None:
    """From here on with the rights of the children; a DATABASE_URL has one role for all."""
    connection.close()
    if data := connection.settings_dict["EMBEDDED"]:
        connection.settings_dict.update(postgres.credentials(data, "app"))


def _create_admin() -> str | None:
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists() or users.filter(username=ADMIN).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(ADMIN, f"{ADMIN}@localhost", password)
    return password


def _load_demo() -> list[str]:
    """Its lines: passwords of new people are among them, once."""
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue().splitlines()


def _login_hint(password: str | None) -> str:
    if password is None:
        reset = f".venv/bin/python manage.py changepassword {ADMIN}"
        return f"Log in as {ADMIN}. Password forgotten? {reset}"
    return f"Log in as {ADMIN} with the password {password} (shown only this once)."
