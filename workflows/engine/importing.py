"""From a BPMN document to a draft: a file that is imported, and what the diagram editor saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import transaction

from workflows.errors import DraftExists, UnsupportedDiagram
from workflows.graph.validation import Problem
from workflows.models import Version, Workflow

from . import definitions, describing, diagrams, drafts, triggers

if TYPE_CHECKING:
    from workflows.bpmn.reader import Finding, Reading

CLEARED: dict[str, Any] = {
    "description": "",
    "input_schema": {},
    "variables": {},
    "timeout_minutes": None,
    "retry_policy": {},
}


@dataclass(frozen=True, slots=True)
class Import:
    """What came of a file. `problems`: what keeps the draft from being published; `version`: what
    it was published as, if that was asked for."""

    workflow: Workflow
    is_new: bool
    findings: list[Finding]
    problems: list[Problem]
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of an autosave: the draft's new revision, and what is said about it."""

    revision: int
    findings: list[Finding]
    problems: list[Problem]


def import_bpmn(
    data: bytes,
    *,
    key: str | None = None,
    by: User | None,
    strict: bool = False,
    process: str | None = None,
    publish: bool = False,
    replace: bool = True,
) -> Import:
    """Make a BPMN 2.0 file the draft of the workflow `key` (else the process's own id).

    An earlier draft is replaced; the settings of the workflow that the file says nothing of stay.
    `process` names one of several in the file. Everything that cannot be run is in `findings`;
    `strict` refuses it. Raises InvalidDiagram (no BPMN), UnsupportedDiagram (strict), DraftExists
    (without `replace`) and InvalidDefinition (key, fields, and with `publish` every problem): then
    nothing is stored.
    """
    reading = diagrams.read(data, process)
    refused = diagrams.unsupported(reading.findings)
    if strict and refused:
        raise UnsupportedDiagram(diagrams.of_findings(refused), refused)
    with transaction.atomic():
        workflow, is_new = _imported(data, reading, key, process, by, replace)
        version = definitions.publish(workflow, by=by) if publish else None
    return Import(workflow, is_new, reading.findings, definitions.problems(workflow), version)


def save_diagram(workflow: Workflow, data: bytes, *, by: User | None, revision: int) -> Saved:
    """The diagram editor's autosave: the document becomes the draft, whole, finished or not.

    `revision`: the `workflow.revision` of what is being edited. Raises DraftChanged (409) when the
    draft has been changed since, with `.changes` (who, when, what), InvalidDiagram (422) for what
    is no BPMN and InvalidDefinition (422) for what no draft can hold: then nothing is stored.
    """
    with transaction.atomic():
        locked = Workflow.objects.select_for_update(of=("self",), no_key=True).get(pk=workflow.pk)
        drafts.check(locked, revision)
        process = _process(locked)
        reading = diagrams.read(data, process or None)
        before = describing.definition_of(locked)
        if diagrams.current(locked, before) == data:
            diagrams.store(locked, data, reading, process=process, draft=before)
        else:
            given = {**CLEARED, **_as_rows(reading.definition)}
            _write(locked, data, given, reading, process, by, before)
    workflow.revision = locked.revision
    return Saved(locked.revision, reading.findings, definitions.problems(locked))


def _imported(
    data: bytes,
    reading: Reading,
    key: str | None,
    process: str | None,
    by: User | None,
    may_replace: bool,
) -> tuple[Workflow, bool]:
    given = _as_rows(reading.definition)
    known = key or str(given.get("key") or "")
    present = (
        Workflow.objects.select_for_update(of=("self",), no_key=True).filter(key=known).first()
    )
    if present is not None and not may_replace:
        raise DraftExists(f"There is a workflow “{known}” already: “{present}”.")
    workflow = present or definitions.draft(known, {})
    before = describing.definition_of(workflow)
    _define_triggers(workflow, given, by)
    _write(workflow, data, given, reading, process or "", by, before, kind="workflow.imported")
    return workflow, present is None


def _write(
    workflow: Workflow,
    data: bytes,
    definition: Mapping[str, Any],
    reading: Reading,
    process: str,
    by: User | None,
    before: Mapping[str, Any],
    kind: str = "workflow.changed",
) -> None:
    """The locked draft becomes what the document says; one audit row names what has changed."""
    definitions.write(workflow, definition)
    after = describing.definition_of(workflow)
    kept = [name for name in after if name not in definition and name not in ("key", "name")]
    draft = {} if kept else after
    diagrams.store(workflow, data, reading, process=process, draft=draft)
    names = [*describing.changes(before, after), "diagram"]
    drafts.changed(workflow, by=by, fields=names, kind=kind, more={"sha256": diagrams.sha256(data)})


def _define_triggers(workflow: Workflow, definition: Mapping[str, Any], by: User | None) -> None:
    """Schedules and the like that a file brings; mere names of events wait for publishing."""
    items = definition.get("triggers", ())
    if any(isinstance(item, Mapping) for item in items):
        triggers.define(workflow, items, by=by)


def _as_rows(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Without an empty name (a process needs none, a workflow keeps or gets one), and without the
    orders of ways out that are those of the tasks anyway."""
    given = {name: told for name, told in definition.items() if told or name != "name"}
    return {**given, "tasks": _with_needed_orders(definition.get("tasks", ()))}


def _with_needed_orders(tasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    copies = [{**task, "depends_on": [*(task.get("depends_on") or ())]} for task in tasks]
    ways: dict[str, list[tuple[int, int, int]]] = {}
    for at, task in enumerate(copies):
        for place, item in enumerate(task["depends_on"]):
            if isinstance(item, Mapping):
                ways.setdefault(item["task"], []).append((item.get("order", 0), at, place))
            else:
                ways.setdefault(item, []).append((0, at, place))
    for found in ways.values():
        if found == sorted(found):
            for _order, at, place in found:
                copies[at]["depends_on"][place] = _unordered(copies[at]["depends_on"][place])
    return copies


def _unordered(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    kept = {name: value for name, value in item.items() if name != "order"}
    return kept if len(kept) > 1 else kept["task"]


def _process(workflow: Workflow) -> str:
    stored = getattr(workflow, "diagram", None)
    return stored.process if stored is not None else ""
