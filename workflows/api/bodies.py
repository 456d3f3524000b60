"""What clients send: JSON of at most 1 MiB that PostgreSQL can store, and that arrives in time.

Only where BPMN files are taken a body may be as large as those.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from django.http import HttpRequest
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from pydantic import BaseModel
from pydantic import ValidationError as Invalid

from workflows import json_text
from workflows.live.stream import Message, Receive
from workflows.models import LARGEST_DIAGRAM

LARGEST = 1 << 20  # bytes
LARGEST_FILE = LARGEST_DIAGRAM + (1 << 16)  # with the form around it
TAKES_FILES = "/api/v1/workflows"
XML = ("application/xml", "text/xml", "application/bpmn+xml")
ARRIVES_WITHIN = 10.0  # seconds


Model = TypeVar("Model", bound=BaseModel)


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


def document(request: HttpRequest, model: type[Model]) -> Model:
    """The body as a model of an operation that takes other bodies too; refused as Ninja does it."""
    if not request.body:
        raise ValidationError([{"loc": ("body", "payload"), "msg": "Field required"}])
    try:
        return model.model_validate(JsonParser().parse_body(request))
    except Invalid as error:
        flaws = [{**one, "loc": ("body", "payload", *one["loc"])} for one in error.errors()]
        raise ValidationError(flaws) from error
    except (TooLarge, ValueError) as error:
        raise HttpError(400, "Cannot parse request body") from error


async def read(scope: Message, receive: Receive) -> bytes:
    """The whole body, before Django keeps any of it on disk. Raises TooLarge, TooLate."""
    headers, largest = dict(scope["headers"]), _largest(scope)
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > largest:
        raise TooLarge
    try:
        async with asyncio.timeout(ARRIVES_WITHIN):
            return await _all_of(receive, largest)
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


def _largest(scope: Message) -> int:
    kind = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1").lower()
    is_file = kind.startswith((*XML, "multipart/form-data"))
    return LARGEST_FILE if scope["path"] == TAKES_FILES and is_file else LARGEST


async def _all_of(receive: Receive, largest: int) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if len(content) > largest:
            raise TooLarge
        if not message.get("more_body"):
            return bytes(content)
