"""A browser's end of a stream, spoken to the application directly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from django.conf import settings
from django.test import Client

from workflows.live.stream import Live


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Stream:
    """One GET /live/: its status, and the events that arrive."""

    def __init__(
        self, live: Live, client: Client | None, query: str = "", last: str = "", cookie: str = ""
    ) -> None:
        if client is not None:
            cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
        headers = [(b"cookie", cookie.encode("latin-1"))]
        if last:
            headers.append((b"last-event-id", last.encode("latin-1")))
        self.scope = {
            "type": "http", "path": "/live/", "method": "GET", "headers": headers,
            "query_string": query.encode(),
        }  # fmt: skip
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task = asyncio.ensure_future(live(self.scope, self._receive, self.sent.put))

    async def status(self) -> int:
        start = await asyncio.wait_for(self.sent.get(), 60)
        return int(start["status"])

    async def event(self, wait: float = 60) -> tuple[str, dict[str, Any], str]:
        """The next event: its name, its data and its id. Raises EOFError at the end."""
        while True:
            message = await asyncio.wait_for(self.sent.get(), wait)
            fields = dict(
                line.split(": ", 1) for line in message["body"].decode().split("\n") if ": " in line
            )
            if "event" in fields:
                return fields["event"], json.loads(fields["data"]), fields["id"]
            if not message.get("more_body"):
                raise EOFError

    async def close(self) -> None:
        self.gone.set()
        await self.task

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}
