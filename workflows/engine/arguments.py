"""What callers hand to the verbs: each is checked before anything is looked up or changed.

A refusal says which argument it is, what was given and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workflows import json_text
from workflows.errors import InvalidInput

LARGEST = 2**63 - 1  # of a number that the database keeps
LONGEST_REASON = 1000  # characters
LONGEST_KEY = 100  # characters of a workflow's or a step's
LONGEST_IDEMPOTENCY_KEY = 255


def number(given: Any) -> int:
    """The number of a row, also as text in ASCII digits; 0 for what cannot be one."""
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:20])
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given <= LARGEST:
        return int(given)
    return 0


def is_text(given: Any, longest: int) -> bool:
    """Whether it is a text of at most so many characters that the database can store."""
    return not text_problem(given, longest)


def is_key(given: Any) -> bool:
    """Whether it can be the key of a workflow or of a step."""
    return is_text(given, LONGEST_KEY)


def text_problem(given: Any, longest: int) -> str:
    """Why it is no text of at most so many characters, in a sentence; "" when it is one."""
    if not isinstance(given, str):
        return f"{given!r:.100} is no text"
    if len(given) > longest:
        return f"{len(given)} characters; {longest} is the limit"
    problem = _problem(given)
    return f"{given!r:.100}: {problem}" if problem else ""


def reason(given: Any) -> str:
    """The reason of an operation. Raises InvalidInput."""
    if problem := text_problem(given, LONGEST_REASON):
        raise InvalidInput([f"reason: {problem}"])
    return str(given)


def idempotency_key(given: Any) -> str | None:
    """The key, None for none. Raises InvalidInput."""
    if given is None:
        return None
    if problem := text_problem(given, LONGEST_IDEMPOTENCY_KEY):
        raise InvalidInput([f"idempotency_key: {problem}"])
    return str(given) or None


def json_object(field: str, given: Any) -> dict[str, Any]:
    """A JSON object that the database can store; raises InvalidInput with every bad place.

    A place is `field.name`, or the name alone where `field` is "".
    """
    if not isinstance(given, Mapping):
        told = f"{given!r:.100} is not a JSON object"
        raise InvalidInput([f"{field}: {told}" if field else told])
    before = f"{field}." if field else ""
    problems = [
        f"{before}{name!s:.100}: {problem}"
        for name, value in given.items()
        if (problem := _name_problem(name) or _problem(value))
    ]
    if problems:
        raise InvalidInput([json_text.storable(problem) for problem in problems])
    return dict(given)


def cleaned(field: str, given: Any) -> dict[str, Any]:
    """As `json_object`, without the characters that cannot be stored: what begins work is kept."""
    if not isinstance(given, Mapping):
        return json_object(field, given)
    try:
        return json_object(field, json_text.storable(dict(given)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput([f"{field}: it is not JSON: {error}"]) from error


def _name_problem(name: Any) -> str:
    if not isinstance(name, str):
        return f"{name!r:.100} is no name: a text was expected"
    return _problem(name)


def _problem(value: Any) -> str:
    """Why a value is no JSON, or none that the database can store; "" when it is."""
    try:
        json_text.check(json.loads(json.dumps(value, allow_nan=False)))
    except (json_text.Malformed, TypeError, ValueError, RecursionError) as error:
        return str(error)
    return ""
