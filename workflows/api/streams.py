"""In front of Django: bodies within their limits, and GET executions/{id}/events.

A stream holds neither thread nor connection while it waits; it counts against the same caps as the
browser's, and ends within seconds when its token or its user's role is taken away.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection

from django.db import DatabaseError, InterfaceError

from workflows import clock
from workflows.entrances import Door
from workflows.errors import UnknownExecution
from workflows.live import frames, stream
from workflows.live.admission import in_thread
from workflows.live.hub import Subscriber
from workflows.live.stream import App, Live, Message, Receive, Send, body
from workflows.models import ApiToken

from . import bodies
from .auditing import AUDITS, News, news_after
from .executions import found
from .problems import MEDIA_TYPE, ROOT, Refusal, of_engine

EVENTS = re.compile(r"/api/v1/executions/([1-9][0-9]{0,17})/events\Z")


class Follower(Subscriber):
    """One client that follows one execution: what it is told is only that there is news."""

    def __init__(self, token: ApiToken, execution_id: int) -> None:
        super().__init__(token.user_id, str(token.pk), expelled)
        self.execution_id = execution_id
        self.news = asyncio.Event()
        self.is_over = False

    def tell(self, changes: frames.Changes, frame: bytes, mark: int) -> None:
        if self.execution_id in changes.executions or "executions" in changes.topics:
            self.news.set()

    def resync(self, mark: int) -> None:
        self.news.set()

    def end(self) -> None:
        self.is_over = True
        self.news.set()


class Front:
    """An ASGI application before the pages: it knows what Django cannot do without a thread."""

    def __init__(self, live: Live, otherwise: App) -> None:
        self.live, self.otherwise = live, otherwise

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(ROOT):
            await self.otherwise(scope, receive, send)
            return
        try:
            content = await bodies.read(scope, receive)
            followed = EVENTS.match(scope["path"]) if scope["method"] == "GET" else None
            if followed is None:
                await self.otherwise(scope, bodies.again(content, receive), send)
            else:
                await self._follow(scope, int(followed[1]), receive, send)
        except bodies.TooLarge:
            await _refuse(scope, send, Refusal(413, headers={"Connection": "close"}))
        except bodies.TooLate:
            await _refuse(scope, send, Refusal(408, headers={"Connection": "close"}))

    async def _follow(
        self, scope: Message, execution_id: int, receive: Receive, send: Send
    ) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        door = Door(scope["method"], scope["path"], (scope.get("client") or ("",))[0])
        try:
            token = await in_thread(
                _admitted, headers.get(b"authorization", ""), door, execution_id
            )
            if status := self.live.refusal(token.user_id):
                raise Refusal(status, headers={"Retry-After": "5"})
        except Refusal as refusal:
            await _refuse(scope, send, refusal)
            return
        seq = stream.row_id(headers.get(b"last-event-id", "")) or 0
        follower = Follower(token, execution_id)
        await self.live.hold(follower, _write(follower, seq, send), receive)


async def _write(follower: Follower, seq: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": stream.HEADERS})
    await body(send, frames.GREETING)
    while not follower.is_over:
        follower.news.clear()
        news = await _news(follower.execution_id, seq)
        if news.content:
            await body(send, news.content)
        seq = news.seq
        if news.is_end:
            break
        if not news.is_more:
            await _wait(follower, send)
    await body(send, b"", more=False)


async def _news(execution_id: int, seq: int) -> News:
    """Nothing while the database is away: the hub tells when it is back."""
    try:
        return await in_thread(news_after, execution_id, seq)
    except (DatabaseError, InterfaceError):
        return News(b"", seq, False, False)


async def _wait(follower: Follower, send: Send) -> None:
    """For news, or a heartbeat's time: then the table is asked anyway, wake-ups are only hints."""
    try:
        async with asyncio.timeout(stream.HEARTBEAT_SECONDS):
            await follower.news.wait()
    except TimeoutError:
        await body(send, frames.HEARTBEAT)


def expelled(credentials: Collection[str]) -> set[str]:
    """Those of the token ids that would not be let in again."""
    usable = ApiToken.objects.usable(clock.now()).select_related("user")
    tokens = usable.filter(pk__in=[int(one) for one in credentials])
    return set(credentials) - {str(token.pk) for token in tokens if AUDITS.still_admits(token)}


def _admitted(authorization: str, door: Door, execution_id: int) -> ApiToken:
    """Raises Refusal."""
    try:
        token = AUDITS.admit(authorization, door)
        found(execution_id)
    except UnknownExecution as error:
        raise of_engine(error) from error
    except (DatabaseError, InterfaceError) as error:
        raise Refusal(503, headers={"Retry-After": "5"}) from error
    return token


async def _refuse(scope: Message, send: Send, refusal: Refusal) -> None:
    content = json.dumps(refusal.document(scope["path"])).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        **refusal.headers,
    }
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await body(send, content, more=False)
