"""What clients send: JSON of at most 1 MiB that PostgreSQL can store, and that arrives in time."""

from __future__ import annotations

import asyncio
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from workflows import json_text
from workflows.live.stream import Message, Receive

LARGEST = 1 << 20  # bytes
ARRIVES_WITHIN = 10.0  # seconds


class TooLarge(Exception):
    """The body is too large."""


class TooLate(Exception):
    """The body did not arrive in time."""


class JsonParser(Parser):
    """JSON with what json_text checks: depth, repeated names, numbers, characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        if len(request.body) > LARGEST:
            raise TooLarge
        return json_text.parsed(request.body.decode())


async def read(scope: Message, receive: Receive) -> bytes:
    """The whole body, before Django keeps any of it on disk. Raises TooLarge, TooLate."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit() or int(length) > LARGEST:
        raise TooLarge
    try:
        async with asyncio.timeout(ARRIVES_WITHIN):
            return await _all_of(receive)
    except TimeoutError:
        raise TooLate from None


def again(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that has been read, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return replay


async def _all_of(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if len(content) > LARGEST:
            raise TooLarge
        if not message.get("more_body"):
            return bytes(content)
