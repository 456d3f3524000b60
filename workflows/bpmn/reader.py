"""From a BPMN 2.0 file to a definition for `engine.register_workflow`, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from workflows.errors import BpmnError

from . import connecting, embedded, endless, extension, foreign, implicit, keys, scopes
from .findings import Finding
from .kinds import NODES
from .parsing import parsed
from .source import BPMN, Source, children, is_true, local, name_of
from .source import extension as first_extension

__all__ = ["BpmnError", "Finding", "Reading", "read"]


@dataclass(frozen=True)
class Reading:
    """What a file says: a definition as `engine.register_workflow` takes it, what was found on the
    way, in the order of lines, and the line from 1 of each element by its id and its key.
    """

    definition: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def unsupported(self) -> list[Finding]:
        """The findings that keep it from being published."""
        return [one for one in self.findings if one.severity == "unsupported"]


def read(
    data: bytes,
    *,
    process: str | None = None,
    has_form: Callable[[str], bool] = lambda key: True,
) -> Reading:
    """Read the process that is executable, or the one with this id or name.

    A key by which another tool finds a form is one of ours if `has_form` says so; else it is noted.
    Raises BpmnError, with line and element, for what is no BPMN 2.0 or makes no sense: ids that
    are there twice, flows that lead nowhere, no such process.
    """
    source = Source(parsed(data), has_form)
    _check_root(source)
    chosen = _chosen(source, process)
    endless.refuse(source)
    links = connecting.Connections(source, chosen)
    walk = scopes.Walk(source, chosen, links, connecting.lanes(source, chosen))
    between = list(links.write(walk.tasks))
    definition = _whole(source, chosen)
    definition["tasks"] = [*walk.tasks.values(), *walk.inner, *between]
    definition = _folded(source, definition, walk.tasks)
    foreign.name_all(source, chosen)
    return Reading(definition, _ordered(source), _lines(source, walk.tasks))


def _check_root(source: Source) -> None:
    if local(source.root) == "definitions":
        return
    tag = str(source.root.tag)
    uri, _, name = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
    message = f"It is no BPMN 2.0: <definitions> of {BPMN} was expected, not <{name:.100}>"
    raise source.error(source.root, f"{message} of {uri or 'no namespace'}.")


def _chosen(source: Source, wanted: str | None) -> etree._Element:
    found = list(children(source.root, "process"))
    if not found:
        raise source.error(source.root, "There is no process in this file.")
    if wanted:
        chosen = next((one for one in found if wanted in (one.get("id"), one.get("name"))), None)
        if chosen is None:
            listed = ", ".join(f"“{one.get('id') or name_of(one)}”" for one in found[:20])
            message = f"There is no process “{wanted:.200}” in this file; there are {listed}."
            raise source.error(source.root, message)
        return chosen
    chosen = min(found, key=_preference)
    for one in found:
        if one is not chosen:
            what = f"Of {len(found)} processes “{chosen.get('id') or ''}” is read, not this one."
            source.note(one, what)
    return chosen


def _preference(process: etree._Element) -> tuple[bool, bool]:
    """Executable ones first, then those in which something is drawn."""
    is_drawn = any(local(one) in NODES for one in process)
    return (not is_true(process, "isExecutable"), not is_drawn)


def _whole(source: Source, process: etree._Element) -> dict[str, Any]:
    """The fields of the workflow itself."""
    given = (process.get("id") or "").strip()
    name = name_of(process)[: scopes.MAX_NAME] or _participant(source, given)
    definition: dict[str, Any] = {"key": keys.key(given) if given else "process"}
    definition["name"] = name or definition["key"]
    if text := scopes.documentation(process):
        definition["description"] = text
    if not is_true(process, "isExecutable"):
        source.note(process, "The file does not say that it is executable.")
    definition.update(_own(source, process))
    return definition


def _participant(source: Source, process: str) -> str:
    """The name of the pool that a process without a name is drawn in."""
    for one in source.root.iter(f"{{{BPMN}}}participant"):
        if (one.get("processRef") or "").strip().rpartition(":")[2] == process and process:
            return name_of(one)[: scopes.MAX_NAME]
    return ""


def _own(source: Source, process: etree._Element) -> dict[str, Any]:
    own = first_extension(process, extension.WORKFLOW)
    if own is None:
        return {}
    try:
        said = embedded.parsed_object("".join(own.itertext()))
    except embedded.Malformed as reason:
        source.unsupported(process, f"What it says of the workflow: {reason}.", own)
        return {}
    for name in said.keys() - set(extension.WORKFLOW_FIELDS):
        source.unsupported(process, f"“{name:.100}” is no field of a workflow.", own)
    return {name: said[name] for name in extension.WORKFLOW_FIELDS if name in said}


def _folded(
    source: Source, definition: dict[str, Any], tasks: dict[etree._Element, dict[str, Any]]
) -> dict[str, Any]:
    """Without the elements that only draw what a definition says of a task, nor their findings."""
    marked = {
        task["key"]: implicit.Marked(mark, local(element))
        for element, task in tasks.items()
        if (mark := element.get(implicit.IMPLICIT))
    }
    if not marked:
        return definition
    folded = implicit.folded(definition, marked)
    gone = marked.keys() - {task["key"] for task in folded["tasks"]}
    source.findings = [one for one in source.findings if keys.key(one.element_id) not in gone]
    return folded


def _ordered(source: Source) -> list[Finding]:
    """Each finding once, in the order of the file."""
    return sorted(dict.fromkeys(source.findings), key=lambda one: one.line)


def _lines(source: Source, tasks: dict[etree._Element, dict[str, Any]]) -> dict[str, int]:
    found = {given: source.line(one) for given, one in source.by_id.items()}
    for element, task in tasks.items():
        found[task["key"]] = source.line(element)
    return found
