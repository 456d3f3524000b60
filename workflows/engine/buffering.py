"""Messages that came before anybody waited for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection

from workflows import clock
from workflows.models import BufferedMessage

LOCKS = 0x5B0F  # the class of advisory locks that messages are correlated under


def lock(name: str, key: str) -> None:
    """Until the transaction ends, nobody else looks for or adds a message or waiter of this key.

    Else a message could miss one who just begins to wait. Taken after all executions' locks.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, f"{len(name)}:{name}{key}"]
        )


def keep(name: str, key: str, payload: dict[str, Any], ttl: float) -> None:
    """Keep a message for `ttl` seconds."""
    until = clock.in_database() + timedelta(seconds=ttl)
    BufferedMessage.objects.create(name=name, key=key, payload=payload, expires_at=until)


def take(name: str, key: str) -> BufferedMessage | None:
    """The oldest message of this key, which is not kept any more; None if there is none."""
    kept = BufferedMessage.objects.filter(name=name, key=key)
    found = kept.extra(where=["expires_at > workflows_now()"]).order_by("id").first()
    if found is not None:
        BufferedMessage.objects.filter(pk=found.pk).delete()
    return found


def expire() -> int:
    """Forget messages that nobody has waited for in time; how many."""
    return BufferedMessage.objects.extra(where=["expires_at <= workflows_now()"]).delete()[0]
