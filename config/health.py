"""What a supervisor or a load balancer asks: is the process up, and can it do its work."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.errors import StartError
from config.schema import missing_migrations
from workflows import queue

ANSWER_SECONDS = 2.0


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every check passes, else 503; one line per check."""
    checks = {"database": _outcome(_database)}
    if checks["database"] == "ok":
        checks |= {name: _outcome(check) for name, check in CHECKS.items()}
    ready = all(line == "ok" for line in checks.values())
    body = {"status": "ok" if ready else "unavailable", **checks}
    return JsonResponse(body, status=200 if ready else 503)


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, psycopg.Error, StartError):
        return "the database does not answer"


def _database() -> str:
    """Asked with less patience than a page has: who balances load waits for no answer."""
    if connection.pool is not None:  # type: ignore[attr-defined]
        connection.pool.open()  # type: ignore[attr-defined]
        with connection.pool.connection(timeout=ANSWER_SECONDS):  # type: ignore[attr-defined]
            pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    missing = missing_migrations()
    return f"{len(missing)} migrations are not applied" if missing else "ok"


def _queue() -> str:
    age = queue.canary_age()
    is_fresh = age is not None and age < queue.FRESH_SECONDS
    return "ok" if is_fresh else "no round trip through the queue within 30 seconds"


CHECKS = {"migrations": _migrations, "queue": _queue}
