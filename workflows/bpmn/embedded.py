"""JSON that stands as text in an element of our extension."""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 50  # levels
LONGEST_NUMBER = 400  # digits


class Malformed(ValueError):
    """The text is no JSON that can be kept; the message says why."""


def parsed(text: str) -> Any:
    """The value of a JSON text; raises Malformed."""
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"it is no JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    _check(value, DEEPEST)
    return value


def parsed_object(text: str) -> dict[str, Any]:
    """The JSON object in a text; raises Malformed."""
    value = parsed(text)
    if not isinstance(value, dict):
        raise Malformed("a JSON object was expected: {…}")
    return value


def _refuse_constant(text: str) -> None:
    raise Malformed(f"JSON has no {text}")


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise Malformed("a number has too many digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed(f"the number {text[:24]} is too large")
    return number


def _check(value: Any, levels: int) -> None:
    if not levels:
        raise Malformed("it is nested too deeply")
    match value:
        case str() if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            raise Malformed("a text holds a character that cannot be stored")
        case dict():
            for name, item in value.items():
                _check(name, levels)
                _check(item, levels - 1)
        case list():
            for item in value:
                _check(item, levels - 1)
