"""The only clocks: Python asks `now()`, SQL asks `workflows_now()`; tests move both together.

Hosts' clocks may be wrong. `now()` is for what people read; what is compared with the queue's time
(when something is due, how long something is kept) is reckoned from the database's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def of_database() -> datetime:
    """The present moment by PostgreSQL's clock, the same for all hosts; one statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workflows_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def in_database() -> Any:
    """The same as a part of another statement: the moment at which it is carried out."""
    return Func(function="workflows_now", output_field=DateTimeField())
