"""What goes into a step and what comes out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from lxml import etree

from workflows.graph.validation import RESERVED

from . import embedded, expressing, extension, terms
from .source import Source, children, classic, extensions, text_of, zeebe
from .source import extension as first_extension
from .terms import Naming, Untranslatable

MAPPINGS = (extension.IO_MAPPING, zeebe("ioMapping"), *classic("inputOutput"))
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def apply(
    source: Source,
    element: etree._Element,
    task: dict[str, Any],
    *,
    gives: bool,
    fields: Collection[str] = (),
) -> None:
    """Add `input` and `output_mapping` to a task, as far as the element says any.

    `gives` tells whether the step has an output of its own, where names are looked up first;
    `fields` are those of its form, which they are before that.
    """

    def named(name: str) -> terms.Term:
        if name in fields:
            return terms.member(terms.member(terms.Term("output"), "data"), name)
        return terms.given(name) if gives else terms.variable(name)

    given: dict[str, Any] = {}
    taken: dict[str, str] = {}
    _own(source, element, given, taken)
    _zeebe(source, element, given, taken, named)
    _classic(source, element, given, taken, named)
    if given:
        task["input"] = given
    if taken:
        task["output_mapping"] = {**task.get("output_mapping", {}), **taken}


def _own(
    source: Source, element: etree._Element, given: dict[str, Any], taken: dict[str, str]
) -> None:
    for mapping in extensions(element, extension.IO_MAPPING):
        for one in mapping:
            target = (one.get(extension.TARGET) or "").strip()
            if one.tag == extension.INPUT and target:
                try:
                    given[target] = embedded.parsed(text_of(one))
                except embedded.Malformed as reason:
                    source.unsupported(element, f"The input “{target}”: {reason}.", one)
            elif one.tag == extension.OUTPUT and target:
                taken[target] = (one.get(extension.SOURCE) or "").strip()
            else:
                source.unsupported(element, "An input or output with a target was expected.", one)


def _zeebe(
    source: Source,
    element: etree._Element,
    given: dict[str, Any],
    taken: dict[str, str],
    named: Naming,
) -> None:
    for mapping in extensions(element, zeebe("ioMapping")):
        for one in mapping:
            target, text = (one.get("target") or "").strip(), (one.get("source") or "").strip()
            if one.tag == zeebe("input"):
                _input(source, element, one, target, text, given)
            elif one.tag == zeebe("output"):
                _output(source, element, one, target, text, taken, named)


def _classic(
    source: Source,
    element: etree._Element,
    given: dict[str, Any],
    taken: dict[str, str],
    named: Naming,
) -> None:
    for mapping in extensions(element, *classic("inputOutput")):
        for one in mapping:
            target, text = (one.get("name") or "").strip(), text_of(one)
            if len(one):
                what = f"“{target}” is made of a script, list or map, which is not read."
                source.unsupported(element, what, one)
            elif one.tag in classic("inputParameter"):
                _input(source, element, one, target, text, given)
            elif one.tag in classic("outputParameter"):
                quoted = text if expressing.is_dynamic(text) else f"={json.dumps(text)}"
                _output(source, element, one, target, quoted, taken, named)


def _input(
    source: Source,
    element: etree._Element,
    one: etree._Element,
    target: str,
    text: str,
    given: dict[str, Any],
) -> None:
    """A fixed value; the variable of the same name is an input anyway."""
    if not expressing.is_dynamic(text):
        given[target] = text
        return
    try:
        found = expressing.translated(text)
        if found != target:
            given[target] = json.loads(found)
    except (Untranslatable, ValueError):
        what = f"The input “{target}” is worked out from “{text:.200}”: only fixed values and "
        source.unsupported(element, f"{what}variables under their own names go in.", one)


def _output(
    source: Source,
    element: etree._Element,
    one: etree._Element,
    target: str,
    text: str,
    taken: dict[str, str],
    named: Naming,
) -> None:
    if not _VARIABLE.match(target) or target in RESERVED:
        source.unsupported(element, f"“{target:.100}” cannot name a variable.", one)
        return
    if not text:
        source.unsupported(element, f"“{target}” is set to nothing.", one)
        return
    taken[target] = expressing.cel(source, one, text, f"The output “{target}”", "", named)


def script(source: Source, element: etree._Element, task: dict[str, Any]) -> None:
    """What a script task does, if it is to set a variable to an expression."""
    own = first_extension(element, zeebe("script"))
    if own is not None:
        text, language = (own.get("expression") or "").strip(), "feel"
        target = (own.get("resultVariable") or "").strip()
    else:
        text = "\n".join(text_of(one) for one in children(element, "script")).strip()
        language = (element.get("scriptFormat") or "").strip()
        named = (element.get(one) for one in classic("resultVariable"))
        target = next((value.strip() for value in named if value), "")
    if not text:
        return
    if not _VARIABLE.match(target) or target in RESERVED:
        what = "The script is not run: only an expression in CEL, FEEL or JUEL whose result "
        source.unsupported(element, f"{what}is a variable (resultVariable) is.")
        return
    found = expressing.cel(source, element, text, "The script", language or "unknown")
    task.setdefault("output_mapping", {})[target] = found
