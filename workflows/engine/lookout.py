"""What an idle session looks for, in one statement that changes nothing.

One session of all is the sweeper and looks often; the others only stand by to take its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from workflows.queue import SESSION_LOCKS

SWEEPER_LOCK = SESSION_LOCKS - 1
STALLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class View:
    """`seconds_until_due`: until something is due, negative when overdue, None without anything.

    `may_rise`: work has waited so long that it is to be ranked higher. `has_mail`: deliveries are
    left over. `has_stalled`: a batch that has not ended has not gone on for STALLED_SECONDS.
    """

    is_sweeper: bool = False
    has_dead: bool = False
    has_ready: bool = False
    may_rise: bool = False
    has_mail: bool = False
    has_stalled: bool = False
    seconds_until_due: float | None = None

    @property
    def has_due(self) -> bool:
        return self.seconds_until_due is not None and self.seconds_until_due <= 0


def look(session_id: int, *, is_sweeper: bool) -> View:
    """What there is to do, for a session on this connection that may be the sweeper already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM workflows_look(%s, %s, %s, %s, %s, %s)",
            [
                session_id,
                is_sweeper,
                SWEEPER_LOCK,
                SESSION_LOCKS,
                settings.AGEING_MINUTES,
                STALLED_SECONDS,
            ],
        )
        return View(*cursor.fetchone())


def stand_down() -> None:
    """The sweeper leaves its place to another session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEPER_LOCK])
