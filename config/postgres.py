"""The database of this process: the one DATABASE_URL names, else the embedded server."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import psycopg
from django.db import OperationalError
from psycopg.conninfo import conninfo_to_dict

from config import keys
from config.errors import StartError

NAME = "signalbox"
USERS = {"owner": "signalbox_owner", "app": "signalbox_app"}
# A silent network is noticed within about five seconds, not after the kernel's quarter of an hour.
NETWORK: dict[str, Any] = {
    "connect_timeout": 10,
    "tcp_user_timeout": 5000,
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
# Milliseconds. The owner migrates, which may take as long as it takes.
TIMEOUTS = {
    "app": {"statement_timeout": 60_000, "lock_timeout": 10_000},
    "owner": {"statement_timeout": 0, "lock_timeout": 60_000},
}
IDLE_IN_TRANSACTION = 60_000
# After an outage the pool tries anew at once: its own pauses would grow to minutes.
POOL = {"min_size": 1, "max_size": 20, "timeout": 5, "max_idle": 300, "reconnect_timeout": 4}


class Unreachable(OperationalError):
    """The database does not answer; the message says where it was sought and what to do."""


def database(*, url: str, data: Path, role: str, process: str) -> dict[str, Any]:
    """Django's DATABASES entry; `role` is owner or app, `process` is web, worker or command."""
    if role not in USERS:
        raise StartError(f"SIGNALBOX_DATABASE_ROLE is {role!r}: it must be owner or app.")
    given = _parsed(url) if url else {}
    entry = {
        "ENGINE": "config.database",
        "NAME": given.pop("dbname", NAME),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "EMBEDDED": None if url else data,
        "PROCESS": process,
        "OPTIONS": {**NETWORK, **given, "options": _options(role, given.get("options", ""))},
        # A pooled connection goes back after each request; others live as long as the process.
        "CONN_MAX_AGE": 0 if process == "web" else None,
        "CONN_HEALTH_CHECKS": True,
    }
    if process == "web":
        # Only here: a pool that is carried through a fork mixes up two processes' answers.
        entry["OPTIONS"]["pool"] = POOL
    return entry if url else entry | credentials(data, role)


def credentials(data: Path, role: str) -> dict[str, str]:
    """How `role` logs in to the embedded server."""
    known = keys.load(data)
    password = known.owner_password if role == "owner" else known.app_password
    return {"USER": USERS[role], "PASSWORD": password}


def application_name(process: str) -> str:
    """`<role>:<host>:<pid>`, cut in the middle so that PostgreSQL's 63 bytes hold the pid."""
    return f"{process}:{socket.gethostname()[:40]}:{os.getpid()}"


def unreachable(error: Exception, wanted: dict[str, Any]) -> Unreachable:
    """One sentence about a failed connection, without the password."""
    where = ":".join(str(wanted[part]) for part in ("host", "port") if wanted.get(part))
    reason = _reason(error, str(wanted.get("password") or ""))
    return Unreachable(
        f"The database {wanted.get('dbname', '')!r} at {where or 'localhost'} cannot be used"
        f" ({reason}): start that server or correct DATABASE_URL,"
        " or unset DATABASE_URL to use the embedded server."
    )


def embedded_unreachable(error: Exception, data: Path) -> Unreachable:
    """One sentence about an embedded server that was started and does not answer."""
    return Unreachable(
        f"The embedded database in {data} does not answer ({_reason(error, '')}):"
        f" see {data / 'postgres.log'}, and run the command again."
    )


def _parsed(url: str) -> dict[str, Any]:
    try:
        return {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        raise StartError(
            "DATABASE_URL is not understood: write it as"
            " postgresql://user:password@host:5432/name or as host=… dbname=… user=…."
        ) from None


def _options(role: str, given: str) -> str:
    limits = TIMEOUTS[role] | {"idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION}
    ours = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return f"{ours} {given}".strip()


def _reason(error: Exception, password: str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "failed: " in line]
    reason = (named or lines or [type(error).__name__])[-1]
    reason = reason.rsplit("failed: ", 1)[-1].rstrip(".?")
    return reason.replace(password, "…") if password else reason
