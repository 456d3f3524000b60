"""Reading an answer that nobody vouches for: in pieces, unpacked with a limit."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

ANSWER_LIMIT = 1024 * 1024


class AnswerTooLarge(Exception):
    """The answer is larger than 1 MiB."""


class AnswerUnreadable(Exception):
    """The answer is packed in a way that was not asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, with its body as JSON where it is JSON, else as text."""

    status: int
    reason: str
    body: Any
    retry_after_seconds: float | None


def read(response: httpx2.Response) -> Answer:
    """Raises AnswerTooLarge and AnswerUnreadable, and what the connection raises."""
    content = b"".join(_pieces(response))
    return Answer(
        status=response.status_code,
        reason=response.reason_phrase,
        body=_parsed(content),
        retry_after_seconds=_retry_after(response.headers),
    )


def _pieces(response: httpx2.Response) -> Iterator[bytes]:
    unpack = _unpacker(response.headers.get("content-encoding", "identity"))
    size = 0
    for piece in response.iter_raw(64 * 1024):
        plain = unpack(piece, ANSWER_LIMIT + 1 - size)
        size += len(plain)
        if size > ANSWER_LIMIT:
            raise AnswerTooLarge(f"The answer is larger than {ANSWER_LIMIT:,} bytes.")
        yield plain


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    match encoding.strip().lower():
        case "identity" | "":
            return lambda piece, _: piece
        case "gzip" | "x-gzip" | "deflate":
            return _Inflating().unpack
    raise AnswerUnreadable(f"The answer is packed as “{encoding[:40]}”, which was not asked for.")


class _Inflating:
    """zlib never gives more than it is asked for, so a bomb stops at the limit."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def unpack(self, piece: bytes, limit: int) -> bytes:
        try:
            return self._stream.decompress(self._stream.unconsumed_tail + piece, limit)
        except zlib.error as problem:
            raise AnswerUnreadable(f"The answer cannot be unpacked: {problem}") from problem


def _parsed(content: bytes) -> Any:
    text = content.decode("utf-8", "replace")
    if not text.strip():
        return ""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _finite(text: str) -> float:
    """JSON has neither NaN nor Infinity, and a column of JSON refuses them."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is not JSON")
    return number


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds; a date counts from the sender's own clock."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), 86_400))
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait.total_seconds(), 0.0), 86_400.0)
