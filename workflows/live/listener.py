"""One LISTEN connection per web process; it comes back by itself and then says that it was away."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
from django.db import connection
from psycopg import pq

from . import frames
from .hub import Hub

CHANNEL = "signalbox_live"
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0  # seconds between attempts to connect
NEWEST = "SELECT coalesce(max(id), 0) FROM workflows_auditevent"

log = logging.getLogger(__name__)


async def listen(hub: Hub) -> None:
    """Feeds the hub until cancelled."""
    delay = FIRST_DELAY
    while True:
        try:
            async with await _connect() as link:
                await link.execute(f"LISTEN {CHANNEL}")
                hub.mark = max(hub.mark, await _newest(link))
                hub.resync()  # who came before has heard nothing until now
                delay = FIRST_DELAY
                await _relay(link, hub)
        except (psycopg.Error, OSError) as error:
            log.warning("Live updates lost the database, trying again: %s", error)
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)


async def _relay(link: psycopg.AsyncConnection[Any], hub: Hub) -> None:
    while True:
        changes = frames.Changes()
        async for notification in link.notifies(stop_after=1):
            changes.add(notification.payload)
        hub.publish(changes, await _newest(link))


async def _newest(link: psycopg.AsyncConnection[Any]) -> int:
    cursor = await link.execute(NEWEST)
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _connect() -> psycopg.AsyncConnection[Any]:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = connection.get_connection_params()
    options = {name: value for name, value in given.items() if name in known and value is not None}
    return await psycopg.AsyncConnection.connect(**options, autocommit=True)
