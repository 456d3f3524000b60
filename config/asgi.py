"""The web process: pages by Django, the streams beside it, and an end that closes streams."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, cast

from django.core.asgi import get_asgi_application

if TYPE_CHECKING:
    from workflows.live.stream import App, Live, Message, Receive, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("APP_ROLE", "web")


def _served() -> tuple[Live, App]:
    pages = get_asgi_application()
    # Only now are the models ready that the streams read.
    from workflows.api.streams import Front
    from workflows.live.stream import Live

    live = Live(cast("App", pages))
    return live, Front(live, otherwise=live)


live, front = _served()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await front(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_streams_on_signal()
        else:
            live.shutdown()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _end_streams_on_signal() -> None:
    """The server waits for open connections before it says shutdown: streams must end earlier."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(number)

        def end(number: int, frame: FrameType | None, servers: object = servers) -> None:
            live.shutdown()
            if callable(servers):
                servers(number, frame)

        signal.signal(number, end)
