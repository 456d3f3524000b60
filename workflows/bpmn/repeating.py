"""Loops: multi-instance and standard (BPMN 2.0, 10.3.8)."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from . import expressing, terms
from .extension import qualified
from .source import Source, attribute, child, extension, is_true, name_of, text_of, zeebe

_COUNTS = {
    "nrOfInstances": "total",
    "nrOfCompletedInstances": "done",
    "nrOfActiveInstances": "active",
    "numberOfInstances": "total",
    "numberOfCompletedInstances": "done",
    "numberOfActiveInstances": "active",
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def loop(source: Source, element: etree._Element) -> dict[str, Any]:
    """The loop that an activity is, {} if it is none."""
    several = child(element, "multiInstanceLoopCharacteristics")
    if several is not None:
        return _several(source, several)
    again = child(element, "standardLoopCharacteristics")
    return {} if again is None else _again(source, again)


def _again(source: Source, given: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = {"mode": "standard"}
    condition = expressing.condition(source, given, "loopCondition", "The loop's condition")
    if condition is not None:
        found["while"] = condition
    most = (given.get("loopMaximum") or "").strip()
    if most.isdecimal() and 1 <= int(most[:9]) <= 10_000:
        found["max"] = int(most[:9])
    elif most:
        source.unsupported(given, f"“{most:.40}” rounds; a number from 1 to 10000 was expected.")
    if len(found) == 1:
        source.unsupported(given, "It does not say how long the loop goes on.")
    return {**found, "test_before": is_true(given, "testBefore")}


def _several(source: Source, given: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mode": "sequential" if is_true(given, "isSequential") else "parallel",
        **_over(source, given),
    }
    own = extension(given.getparent(), qualified("loop"))
    if "collection" not in found and "cardinality" not in found and own is None:
        source.unsupported(given, "It does not say how many instances there are.")
    condition = child(given, "completionCondition")
    if condition is not None:
        enough = expressing.of(source, condition, "The completion condition", _counted)
        found.update({"completion": enough} if enough else {})
    if (given.get("behavior") or "All") != "All":
        source.unsupported(given, f"Events of behaviour “{given.get('behavior')}” are not thrown.")
    return found


def _over(source: Source, given: etree._Element) -> dict[str, Any]:
    own = extension(given, zeebe("loopCharacteristics"))
    if own is not None:
        return _of_zeebe(source, given, own)
    found: dict[str, Any] = {"index": "loopCounter"}
    collection = attribute(given, "collection")
    reference, item = child(given, "loopDataInputRef"), child(given, "inputDataItem")
    count = child(given, "loopCardinality")
    if collection:
        found["collection"] = _list(source, given, collection)
    elif reference is not None:
        found["collection"] = _list(source, given, _data(source, reference))
    elif count is not None and text_of(count):
        found["cardinality"] = _number(source, count)
    name = attribute(given, "elementVariable") or ("" if item is None else _item(item))
    if name and "collection" in found:
        found.update(_variable(source, given, "item", name))
    if child(given, "loopDataOutputRef") is not None or child(given, "outputDataItem") is not None:
        what = "What the instances give is not gathered as drawn: use “output” of the loop."
        source.unsupported(given, what)
    return found


def _of_zeebe(source: Source, given: etree._Element, own: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if text := (own.get("inputCollection") or "").strip():
        found["collection"] = expressing.cel(source, given, text, "The collection", "feel")
    if name := (own.get("inputElement") or "").strip():
        found.update(_variable(source, given, "item", name))
    if name := (own.get("outputCollection") or "").strip():
        found.update(_variable(source, given, "output", name))
        element = (own.get("outputElement") or "").strip()
        if element:
            what = f"The loop gathers the whole output of each instance, not “{element:.100}”."
            source.unsupported(given, what)
    return found


def _list(source: Source, given: etree._Element, text: str) -> str:
    """A collection: an expression, or the name of the variable that holds it."""
    if not expressing.is_dynamic(text) and _VARIABLE.match(text):
        return terms.variable(text).text
    return expressing.cel(source, given, text, "The collection")


def _number(source: Source, count: etree._Element) -> int | str:
    text = text_of(count)
    if text.isdecimal() and len(text) < 6:
        return int(text)
    return expressing.of(source, count, "The number of instances") or text


def _data(source: Source, reference: etree._Element) -> str:
    """The variable that a list of the drawing is; a name that nothing has is one itself."""
    data = source.find(reference.text)
    if data is None:
        return text_of(reference)
    name, given = name_of(data), data.get("id") or ""
    if name and name != given:
        what = f"Whether the list is the variable “{given}” or “{name}” is not told."
        source.unsupported(reference, what)
    return given


def _item(item: etree._Element) -> str:
    return name_of(item) or item.get("id") or ""


def _variable(source: Source, given: etree._Element, field: str, name: str) -> dict[str, str]:
    if not _VARIABLE.match(name):
        source.unsupported(given, f"“{name:.100}” is no name of a variable.")
        return {}
    return {field: name}


def _counted(name: str) -> terms.Term:
    return terms.Term(_COUNTS[name]) if name in _COUNTS else terms.variable(name)
