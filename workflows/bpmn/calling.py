"""Call activities (BPMN 2.0, 10.3.6): which workflow is called, and what goes in and comes out."""

from __future__ import annotations

from typing import Any

from lxml import etree

from workflows.graph.validation import RESERVED

from . import expressing, extension, keys, terms
from .source import Source, attribute, classic, extensions, local, zeebe
from .source import extension as first_extension
from .terms import Untranslatable


def fill(source: Source, element: etree._Element, task: dict[str, Any]) -> None:
    """Name in a task the workflow that is called."""
    calls: dict[str, Any] = {}
    own = first_extension(element, zeebe("calledElement"))
    if own is not None:
        name = own.get("processId") or ""
        _zeebe_variables(source, element, own, calls)
    else:
        name = element.get("calledElement") or ""
        _classic_version(source, element, calls)
        _classic_variables(source, element, task, calls)
    found = expressing.static(source, element, name, "The called process") if name else ""
    if name and isinstance(found, str):
        calls = {"key": _key(source, element, found), **calls}
    elif not name and first_extension(element, extension.qualified("calls")) is None:
        source.unsupported(element, "It names no process that it calls.")
    task["calls"] = calls


def _key(source: Source, element: etree._Element, name: str) -> str:
    called = source.find(name)
    if called is not None and local(called).startswith("global"):
        source.unsupported(element, f"“{name:.100}” is a global task, which cannot be called.")
    elif called is not None and called.get("id"):
        name = called.get("id") or name
    prefix, colon, rest = name.partition(":")
    return keys.key(rest if colon and prefix in element.nsmap else name)


def _zeebe_variables(
    source: Source, element: etree._Element, own: etree._Element, calls: dict[str, Any]
) -> None:
    if own.get("propagateAllParentVariables") == "false":
        calls["input"] = {}
    if own.get("propagateAllChildVariables") != "false":
        what = "Not all variables of the called workflow are taken over: list them as outputs."
        source.unsupported(element, what, own)
    if own.get("bindingType") not in (None, "latest"):
        source.unsupported(element, "The version that runs is the published one.", own)


def _classic_version(source: Source, element: etree._Element, calls: dict[str, Any]) -> None:
    binding = attribute(element, "calledElementBinding") or "latest"
    version = attribute(element, "calledElementVersion")
    if binding == "version" and version.isdecimal() and int(version[:9]) >= 1:
        calls["version"] = int(version[:9])
    elif binding != "latest":
        source.unsupported(
            element, f"The binding “{binding:.40}” of the called process is not known."
        )


def _classic_variables(
    source: Source, element: etree._Element, task: dict[str, Any], calls: dict[str, Any]
) -> None:
    """Camunda 7 and Flowable hand over only what `in` and `out` name."""
    given = list(extensions(element, *classic("in")))
    taken = list(extensions(element, *classic("out")))
    if not given and not taken:
        return
    mapping: dict[str, str] = {}
    is_all = False
    for one in given:
        is_all = is_all or one.get("variables") == "all"
        _handed(source, element, one, mapping, terms.variable)
    if is_all and mapping:
        source.unsupported(
            element, "Either all variables are handed over, or those that are named."
        )
    if not is_all:
        calls["input"] = mapping
    outputs: dict[str, str] = {}
    for one in taken:
        if one.get("variables") == "all":
            what = "Not all variables of the called workflow are taken over: list them as outputs."
            source.unsupported(element, what, one)
        _handed(
            source, element, one, outputs, lambda name: terms.member(terms.Term("output"), name)
        )
    if outputs:
        task["output_mapping"] = outputs


def _handed(
    source: Source,
    element: etree._Element,
    one: etree._Element,
    mapping: dict[str, str],
    named: terms.Naming,
) -> None:
    if one.get("businessKey"):
        source.unsupported(element, "A business key is not handed over.", one)
        return
    target, text = one.get("target") or "", one.get("source") or ""
    expression = one.get("sourceExpression") or ""
    if not target:
        return
    if target in RESERVED:
        source.unsupported(element, f"“{target}” cannot name a variable.", one)
        return
    try:
        if text:
            mapping[target] = named(text).text
        else:
            mapping[target] = expressing.translated(expression, "", named)
    except Untranslatable as reason:
        what = f"“{target:.100}” is not handed over: {reason}."
        source.unsupported(element, what, one)
