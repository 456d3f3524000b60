"""What comes back from a tool or an API is data: made storable and cut to size, never trusted."""

from __future__ import annotations

import json
from typing import Any

OUTPUT_LIMIT = 256 * 1024
MESSAGE_LIMIT = 2_000
DEPTH_LIMIT = 100
_COMPACT = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def cleaned(value: Any, limit: int = OUTPUT_LIMIT) -> Any:
    """The JSON value without what PostgreSQL refuses; over `limit` bytes, its beginning as text."""
    storable = _storable(value)
    text = encoded(storable)
    if len(text.encode()) <= limit:
        return storable
    room = limit - len(encoded({"truncated": True, "text": ""}))
    return {"truncated": True, "text": beginning(text, room)}


def cleaned_text(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One message of at most `limit` bytes."""
    return beginning(_storable_text(text), limit)


def of_tool(value: Any) -> Any:
    """What a tool returned, as JSON has it, `cleaned`. Raises as `encoded`, and RecursionError."""
    text = encoded(value)
    return json.loads(text) if _is_harmless(text) else cleaned(json.loads(text))


def encoded(value: Any) -> str:
    """Compact JSON. Raises TypeError or ValueError for what JSON cannot say."""
    return _COMPACT.encode(value)


def beginning(text: str, limit: int) -> str:
    """The longest beginning found that takes at most `limit` bytes inside a JSON string."""
    text = text[:limit]
    while (size := len(encoded(text).encode()) - 2) > limit:
        text = text[: len(text) * limit // size]
    return text


def _is_harmless(text: str) -> bool:
    """Whether one look at the JSON shows that there is nothing in it to clean."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    may_be_deep = text.count("{") + text.count("[") > DEPTH_LIMIT
    return size <= OUTPUT_LIMIT and not may_be_deep and "\\u0000" not in text


def _storable(value: Any, depth: int = 0) -> Any:
    match value:
        case str():
            return _storable_text(value)
        case dict() | list() if depth == DEPTH_LIMIT:
            return f"(nested deeper than {DEPTH_LIMIT} levels)"
        case dict():
            return {_storable_text(key): _storable(item, depth + 1) for key, item in value.items()}
        case list():
            return [_storable(item, depth + 1) for item in value]
        case _:
            return value


def _storable_text(text: str) -> str:
    text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
