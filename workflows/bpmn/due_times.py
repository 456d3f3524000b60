"""When a user task is due, and when somebody is to look at it again."""

from __future__ import annotations

import json
import re
from typing import Final

from lxml import etree

from workflows.graph import due

from . import expressing
from .source import Source, attribute, zeebe
from .source import extension as first_extension
from .terms import Untranslatable

_NAMES: Final = {"dueDate": ("due", "due date"), "followUpDate": ("follow_up", "follow-up date")}
_FEEL_NOW: Final = re.compile(
    r'=\s*now\(\)\s*(?:\+\s*(?:duration\(\s*"(?P<text>[^"]*)"\s*\)|@"(?P<at>[^"]*)")\s*)?\Z'
)
_FEEL_MOMENT: Final = re.compile(
    r'=\s*(?:date and time\(\s*"(?P<text>[^"]*)"\s*\)|@"(?P<at>[^"]*)")\s*\Z'
)
_JAVA_NOW: Final = re.compile(
    r"[$#]\{\s*(?:now|dateTime)\(\)"
    r"(?P<more>(?:\.plus(?:Weeks|Days|Hours|Minutes|Seconds)\(\s*\d{1,9}\s*\))*)"
    r"(?:\.toDate\(\))?\s*\}\Z"
)
_PLUS: Final = re.compile(r"\.plus(?P<unit>[A-Z][a-z]+)\(\s*(?P<count>\d+)\s*\)")
_SECONDS: Final = {"Weeks": 604_800, "Days": 86_400, "Hours": 3_600, "Minutes": 60, "Seconds": 1}
_ISO: Final = {
    "Weeks": "P{}W", "Days": "P{}D", "Hours": "PT{}H", "Minutes": "PT{}M", "Seconds": "PT{}S"
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def times(source: Source, element: etree._Element) -> dict[str, str]:
    """The `due` and `follow_up` of an approval, as far as a vendor's attributes say them.

    What has no exact translation is named and not kept: the step is carried out all the same.
    """
    own = first_extension(element, zeebe("taskSchedule"))
    found = {}
    for name, (field, shown) in _NAMES.items():
        text = ("" if own is None else own.get(name) or "").strip() or attribute(element, name)
        if not text:
            continue
        try:
            found[field] = _translated(source, element, text)
        except Untranslatable as reason:
            source.note(element, f"The {shown} “{text:.200}” is not kept: {reason}.")
    return found


def _translated(source: Source, element: etree._Element, text: str) -> str:
    given = _literal(source, element, text)
    if given is None:
        given = expressing.within(source, text)
        is_feel = text.startswith("=")
        if is_feel and _NAME.match(given) and given not in ("true", "false", "null"):
            given = f'"{given}" in vars ? {given} : null'  # FEEL has null for what is not there
    if wrong := due.problem(given):
        raise Untranslatable(f"it is {wrong.rstrip('.')}")
    return given


def _literal(source: Source, element: etree._Element, text: str) -> str | None:
    """A time that is always the same, or always as far from now; None for another expression."""
    if not expressing.is_dynamic(text):
        return text
    if found := _FEEL_NOW.match(text):
        return found["text"] or found["at"] or "PT0S"
    if found := _FEEL_MOMENT.match(text):
        return found["text"] or found["at"] or ""
    if found := _JAVA_NOW.match(text):
        return _java(source, element, text, found["more"])
    try:
        told = json.loads(text.removeprefix("="))
    except ValueError:
        return None
    return told if isinstance(told, str) else None


def _java(source: Source, element: etree._Element, text: str, more: str) -> str:
    added = [(one["unit"], int(one["count"])) for one in _PLUS.finditer(more)]
    if any(unit in ("Weeks", "Days") and count for unit, count in added):
        what = f"A day of “{text:.200}” has 24 hours here, also when the clocks change."
        source.note(element, what)
    if len(added) == 1:
        return _ISO[added[0][0]].format(added[0][1])
    return f"PT{sum(_SECONDS[unit] * count for unit, count in added)}S"
