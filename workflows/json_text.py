"""JSON as people type it: errors say where, and only what PostgreSQL can store gets through."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

DEEPEST = 100  # levels of nesting
LONGEST_NUMBER = 400  # digits
NEARBY = 24  # characters of the text that an error quotes

_JSON = json.JSONEncoder(ensure_ascii=False)


class Malformed(ValueError):
    """The text is no JSON; the message says where and why."""


def parsed(text: str) -> Any:
    """The value of a JSON text; raises Malformed, with line and column where there is one."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unrepeated,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise Malformed(_located(error)) from None
    except RecursionError:
        raise Malformed(_("It is nested too deeply.")) from None
    _check(value, DEEPEST)
    return value


def parsed_object(text: str) -> dict[str, Any]:
    """The JSON object in a text, {} for an empty text; raises Malformed."""
    value = parsed(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise Malformed(_("A JSON object was expected: {…}."))
    return value


def check(value: Any) -> None:
    """Raise Malformed if a value is nested too deeply or holds a text that cannot be stored."""
    _check(value, DEEPEST)


def canonical(value: Any) -> str:
    """The one text of a value, to compare by: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def pretty(value: Any) -> str:
    """The value as a person would lay it out."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def stored(value: Any) -> str:
    """Text of the value that PostgreSQL can store: it takes no NUL, no half a surrogate pair."""
    text = _JSON.encode(value)
    if "\\u0000" in text or not _is_utf8(text):
        text = _JSON.encode(_storable(value))
    return text


def storable(value: Any) -> Any:
    """The value as PostgreSQL can store it."""
    return json.loads(stored(value))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case Mapping():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value


def _located(error: json.JSONDecodeError) -> str:
    place = {"line": error.lineno, "column": error.colno, "what": error.msg}
    nearby = error.doc[error.pos : error.pos + NEARBY].split("\n")[0].strip()
    if not nearby:
        return _("Line %(line)d, column %(column)d: %(what)s.") % place
    return _("Line %(line)d, column %(column)d: %(what)s, near “%(nearby)s”.") % {
        **place,
        "nearby": nearby,
    }


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Malformed(_("The name “%(name)s” is there twice.") % {"name": key})
        found[key] = value
    return found


def _refuse_constant(text: str) -> None:
    raise Malformed(_("JSON has no %(number)s.") % {"number": text})


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise Malformed(_("A number has too many digits."))
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed(_("The number %(number)s is too large.") % {"number": text[:NEARBY]})
    return number


def _check(value: Any, levels: int) -> None:
    if not levels:
        raise Malformed(_("It is nested too deeply."))
    match value:
        case str():
            _check_text(value)
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check(item, levels - 1)
        case list():
            for item in value:
                _check(item, levels - 1)


def _check_text(text: str) -> None:
    """PostgreSQL stores neither NUL nor half a surrogate pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Malformed(_("A text holds a character that cannot be stored."))
