"""Waiting for an execution to end: woken by the database, with a look every second besides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection

from workflows.engine.transitions import LIVE_CHANNEL
from workflows.models import Execution, State

LOOK_SECONDS = 1.0
ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


def looks(execution_id: int) -> Iterator[Execution]:
    """The execution as it is now, again after each change, and last when it has ended."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {LIVE_CHANNEL}")
    try:
        while True:
            execution = Execution.objects.select_related("workflow", "paused_by").get(
                pk=execution_id
            )
            yield execution
            if execution.state in ENDED:
                return
            _wait(str(execution_id))
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"UNLISTEN {LIVE_CHANNEL}")


def _wait(wanted: str) -> None:
    """Until this execution is named, or any is, or a second is over."""
    end_at = time.monotonic() + LOOK_SECONDS
    while (left := end_at - time.monotonic()) > 0:
        if any(wanted in words or "executions" in words for words in _heard(left)):
            return


def _heard(seconds: float) -> list[list[str]]:
    link: Any = connection.connection
    with connection.wrap_database_errors:
        return [
            notification.payload.split(",")
            for notification in link.notifies(timeout=seconds, stop_after=1)
        ]
