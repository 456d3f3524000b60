"""CEL conditions and mappings: compiled once, bounded, never Python (docs/modelling.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from workflows.errors import InvalidExpression

from .cel_library import cel

MAX_LENGTH = 1000  # characters
MAX_NESTED_MACROS = 2
MAX_VALUE = 1_000_000  # characters of JSON
_MACRO = re.compile(r"\.(all|exists|exists_one|map|filter)\s*\(")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def compiled(source: str) -> Any:
    """The program of a CEL expression; raises InvalidExpression that says what is wrong."""
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(f"The expression is longer than {MAX_LENGTH} characters.")
    if len(_MACRO.findall(source)) > MAX_NESTED_MACROS:
        raise InvalidExpression(
            f"The expression uses more than {MAX_NESTED_MACROS} of all, exists, map and filter."
        )
    return _program(source)


def value(source: str, variables: Mapping[str, Any], output: Mapping[str, Any] | None) -> Any:
    """What the expression yields over variables (also as `vars`) and `output`.

    Raises InvalidExpression with the source and the reason, for example an unknown name.
    """
    program = compiled(source)
    try:
        return program.execute(_context(variables, output))
    except KeyError as error:
        raise InvalidExpression(f"“{source}”: there is no “{error.args[0]}”.") from error
    except Exception as error:
        raise InvalidExpression(f"“{source}”: {error}") from error


def assignable(source: str, variables: Mapping[str, Any], output: Mapping[str, Any] | None) -> Any:
    """What the expression yields, fit to be kept as a variable.

    Raises InvalidExpression also for what JSON cannot hold, and for more than MAX_VALUE characters.
    """
    result = value(source, variables, output)
    try:
        size = len(json.dumps(result, allow_nan=False, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidExpression(f"“{source}” gives {result!r:.100}, not JSON: {error}") from error
    if size > MAX_VALUE:
        raise InvalidExpression(f"“{source}” gives {size} characters; {MAX_VALUE} is the limit.")
    return result


def holds(source: str, variables: Mapping[str, Any], output: Mapping[str, Any] | None) -> bool:
    """Whether a condition is true; raises InvalidExpression when it is no boolean."""
    result = value(source, variables, output)
    if not isinstance(result, bool):
        raise InvalidExpression(f"“{source}” gives {result!r}; true or false was expected.")
    return result


def _context(variables: Mapping[str, Any], output: Mapping[str, Any] | None) -> Any:
    names = {key: item for key, item in variables.items() if _NAME.match(key)}
    return {**names, "vars": dict(variables), "output": dict(output or {})}


@lru_cache(maxsize=4096)
def _program(source: str) -> Any:
    try:
        return cel.compile(source)
    except Exception as error:
        raise InvalidExpression(f"“{source}”: {error}") from error
