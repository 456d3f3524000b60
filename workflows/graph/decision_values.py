"""Values as decisions see them: which kind they are, how they compare, and as JSON has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from workflows.errors import DecisionFailed, InvalidExpression

from . import decimals, expressions
from .cel_library import cel

_OWN = "Python function call failed: "
WHOLE = 2**53  # up to here a floating point number holds every whole number
SHOWN = 80  # characters of a value in an error
NAMES = {
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "date": "a date such as 2030-01-31",
    "dateTime": "a date and time without a zone",
    "zoned": "a date and time with a zone",
    "moment": "a date and time",
}


class Variables:
    """What expressions and cells are evaluated over."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = dict(variables)

    def context(self, value: Any) -> Any:
        """What the tests of a column are evaluated over."""
        return cel.Context(variables={"input": value, "vars": self.variables})

    def _calculating(self, source: str) -> Any:
        """What an expression is evaluated over: with FEEL's arithmetic where it calculates."""
        if decimals.PREFIX not in source:
            return {"vars": self.variables}
        context = cel.Context(variables={"vars": self.variables})
        for name, function in decimals.FUNCTIONS.items():
            context.add_function(name, function)
        return context

    def value(self, expression: Mapping[str, Any]) -> Any:
        """The value of an expression; raises InvalidExpression in the words of its own text."""
        if expression.get("language") == "cel":
            return expressions.assignable(expression["cel"], self.variables, {})
        try:
            program = expressions.compiled(expression["cel"])
            return plain(program.execute(self._calculating(expression["cel"])))
        except KeyError as error:
            raise InvalidExpression(f"there is no variable {error}") from error
        except Exception as error:
            said = str(error).split(". CEL ")[0]
            if _OWN in said:  # an error of one of our functions
                said = said.partition(_OWN)[2].partition(": ")[2].split(". Check ")[0]
            raise InvalidExpression(f"“{expression['text']}”: {said}") from error


def plain(value: Any) -> Any:
    """The value as JSON has it; FEEL knows one kind of number, and 5 is 5.0."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) <= WHOLE else value
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value


def checked(value: Any, kind: str, where: str) -> Any:
    """The value, if it is of a kind, or null."""
    if value is not None and kind and not _is_of(value, kind):
        raise DecisionFailed(f"{where} is {shown(value)}; {NAMES[kind]} was expected.")
    return value


def _is_of(value: Any, kind: str) -> bool:
    match kind:
        case "number":
            return is_number(value)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
    kinds = ("dateTime", "zoned") if kind == "moment" else (kind,)
    return isinstance(value, str) and any(_moment(value, one) is not None for one in kinds)


def given_as(kind: str) -> str:
    """The kind of what a decision gives: nothing compares it, so a zone is as good as none."""
    return "moment" if kind == "dateTime" else kind


def comparable(value: Any, kind: str) -> Any:
    """The value of a column as its tests compare it."""
    if value is None or kind not in ("date", "dateTime", "zoned"):
        return value
    return _moment(value, kind)


def _moment(text: str, kind: str) -> datetime | None:
    """A date or a date and time; what has no zone is only compared with what has none."""
    try:
        if kind == "date":
            day = date.fromisoformat(text) if len(text) == 10 else None
            return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
        moment = datetime.fromisoformat(text) if len(text) >= 16 else None
    except ValueError:
        return None
    if moment is None or (moment.tzinfo is not None) != (kind == "zoned"):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_number(value: Any) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(value: Any) -> str:
    """The one text of equal values."""
    return json.dumps(plain(value), sort_keys=True)


def shown(value: Any) -> str:
    """The value as an error quotes it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
