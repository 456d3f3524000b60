"""Decision tables at work (DMN 1.3, 8): which rows hit, and what comes of it.

A decision is plain data, as `dmn.reader` makes it and docs/modelling.md describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from workflows.errors import DecisionFailed, InvalidExpression

from . import expressions
from .decision_values import (
    Variables,
    checked,
    comparable,
    given_as,
    is_number,
    plain,
    same,
    shown,
)

UNIQUE, FIRST, ANY, PRIORITY, RULES, OUTPUTS, COLLECT = "U", "F", "A", "P", "R", "O", "C"
POLICIES = (UNIQUE, FIRST, ANY, PRIORITY, RULES, OUTPUTS, COLLECT)
AGGREGATORS = ("+", "<", ">", "#")


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
        told = Variables(variables)
        if "expression" in decision:
            value = told.value(decision["expression"])
            kind = given_as(decision.get("type", ""))
            return Outcome(key, name, checked(value, kind, "its result"))
        return _looked_up(decision, told)
    except (DecisionFailed, InvalidExpression) as error:
        raise DecisionFailed(f"“{name}”: {error}") from error


def _looked_up(table: Mapping[str, Any], told: Variables) -> Outcome:
    inputs = [_input(column, told) for column in table["inputs"]]
    hits = _hits(table, inputs, told)
    rows = [_outputs(table, row, told) for row in hits]
    result, chosen = _result(table, hits, rows, told)
    numbers = tuple(row + 1 for row in hits)
    return Outcome(
        table["key"], table["name"], result, numbers, tuple(row + 1 for row in chosen),
        tuple(inputs),
    )  # fmt: skip


def _input(column: Mapping[str, Any], told: Variables) -> Any:
    where = f"“{column['label']}”"
    try:
        value = checked(told.value(column), column["type"], where)
    except InvalidExpression as error:
        raise DecisionFailed(f"{where}: {error}") from error
    allowed = column.get("allowed")
    if allowed and not _holds(allowed, comparable(value, column["type"]), told, where):
        raise DecisionFailed(f"{where} is {shown(value)}; {allowed['text']} was expected.")
    return value


def _hits(table: Mapping[str, Any], inputs: Sequence[Any], told: Variables) -> list[int]:
    columns = table["inputs"]
    given = [
        told.context(comparable(value, column["type"]))
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
        text = f"{where}: “{test['text']}” cannot be compared with {shown(value)}."
        raise DecisionFailed(text) from error
    if not isinstance(held, bool):
        text = f"{where}: “{test['text']}” gives {shown(held)}; true or false was expected."
        raise DecisionFailed(text)
    return held


def _holds(test: Mapping[str, Any], value: Any, told: Variables, where: str) -> bool:
    return _ran(test, value, told.context(value), where)


def _outputs(table: Mapping[str, Any], row: int, told: Variables) -> list[Any]:
    return [
        _output(cell, column, told, f"row {row + 1}, “{column['label']}”")
        for cell, column in zip(table["rules"][row]["outputs"], table["outputs"], strict=True)
    ]


def _output(cell: Mapping[str, Any], column: Mapping[str, Any], told: Variables, where: str) -> Any:
    try:
        return checked(told.value(cell), given_as(column["type"]), where)
    except InvalidExpression as error:
        raise DecisionFailed(f"{where}: {error}") from error


def _result(
    table: Mapping[str, Any], hits: list[int], rows: list[list[Any]], told: Variables
) -> tuple[Any, list[int]]:
    """The decision's result, and the rows that it is made of, in their order."""
    policy, many = table["hit_policy"], table["hit_policy"] in (RULES, OUTPUTS, COLLECT)
    aggregator = table.get("aggregator", "")
    if not hits:
        default = _default(table, told)
        return ([default] if many and not aggregator and default is not None else default), []
    if policy == UNIQUE and len(hits) > 1:
        raise DecisionFailed(f"{_rows(hits)} hit; of a table with policy unique only one may.")
    if policy == ANY and len({same(row) for row in rows}) > 1:
        raise DecisionFailed(f"{_rows(hits)} hit and do not give the same; policy any expects it.")
    if aggregator:
        return _collected([row[0] for row in rows], aggregator, hits), hits
    values = [_value(table, row) for row in rows]
    if policy in (PRIORITY, OUTPUTS):
        ranked = sorted(range(len(rows)), key=lambda at: _rank(table, hits[at], rows[at]))
        values, hits = [values[at] for at in ranked], [hits[at] for at in ranked]
    return (values, hits) if many else (values[0], hits[:1])


def _default(table: Mapping[str, Any], told: Variables) -> Any:
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
        listed = [same(one) for one in column.get("values") or ()]
        if listed and same(value) not in listed:
            where = f"row {row + 1}, “{column['label']}”"
            raise DecisionFailed(f"{where}: {shown(value)} is not in its list of output values.")
        ranks += [listed.index(same(value))] if listed else []
    return ranks


def _collected(values: list[Any], aggregator: str, hits: Sequence[int]) -> Any:
    if aggregator == "#":
        return len(values)
    for value, row in zip(values, hits, strict=True):
        if not is_number(value):
            raise DecisionFailed(f"row {row + 1} gives {shown(value)}; a number was expected.")
    if aggregator == "+":
        return plain(float(sum(Decimal(repr(value)) for value in values)))
    return min(values) if aggregator == "<" else max(values)


def _rows(hits: Sequence[int]) -> str:
    return "Rows " + ", ".join(str(row + 1) for row in hits[:20])
