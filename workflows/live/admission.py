"""Who may listen: the session's user, asked again every few seconds for all streams at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest

from workflows import access, clock
from workflows.models import AuditEvent

from . import frames

REPLAY_LIMIT = 200  # executions; more and the page is better fetched whole
OVERLAP = 1000  # audit rows: ids are given before they are committed, so some arrive late
ROWS_READ = 5000
COMMIT_SECONDS = 2.0  # a row is dated before it is committed, and a page may be read in between

_threads = ThreadPoolExecutor(2, thread_name_prefix="live")
Result = TypeVar("Result")


async def in_thread(work: Callable[..., Result], *given: Any) -> Result:
    """Runs work that uses the database and gives the connection back at once."""

    def run() -> Result:
        try:
            return work(*given)
        finally:
            connection.close()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


def session_key(cookie_header: str) -> str:
    """The session's key in a Cookie header, "" when there is none."""
    try:
        cookies: SimpleCookie = SimpleCookie(cookie_header)
    except CookieError:
        return ""
    found = cookies.get(settings.SESSION_COOKIE_NAME)
    return found.value if found else ""


def admitted(key: str) -> tuple[int | None, bool]:
    """The session's user id (None: not logged in) and whether the user has a role."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key or None)
    user = get_user(request)
    if not user.is_authenticated:
        return None, False
    return user.pk, access.may_any(user)


def expelled(keys: Collection[str]) -> set[str]:
    """Those of the sessions whose user has logged out or lost every role."""
    return {key for key in keys if not admitted(key)[1]}


def missed(last: int) -> frames.Changes | None:
    """What changed after an audit row; None when it is too much."""
    return _changes(AuditEvent.objects.filter(id__gt=max(last - OVERLAP, 0)))


def missed_since(moment: float) -> frames.Changes | None:
    """What changed since a page was asked for; None when it is too much.

    `moment` is by this host's clock (seconds since 1970), audit rows are by the database's: what
    counts is how long ago it was.
    """
    age = max(clock.now().timestamp() - moment, 0.0) + COMMIT_SECONDS
    begin = clock.of_database() - timedelta(seconds=age)
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    before = AuditEvent.objects.filter(id__lte=newest - ROWS_READ).order_by("-id")
    last_unread = before.values_list("at", flat=True).first()
    if last_unread is not None and last_unread >= begin:
        return None
    return _changes(AuditEvent.objects.filter(id__gt=newest - ROWS_READ, at__gte=begin))


def _changes(rows: QuerySet[AuditEvent]) -> frames.Changes | None:
    found = list(rows.order_by().values_list("execution_id", flat=True)[: ROWS_READ + 1])
    executions = {execution for execution in found if execution is not None}
    if len(found) > ROWS_READ or len(executions) > REPLAY_LIMIT:
        return None
    return frames.Changes(executions, set(frames.TOPICS) if found else set())
