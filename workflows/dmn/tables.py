"""The decision table of a decision (DMN 1.3, 8) as plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workflows.graph.decisions import COLLECT, OUTPUTS, PRIORITY

from . import unary
from .documents import Element
from .texts import Place, Texts

HIT_POLICIES = {
    "": "U",
    "UNIQUE": "U",
    "FIRST": "F",
    "ANY": "A",
    "PRIORITY": "P",
    "RULE ORDER": "R",
    "OUTPUT ORDER": "O",
    "COLLECT": "C",
}
AGGREGATIONS = {"": "", "SUM": "+", "MIN": "<", "MAX": ">", "COUNT": "#"}
KIND_NAMES = {
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "date": "a date",
    "dateTime": "a date and time without a zone",
    "zoned": "a date and time with a zone",
    "moment": "a date and time",
}


def read(table: Element, name: str, texts: Texts) -> dict[str, Any]:
    """A table as `graph.decisions` evaluates it; what cannot be carried out is noted in `texts`."""
    policy, aggregator = _policy(table, texts)
    inputs = [_input(one, at, texts) for at, one in enumerate(table.all("input"))]
    outputs = [_output(one, at, name, texts) for at, one in enumerate(table.all("output"))]
    annotations = [one.get("name") for one in table.all("annotation")]
    rules = table.all("rule")
    tests = [_tests(rule, row, inputs, texts) for row, rule in enumerate(rules)]
    made = [
        {
            "tests": [{"text": text, "cel": test.cel} for text, test in row],
            "outputs": _entries(rule, at, outputs, texts),
            **_notes(rule),
        }
        for at, (rule, row) in enumerate(zip(rules, tests, strict=True))
    ]
    for place, column in enumerate(inputs):
        lines = [rule.line for rule in rules]
        _settle_kind(column, [row[place] for row in tests], lines, texts)
    _check_outputs(table, policy, aggregator, outputs, texts)
    return {
        "hit_policy": policy,
        "aggregator": aggregator,
        "inputs": inputs,
        "outputs": outputs,
        "annotations": annotations,
        "rules": made,
    }


def _policy(table: Element, texts: Texts) -> tuple[str, str]:
    given, added = table.get("hitPolicy").upper(), table.get("aggregation").upper()
    policy, aggregator = HIT_POLICIES.get(given), AGGREGATIONS.get(added)
    if policy is None:
        texts.refuse(Place(table.line), f"“{given}” is no hit policy.")
    if aggregator is None:
        texts.refuse(Place(table.line), f"“{added}” is no aggregation.")
    if aggregator and policy != COLLECT:
        texts.refuse(Place(table.line), "Only the hit policy collect has an aggregation.")
    return policy or "U", aggregator or ""


def _input(element: Element, at: int, texts: Texts) -> dict[str, Any]:
    inner = element.child("inputExpression")
    given = inner.text if inner is not None else ""
    label = element.get("label") or given or f"input {at + 1}"
    place = Place(element.line, label)
    if inner is None or not given:
        texts.refuse(place, "It has no input expression.")
        return {"label": label, "text": "", "cel": "null", "type": ""}
    kind = texts.kind(inner.get("typeRef"), place)
    column = {"label": label, **texts.expression(inner, place), "type": kind}
    values = element.child("inputValues")
    values = values if values is not None and values.text else texts.allowed(inner.get("typeRef"))
    if values is not None and values.text:
        test = texts.test(values, place)
        if test.cel:
            column["allowed"] = {"text": values.text, "cel": test.cel}
    return column


def _output(element: Element, at: int, name: str, texts: Texts) -> dict[str, Any]:
    known = element.get("name") or element.get("label")
    label = element.get("label") or known or name or f"output {at + 1}"
    place = Place(element.line, label)
    column: dict[str, Any] = {"name": known, "label": label}
    column["type"] = texts.kind(element.get("typeRef"), place)
    values, default = element.child("outputValues"), element.child("defaultOutputEntry")
    values = values if values is not None and values.text else texts.allowed(element.get("typeRef"))
    if values is not None and values.text:
        column["values"] = _literals(values, place, texts)
        column["values_text"] = values.text
    if default is not None and default.text:
        column["default"] = texts.expression(default, place)
    return column


def _literals(element: Element, place: Place, texts: Texts) -> list[Any]:
    """The values of a list of literals; what else it says does not rank anything."""
    test = texts.test(element, place)
    if not test.literals or "name" in test.kinds or test.kinds & unary.MOMENTS:
        return []
    return [json.loads(one) for one in test.literals]


def _tests(
    rule: Element, row: int, inputs: Sequence[dict[str, Any]], texts: Texts
) -> list[tuple[str, unary.Test]]:
    cells = rule.all("inputEntry")
    found = []
    for at, column in enumerate(inputs):
        place = Place(rule.line, column["label"], row + 1)
        if at >= len(cells):
            texts.refuse(place, "The row has no cell for it.")
            found.append(("", unary.Test(unary.ANY)))
            continue
        place = Place(cells[at].line, column["label"], row + 1)
        found.append((cells[at].text or "-", texts.test(cells[at], place)))
    if len(cells) > len(inputs):
        texts.refuse(
            Place(rule.line, "", row + 1), "The row has more cells than there are columns."
        )
    return found


def _entries(
    rule: Element, row: int, outputs: Sequence[dict[str, Any]], texts: Texts
) -> list[dict[str, Any]]:
    cells = rule.all("outputEntry")
    found = []
    for at, column in enumerate(outputs):
        if at >= len(cells):
            place = Place(rule.line, column["label"], row + 1)
            texts.refuse(place, "The row has no output for it.")
            found.append({"text": "", "cel": "null"})
            continue
        place = Place(cells[at].line, column["label"], row + 1)
        found.append(texts.expression(cells[at], place))
    if len(cells) > len(outputs):
        text = "The row has more outputs than there are columns."
        texts.refuse(Place(rule.line, "", row + 1), text)
    return found


def _notes(rule: Element) -> dict[str, Any]:
    notes = [one.text for one in rule.all("annotationEntry")]
    description = rule.said("description")
    return ({"annotations": notes} if any(notes) else {}) | (
        {"description": description} if description else {}
    )


def _settle_kind(
    column: dict[str, Any],
    tests: Sequence[tuple[str, unary.Test]],
    lines: Sequence[int],
    texts: Texts,
) -> None:
    """Every cell compares with the column's kind. One without a type, or whose type does not say
    whether there is a zone, has that of its dates.
    """
    dates = [kind for _, test in tests for kind in sorted(test.kinds & unary.MOMENTS)]
    if dates and (not column["type"] or (column["type"], dates[0]) == ("dateTime", "zoned")):
        column["type"] = dates[0]
    if column["type"] == "dateTime" and not dates and "allowed" not in column:
        column["type"] = "moment"
    kind = column["type"]
    if not kind:
        return
    for row, (text, test) in enumerate(tests):
        other = test.kinds - {kind, "null"} - (set() if kind in unary.MOMENTS else {"name"})
        if other:
            what = " and ".join(KIND_NAMES.get(one, "a variable") for one in sorted(other))
            message = f"“{text}” compares with {what}; the column holds {KIND_NAMES[kind]}."
            texts.refuse(Place(lines[row], column["label"], row + 1), message)


def _check_outputs(
    table: Element,
    policy: str,
    aggregator: str,
    outputs: Sequence[dict[str, Any]],
    texts: Texts,
) -> None:
    names = [one["name"] for one in outputs]
    if not outputs:
        texts.refuse(Place(table.line), "The table has no output.")
    if len(outputs) > 1 and (not all(names) or len(set(names)) < len(names)):
        texts.refuse(Place(table.line), "Each of its outputs needs a name of its own.")
    if aggregator and len(outputs) > 1:
        texts.refuse(Place(table.line), "Only a table with one output can aggregate.")
    if policy in (PRIORITY, OUTPUTS) and not any(one.get("values") for one in outputs):
        text = "Its hit policy needs a list of output values, the most important first."
        texts.refuse(Place(table.line), text)
