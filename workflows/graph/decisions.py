"""Decision tables at work (DMN 1.3, 8): which rows hit, and what comes of it.

A decision is plain data, as `dmn.reader` makes it and docs/modelling.md describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import cel

from workflows.errors import DecisionFailed, InvalidExpression

from . import expressions

UNIQUE, FIRST, ANY, PRIORITY, RULES, OUTPUTS, COLLECT = "U", "F", "A", "P", "R", "O", "C"
POLICIES = (UNIQUE, FIRST, ANY, PRIORITY, RULES, OUTPUTS, COLLECT)
AGGREGATORS = ("+", "<", ">", "#")
WHOLE = 2**53  # up to here a floating point number holds every whole number
SHOWN = 80  # characters of a value in an error
NAMES = {
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "date": "a date such as 2030-01-31",
    "dateTime": "a date and time without a zone",
    "zoned": "a date and time with a zone",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision gave. `hits` are its rows that hit, counted from 1; `chosen` those of them
    that the result is made of, in its order. `inputs` are the values of its columns.
    """

    key: str
    name: str
    result: Any
    hits: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    inputs: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found


def evaluate(decisions: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> list[Outcome]:
    """Make decisions one after another: each sees what those before it gave, by their names.

    Raises DecisionFailed with decision, row and column.
    """
    seen, outcomes = dict(variables), []
    for decision in decisions:
        outcome = _made(decision, seen)
        outcomes.append(outcome)
        seen |= dict.fromkeys(decision.get("names") or [decision["key"]], outcome.result)
    return outcomes


def output(made: Sequence[Outcome], told: Mapping[str, Any]) -> dict[str, Any]:
    """What a task that makes decisions puts out: the last one's result and hits, then all of them.

    `told` says which decision it was.
    """
    last = made[-1]
    return {
        "result": last.result,
        **told,
        "hits": list(last.hits),
        "decisions": [one.to_json() for one in made],
    }


def in_order(decisions: Mapping[str, Mapping[str, Any]], wanted: str) -> list[Mapping[str, Any]]:
    """The decisions that `wanted` needs, each after what it needs itself, and `wanted` last.

    Raises DecisionFailed when one is missing, or needs itself in the end.
    """
    found: dict[str, Mapping[str, Any]] = {}
    _gather(decisions, wanted, found, ())
    return list(found.values())


def _gather(
    decisions: Mapping[str, Mapping[str, Any]],
    key: str,
    found: dict[str, Mapping[str, Any]],
    path: tuple[str, ...],
) -> None:
    if key in found:
        return
    if key in path:
        raise DecisionFailed(f"Decisions need each other in a circle: {' → '.join([*path, key])}.")
    if key not in decisions:
        raise DecisionFailed(f"There is no decision “{key}”, which “{path[-1]}” needs.")
    for needed in decisions[key].get("requires", ()):
        _gather(decisions, needed, found, (*path, key))
    found[key] = decisions[key]


def _made(decision: Mapping[str, Any], variables: Mapping[str, Any]) -> Outcome:
    key, name = str(decision["key"]), str(decision["name"])
    try:
        told = _Variables(variables)
        if "expression" in decision:
            value = told.value(decision["expression"])
            return Outcome(key, name, _checked(value, decision.get("type", ""), "its result"))
        return _looked_up(decision, told)
    except (DecisionFailed, InvalidExpression) as error:
        raise DecisionFailed(f"“{name}”: {error}") from error


def _looked_up(table: Mapping[str, Any], told: _Variables) -> Outcome:
    inputs = [_input(column, told) for column in table["inputs"]]
    hits = _hits(table, inputs, told)
    rows = [_outputs(table, row, told) for row in hits]
    result, chosen = _result(table, hits, rows, told)
    numbers = tuple(row + 1 for row in hits)
    return Outcome(
        table["key"], table["name"], result, numbers, tuple(row + 1 for row in chosen),
        tuple(inputs),
    )  # fmt: skip


def _input(column: Mapping[str, Any], told: _Variables) -> Any:
    where = f"“{column['label']}”"
    try:
        value = _checked(told.value(column), column["type"], where)
    except InvalidExpression as error:
        raise DecisionFailed(f"{where}: {error}") from error
    allowed = column.get("allowed")
    if allowed and not _holds(allowed, _comparable(value, column["type"]), told, where):
        raise DecisionFailed(f"{where} is {_shown(value)}; {allowed['text']} was expected.")
    return value


def _hits(table: Mapping[str, Any], inputs: Sequence[Any], told: _Variables) -> list[int]:
    columns = table["inputs"]
    given = [
        told.context(_comparable(value, column["type"]))
        for value, column in zip(inputs, columns, strict=True)
    ]
    hits = []
    for row, rule in enumerate(table["rules"]):
        if _hit(row, rule, columns, inputs, given):
            hits.append(row)
            if table["hit_policy"] == FIRST:
                break
    return hits


def _hit(
    row: int,
    rule: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]],
    inputs: Sequence[Any],
    given: Sequence[Any],
) -> bool:
    for test, column, value, context in zip(rule["tests"], columns, inputs, given, strict=True):
        if not test["cel"]:
            continue
        where = f"row {row + 1}, “{column['label']}”"
        if not _ran(test, value, context, where):
            return False
    return True


def _ran(test: Mapping[str, Any], value: Any, context: Any, where: str) -> bool:
    try:
        held = expressions.compiled(test["cel"]).execute(context)
    except KeyError as error:
        raise DecisionFailed(f"{where}: there is no variable {error}.") from error
    except Exception as error:
        text = f"{where}: “{test['text']}” cannot be compared with {_shown(value)}."
        raise DecisionFailed(text) from error
    if not isinstance(held, bool):
        text = f"{where}: “{test['text']}” gives {_shown(held)}; true or false was expected."
        raise DecisionFailed(text)
    return held


def _holds(test: Mapping[str, Any], value: Any, told: _Variables, where: str) -> bool:
    return _ran(test, value, told.context(value), where)


def _outputs(table: Mapping[str, Any], row: int, told: _Variables) -> list[Any]:
    return [
        _output(cell, column, told, f"row {row + 1}, “{column['label']}”")
        for cell, column in zip(table["rules"][row]["outputs"], table["outputs"], strict=True)
    ]


def _output(
    cell: Mapping[str, Any], column: Mapping[str, Any], told: _Variables, where: str
) -> Any:
    try:
        return _checked(told.value(cell), column["type"], where)
    except InvalidExpression as error:
        raise DecisionFailed(f"{where}: {error}") from error


def _result(
    table: Mapping[str, Any], hits: list[int], rows: list[list[Any]], told: _Variables
) -> tuple[Any, list[int]]:
    """The decision's result, and the rows that it is made of, in their order."""
    policy, many = table["hit_policy"], table["hit_policy"] in (RULES, OUTPUTS, COLLECT)
    aggregator = table.get("aggregator", "")
    if not hits:
        default = _default(table, told)
        return ([default] if many and not aggregator and default is not None else default), []
    if policy == UNIQUE and len(hits) > 1:
        raise DecisionFailed(f"{_rows(hits)} hit; of a table with policy unique only one may.")
    if policy == ANY and len({_same(row) for row in rows}) > 1:
        raise DecisionFailed(f"{_rows(hits)} hit and do not give the same; policy any expects it.")
    if aggregator:
        return _collected([row[0] for row in rows], aggregator, hits), hits
    values = [_value(table, row) for row in rows]
    if policy in (PRIORITY, OUTPUTS):
        ranked = sorted(range(len(rows)), key=lambda at: _rank(table, hits[at], rows[at]))
        values, hits = [values[at] for at in ranked], [hits[at] for at in ranked]
    return (values, hits) if many else (values[0], hits[:1])


def _default(table: Mapping[str, Any], told: _Variables) -> Any:
    """What the outputs say for when no row hits; null when none says anything."""
    if not any(column.get("default") for column in table["outputs"]):
        return None
    row = [
        _output(column["default"], column, told, f"the default of “{column['label']}”")
        if column.get("default")
        else None
        for column in table["outputs"]
    ]
    return _value(table, row)


def _value(table: Mapping[str, Any], row: Sequence[Any]) -> Any:
    if len(row) == 1:
        return row[0]
    return {column["name"]: one for column, one in zip(table["outputs"], row, strict=True)}


def _rank(table: Mapping[str, Any], row: int, values: Sequence[Any]) -> list[int]:
    """The places of a row's outputs in their columns' lists of values: the first is the highest."""
    ranks = []
    for column, value in zip(table["outputs"], values, strict=True):
        listed = [_same(one) for one in column.get("values") or ()]
        if listed and _same(value) not in listed:
            where = f"row {row + 1}, “{column['label']}”"
            raise DecisionFailed(f"{where}: {_shown(value)} is not in its list of output values.")
        ranks += [listed.index(_same(value))] if listed else []
    return ranks


def _collected(values: list[Any], aggregator: str, hits: Sequence[int]) -> Any:
    if aggregator == "#":
        return len(values)
    for value, row in zip(values, hits, strict=True):
        if not _is_number(value):
            raise DecisionFailed(f"row {row + 1} gives {_shown(value)}; a number was expected.")
    if aggregator == "+":
        return _plain(float(sum(Decimal(repr(value)) for value in values)))
    return min(values) if aggregator == "<" else max(values)


class _Variables:
    """What expressions and cells are evaluated over."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = dict(variables)

    def context(self, value: Any) -> Any:
        """What the tests of a column are evaluated over."""
        return cel.Context(variables={"input": value, "vars": self.variables})

    def value(self, expression: Mapping[str, Any]) -> Any:
        """The value of an expression; raises InvalidExpression in the words of its own text."""
        if expression.get("language") == "cel":
            return expressions.assignable(expression["cel"], self.variables, {})
        try:
            program = expressions.compiled(expression["cel"])
            return _plain(program.execute({"vars": self.variables}))
        except KeyError as error:
            raise InvalidExpression(f"there is no variable {error}") from error
        except Exception as error:
            said = str(error).split(". CEL ")[0]
            raise InvalidExpression(f"“{expression['text']}”: {said}") from error


def _plain(value: Any) -> Any:
    """The value as JSON has it; FEEL knows one kind of number, and 5 is 5.0."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) <= WHOLE else value
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def _checked(value: Any, kind: str, where: str) -> Any:
    """The value, if it is of a kind, or null."""
    if value is not None and kind and not _is_of(value, kind):
        raise DecisionFailed(f"{where} is {_shown(value)}; {NAMES[kind]} was expected.")
    return value


def _is_of(value: Any, kind: str) -> bool:
    match kind:
        case "number":
            return _is_number(value)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
    return isinstance(value, str) and _moment(value, kind) is not None


def _comparable(value: Any, kind: str) -> Any:
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _rows(hits: Sequence[int]) -> str:
    return "Rows " + ", ".join(str(row + 1) for row in hits[:20])


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
