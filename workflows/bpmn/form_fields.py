"""The fields of a generated form (Camunda 7's formData, Flowable's and Activiti's formProperty), as
the JSON Schema of an approval."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from lxml import etree

from . import expressing
from .source import ACTIVITI, CAMUNDA, FLOWABLE, Source, classic, extensions

_TYPES: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": "string"},
    "long": {"type": "integer"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "enum": {"type": "string"},
}
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: text == "true",
}
_LENGTHS: Final = {"minlength": "minLength", "maxlength": "maxLength"}
_LIMITS: Final = {"min": "minimum", "max": "maximum"}
FORM: Final = f"{{{CAMUNDA}}}formData"
PROPERTIES: Final = tuple(f"{{{uri}}}formProperty" for uri in (FLOWABLE, ACTIVITI))
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?\Z")
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}\Z")


def schema(source: Source, element: etree._Element) -> dict[str, Any]:
    """The form of a user task; {} when it names no fields. What is not kept of one is noted."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for at, one in enumerate(_fields(element), 1):
        name = (one.get("id") or "").strip()
        if not _NAME.match(name) or name in properties:
            source.note(element, f"The field “{name:.100}” of the form cannot be read.", one)
            continue
        if (one.get("writable") or "true").strip() in ("false", "0"):
            what = f"The field “{name}” is only looked at: the person sees the input."
            source.note(element, what, one)
            continue
        properties[name] = {**_field(source, element, one, name), "propertyOrder": at}
        is_needed = (one.get("required") or "").strip() in ("true", "1")
        if is_needed or any(rule.get("name") == "required" for rule in _rules(one)):
            required.append(name)
    if not properties:
        return {}
    said = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **said}


def variables(element: etree._Element) -> dict[str, str]:
    """The variable that each field sets, by the field's name."""
    found = {}
    for one in _fields(element):
        name = (one.get("id") or "").strip()
        variable = (one.get("variable") or "").strip()
        found[name] = variable if _NAME.match(variable) else name
    return found


def _fields(element: etree._Element) -> Iterator[etree._Element]:
    for form in extensions(element, FORM):
        yield from form.iterchildren(_camunda("formField"))
    yield from extensions(element, *PROPERTIES)


def _rules(one: etree._Element) -> Iterator[etree._Element]:
    for rules in one.iterchildren(_camunda("validation")):
        yield from rules.iterchildren(_camunda("constraint"))


def _field(
    source: Source, element: etree._Element, one: etree._Element, name: str
) -> dict[str, Any]:
    kind = (one.get("type") or "string").strip()
    part = dict(_TYPES.get(kind, _TYPES["string"]))
    if kind not in _TYPES:
        what = f"The field “{name}” is of type “{kind:.100}”: it is filled in as text."
        source.note(element, what, one)
    if kind == "enum":
        part = _choice(source, element, one, name)
    if label := " ".join((one.get("label") or one.get("name") or "").split()):
        part["title"] = label
    _default(source, element, one, name, part)
    _limit(source, element, one, name, part)
    return part


def _choice(
    source: Source, element: etree._Element, one: etree._Element, name: str
) -> dict[str, Any]:
    """Its options by their ids, which expressions compare with; without any it is text."""
    values = list(one.iterchildren(*classic("value")))
    options = list(dict.fromkeys(value.get("id") or "" for value in values))
    if not all(options) or not options:
        source.note(element, f"The choice “{name}” has no options: it is filled in as text.", one)
        return dict(_TYPES["string"])
    if any(value.get("name", value.get("id")) != value.get("id") for value in values):
        source.note(element, f"The options of “{name}” are shown by their ids.", one)
    return {"type": "string", "enum": options}


def _default(
    source: Source, element: etree._Element, one: etree._Element, name: str, part: dict[str, Any]
) -> None:
    text = (one.get("defaultValue") or one.get("default") or "").strip()
    if one.get("expression"):
        source.note(element, f"The field “{name}” is not worked out: it begins empty.", one)
    if not text:
        return
    is_odd = {
        "integer": not _WHOLE.match(text),
        "number": not _DECIMAL.match(text),
        "boolean": text not in ("true", "false"),
        "string": text not in part.get("enum", [text]) or part.get("format") == "date",
    }[part["type"]]
    if is_odd or expressing.is_dynamic(text):
        what = f"The default “{text:.100}” of the field “{name}” is not taken over."
        source.note(element, what, one)
    elif part["type"] == "string":
        part["default"] = text
    else:
        part["default"] = _READ[part["type"]](text)


def _limit(
    source: Source, element: etree._Element, one: etree._Element, name: str, part: dict[str, Any]
) -> None:
    known = {"integer": _LIMITS, "string": _LENGTHS}.get(part["type"], {})
    for rule in _rules(one):
        kind, text = (rule.get("name") or "").strip(), (rule.get("config") or "").strip()
        if kind in known and _WHOLE.match(text) and (known is _LIMITS or int(text) >= 0):
            part[known[kind]] = int(text)
        elif kind != "required":
            what = f"The rule “{kind:.100}” of the field “{name}” is not checked."
            source.note(element, what, rule)


def _camunda(name: str) -> str:
    return f"{{{CAMUNDA}}}{name}"
