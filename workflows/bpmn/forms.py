"""The form of a user task: of the file itself, or the key of one that is kept beside workflows."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from lxml import etree

from workflows.graph.validation import RESERVED

from . import camunda_forms, embedded, expressing, form_fields
from .extension import IO_MAPPING
from .source import Source, attribute, bpmn, extension, extensions, text_of, zeebe

_WITHIN: Final = "camunda-forms:bpmn:"
_FILES: Final = "camunda-forms:"
_PAGES: Final = (".html", ".htm", ".xhtml", ".jsf", ".jsp")
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}\Z")


def asked(source: Source, element: etree._Element) -> dict[str, Any] | str:
    """The form of an approval: a JSON Schema, the key of a shared form, or {} for none.

    What is not taken over of one is noted.
    """
    own = extension(element, zeebe("formDefinition"))
    key = "" if own is None else (own.get("formKey") or "").strip()
    if key.startswith(_WITHIN):
        return _of_file(source, element, key.removeprefix(_WITHIN))
    if found := form_fields.schema(source, element):
        return found
    named = [key or (own.get("formId") or "").strip()] if own is not None else []
    if own is not None and own.get("externalReference"):
        named.append((own.get("externalReference") or "").strip())
    named += [attribute(element, "formRef"), attribute(element, "formKey")]
    return next((_shared(source, element, one) for one in named if one), {})


def fields(task: dict[str, Any]) -> Collection[str]:
    """The names of a task's form, as far as the file has them."""
    form = task.get("approval", {}).get("form")
    properties = form.get("properties") if isinstance(form, dict) else None
    return properties.keys() if isinstance(properties, dict) else ()


def take_out(element: etree._Element, task: dict[str, Any]) -> None:
    """A field becomes the variable of its name, as where the file comes from; what the task says
    itself of its outputs stays.
    """
    if extension(element, IO_MAPPING) is not None or "approval" not in task:
        return
    kept = fields(task)
    found = {
        variable: f"output.data.{name}"
        for name, variable in _variables(element, kept).items()
        if name in kept and variable not in RESERVED
    }
    if found:
        task["output_mapping"] = {**found, **task.get("output_mapping", {})}


def _variables(element: etree._Element, kept: Collection[str]) -> dict[str, str]:
    """The variables that fields of a vendor's form set, by the names of the fields."""
    own = extension(element, zeebe("formDefinition"))
    if own is None or not (own.get("formKey") or "").strip().startswith(_WITHIN):
        return form_fields.variables(element)
    for mapping in extensions(element, zeebe("ioMapping")):
        if any(one.tag == zeebe("output") for one in mapping):
            return {}  # then these alone are given on
    return {name: name for name in kept}


def _of_file(source: Source, element: etree._Element, key: str) -> dict[str, Any]:
    if key not in source.forms:
        source.forms[key] = _read(source, element, key)
    found, length = source.forms[key]
    source.askable -= length
    if source.askable < 0:
        source.note(element, f"The form “{key:.100}” is not taken over: its file asks too much.")
        return {}
    return dict(found)


def _read(source: Source, element: etree._Element, key: str) -> tuple[dict[str, Any], int]:
    """The form of a file by its id, and how long its text is; its notes are told once."""
    process = next(element.iterancestors(bpmn("process")), None)
    known = () if process is None else extensions(process, zeebe("userTaskForm"))
    one = next((form for form in known if (form.get("id") or "").strip() == key), None)
    if one is None:
        source.note(element, f"The form “{key:.100}” is not in this file: draw one at the step.")
        return {}, 0
    text = text_of(one)
    try:
        document = embedded.parsed_object(text) if len(text) <= source.askable else {}
    except embedded.Malformed as reason:
        source.note(element, f"The form “{key:.100}” cannot be read: {reason}.", one)
        return {}, 0
    made = camunda_forms.converted(document)
    for note in made.notes:
        source.note(element, note, one)
    if not made.schema and len(text) <= source.askable:
        source.note(element, f"The form “{key:.100}” asks nothing that can be filled in.", one)
    return made.schema, len(text)


def _shared(source: Source, element: etree._Element, given: str) -> str:
    """The key under which a form is kept beside the workflows; "" for what is none."""
    if expressing.is_dynamic(given):
        what = f"Which form it is (“{given:.200}”) is told by an expression: it is not read."
        source.note(element, what)
        return ""
    name = given
    if name.startswith(_FILES):
        name = name.rpartition(":")[2]
    if name.endswith(".form"):
        name = name.rpartition("/")[2].removesuffix(".form")
    if not _KEY.match(name) or name.lower().endswith(_PAGES):
        what = f"The page “{given:.200}” is not taken over: a person sees the input and decides."
        source.note(element, what)
        return ""
    if not source.has_form(name):
        what = (
            f"The form “{name}” is not among the shared forms: a person sees the input and decides."
        )
        source.note(element, f"{what} Import it, then choose it at the step.")
        return ""
    if attribute(element, "formRefBinding") == "version":
        source.note(element, f"The newest version of the form “{name}” is asked.")
    what = f"The form “{name}” is looked for among the shared forms. Outputs say which of its "
    source.note(element, f"{what}fields become variables, such as x = output.data.x.")
    return name
