"""GET /live/: server-sent events, straight on ASGI: a stream holds neither thread nor connection.

What a client missed is sent first: after the audit row `Last-Event-ID` (or `last`), or since the
page was asked for (`since`, seconds). 401 and 403 say who may not listen, 429 that a user has too
many streams, 503 that the process has too many, or is stopping.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from django.db import DatabaseError, InterfaceError

from . import frames
from .admission import admitted, in_thread, missed, missed_since, session_key
from .hub import Client, Hub, Subscriber
from .listener import listen

PATH = "/live/"
HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 4.0
STREAMS_PER_USER, STREAMS_PER_PROCESS = 10, 2000
LATEST_ID = 2**63 - 1
_MOMENT = re.compile(r"[1-3]\d{9}(\.\d{1,6})?\Z")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
CatchUp = Callable[[], frames.Changes | None]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class Live:
    """An ASGI application that answers /live/ and leaves everything else to the next one."""

    def __init__(self, otherwise: App) -> None:
        self.otherwise = otherwise
        self.hub = Hub()
        self.is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            await self._serve(scope, receive, send)
        else:
            await self.otherwise(scope, receive, send)

    def shutdown(self) -> None:
        """Ends every stream and takes no more; may be called from any thread or signal handler."""
        self.is_stopping = True
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        key = session_key(headers.get(b"cookie", b"").decode("latin-1"))
        user_id, has_role = await in_thread(admitted, key)
        status = 401 if user_id is None else self.refusal(user_id) if has_role else 403
        if status or "check" in asked or user_id is None:
            await _answer(send, status or 204)
            return
        last = headers.get(b"last-event-id", b"").decode("latin-1") or asked.get("last", [""])[0]
        catch_up = partial(_missed, row_id(last), _moment(asked.get("since", [""])[0]))
        client = Client(user_id, key)
        await self.hold(client, self._write(client, catch_up, send), receive)

    def refusal(self, user_id: int) -> int:
        """The status that refuses one more stream: 503, 429, or 0 when there is room."""
        if self.is_stopping or len(self.hub.clients) >= STREAMS_PER_PROCESS:
            return 503
        return 429 if self.hub.streams_of(user_id) >= STREAMS_PER_USER else 0

    async def hold(
        self, client: Subscriber, write: Coroutine[Any, Any, None], receive: Receive
    ) -> None:
        """Keeps the client subscribed while `write` goes on and the other end is there."""
        self._start()
        self.hub.clients.add(client)
        gone = asyncio.ensure_future(_disconnected(receive))
        writing = asyncio.ensure_future(write)
        try:
            await asyncio.wait({gone, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.clients.discard(client)
            for part in (gone, writing):
                part.cancel()
            await asyncio.gather(gone, writing, return_exceptions=True)

    async def _write(self, client: Client, catch_up: CatchUp, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await body(send, frames.GREETING + await self._greeting(catch_up))
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    frame = await client.queue.get()
            except TimeoutError:
                frame = frames.HEARTBEAT
            if frame is None:
                await body(send, b"", more=False)
                return
            await body(send, frame)

    async def _greeting(self, catch_up: CatchUp) -> bytes:
        """The client is subscribed already: what comes twice is only fetched twice."""
        changes = await in_thread(catch_up)
        if changes is None:
            return frames.resync(self.hub.mark)
        return frames.changed(changes, self.hub.mark) if changes else frames.marked(self.hub.mark)

    def _start(self) -> None:
        if self._tasks and all(not task.done() for task in self._tasks):
            return
        for task in self._tasks:
            task.cancel()  # one of them has broken; two listeners would tell everything twice
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            self._loop.create_task(listen(self.hub)),
            self._loop.create_task(self._recheck()),
        ]

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            for check in {client.expelled for client in self.hub.clients}:
                theirs = {client for client in self.hub.clients if client.expelled is check}
                with suppress(DatabaseError, InterfaceError):  # away: asked again when it is back
                    out = await in_thread(check, {client.credential for client in theirs})
                    self.hub.end({client for client in theirs if client.credential in out})

    def _stop(self) -> None:
        self.hub.end()
        for task in self._tasks:
            task.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": HEADERS[1:]})
    await body(send, b"", more=False)


async def body(send: Send, content: bytes, *, more: bool = True) -> None:
    """Sends a part of the body; without `more`, the last."""
    await send({"type": "http.response.body", "body": content, "more_body": more})


def row_id(text: str) -> int | None:
    """The number in a Last-Event-ID, None when it is nonsense."""
    return (
        min(int(text), LATEST_ID) if text.isascii() and text.isdigit() and len(text) < 20 else None
    )


def _moment(text: str) -> float | None:
    """Seconds since 1970, None when it is nonsense or no time of this century."""
    return float(text) if _MOMENT.match(text) else None


def _missed(last: int | None, since: float | None) -> frames.Changes | None:
    if last is not None:
        return missed(last)
    return missed_since(since) if since is not None else frames.Changes()
