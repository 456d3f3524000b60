"""Our extension elements of a task or workflow, written into `bpmn:extensionElements`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from . import extension as names
from .document import child, place, put, remove
from .normal import PRIORITIES
from .vocabulary import bpmn

NSMAP = {names.PREFIX: names.NAMESPACE}
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


def is_fit(text: str) -> bool:
    """Whether XML 1.0 can hold a text."""
    return not _UNFIT.search(text)


def extend(element: etree._Element, tag: str) -> etree._Element:
    """Our extension element with a tag, made where it is missing."""
    home = child(element, "extensionElements")
    if home is None:
        home = put(element, element.makeelement(bpmn("extensionElements")))
    found: etree._Element | None = home.find(tag)
    if found is None:
        found = home.makeelement(tag, nsmap=NSMAP)
        place(home, found, None)
    return found


def retract(element: etree._Element, tag: str) -> None:
    """Take our extension element with a tag out, and an emptied `extensionElements` too."""
    home = child(element, "extensionElements")
    found = None if home is None else home.find(tag)
    if home is None or found is None:
        return
    remove(found)
    if not len(home):
        remove(home)


def set_task_definition(element: etree._Element, task: Mapping[str, Any]) -> None:
    """Who does a task, its priority, retries and time limit."""
    priority = PRIORITIES[task["priority"] - 1]
    given = {
        names.AGENT: task["agent"],
        names.ROLE: task["role"],
        names.CAPABILITIES: " ".join(task["capabilities"]),
        names.PRIORITY: "" if priority == "normal" else priority,
        names.RETRIES: _number(task["max_retries"]),
        names.TIMEOUT: _number(task["timeout_seconds"]),
    }
    given = {name: value for name, value in given.items() if value}
    if not given:
        retract(element, names.TASK_DEFINITION)
        return
    found = extend(element, names.TASK_DEFINITION)
    for name in (names.AGENT, names.ROLE, names.CAPABILITIES, names.PRIORITY):
        found.attrib.pop(name, None)
    for name in (names.RETRIES, names.TIMEOUT):
        found.attrib.pop(name, None)
    found.attrib.update(given)


def set_io_mapping(element: etree._Element, task: Mapping[str, Any]) -> None:
    """What goes into a task and what its output sets."""
    retract(element, names.IO_MAPPING)
    if not task["input"] and not task["output_mapping"]:
        return
    home = extend(element, names.IO_MAPPING)
    for target, value in task["input"].items():
        place(home, home.makeelement(names.INPUT, {names.TARGET: target}, NSMAP), None)
        home[-1].text = as_json(value)
    for target, source in task["output_mapping"].items():
        given = {names.SOURCE: source, names.TARGET: target}
        place(home, home.makeelement(names.OUTPUT, given, NSMAP), None)


def set_json(
    element: etree._Element, field: str, value: Mapping[str, Any], *, even_nothing: bool = False
) -> None:
    """What standard elements cannot say of a field; nothing of it is left when that is nothing."""
    tag = names.qualified(field)
    if value or even_nothing:
        extend(element, tag).text = as_json(value)
    else:
        retract(element, tag)


def as_json(value: Any) -> str:
    """JSON text that XML can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return text if is_fit(text) else json.dumps(value)


def _number(given: int | None) -> str:
    return "" if given is None else str(given)
