"""BPMN documents of drafts and versions: kept as they came, patched where rows have moved on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from workflows.bpmn import reader, writer
from workflows.bpmn.reader import Finding, Reading
from workflows.errors import BpmnError, CannotDraw, InvalidDiagram, UnknownVersion, UnknownWorkflow
from workflows.graph.validation import Problem
from workflows.models import (
    LARGEST_DIAGRAM,
    Diagram,
    Form,
    TaskDefinition,
    Version,
    VersionDiagram,
    Workflow,
)

from . import describing, graphs

UNSUPPORTED = "unsupported"


def diagram_of(workflow: Workflow, *, drawn: bool = False) -> bytes:
    """The draft's document: the bytes as they came while the draft is what they say.

    When the draft says more or something else, the elements that differ are patched; a draft that
    has no document gets one that is laid out. `drawn`: so does a file that came without a layout,
    to be shown. Nothing is stored. For the editor: read `workflow.revision` before the document,
    and give it to `save_diagram`. Raises CannotDraw for an unfinished draft that no document can
    say, with what is to be mended first.
    """
    document = current(workflow, describing.definition_of(workflow))
    return writer.with_diagram(document) if drawn else document


def diagram_of_version(version: Version) -> bytes:
    """The document that a version was published with; a laid-out one when it had none."""
    stored = VersionDiagram.objects.filter(version=version.arranges_id or version.pk).first()
    if stored is not None:
        return bytes(stored.content)
    return _written(describing.definition_of_version(version, graphs.of(version.pk)))


def export_bpmn(key: str, number: int | None = None) -> bytes:
    """The document of a version, or of the draft (None). Raises UnknownWorkflow, UnknownVersion."""
    workflow = Workflow.objects.filter(key=key).first()
    if workflow is None:
        raise UnknownWorkflow(f"There is no workflow “{key}”.")
    if number is None:
        return diagram_of(workflow)
    version = workflow.versions.filter(arranges=None, number=number).first()
    if version is None:
        raise UnknownVersion(f"Workflow “{key}” has no version {number}.")
    return diagram_of_version(version)


def findings(workflow: Workflow) -> list[Finding]:
    """What the reader says of the draft's document, in document order; [] when there is none."""
    stored = _stored(workflow)
    return [] if stored is None else _findings(workflow, stored, None)


def problems(workflow: Workflow, rows: Sequence[TaskDefinition]) -> list[Problem]:
    """What cannot be run in the draft's document: it keeps the draft from being published."""
    stored = getattr(workflow, "diagram", None) if workflow.pk else None
    if stored is None or not any(_is_unsupported(one) for one in _told(stored)):
        return []  # rows have nothing that cannot be run: only documents do
    return of_findings(unsupported(_findings(workflow, stored, rows)))


def unsupported(found: Iterable[Finding]) -> list[Finding]:
    """Those findings that forbid publishing."""
    return [one for one in found if _is_unsupported(one)]


def of_findings(found: Iterable[Finding]) -> list[Problem]:
    """Findings as problems: the element's id, and in the words its name, its line, what to do."""
    return [Problem(one.element_id, "diagram", in_words(one)) for one in found]


def in_words(one: Finding) -> str:
    """A finding in one sentence, led by the element's name and line as far as they are known."""
    line = f"line {one.line}" if one.line else ""
    where = " ".join(filter(None, [f"“{one.name}”" if one.name else "", line and f"({line})"]))
    return f"{where}: {one.what}" if where else one.what


def read(data: bytes, process: str | None = None) -> Reading:
    """What a document says. Raises InvalidDiagram, with line and element, when it is none."""
    if len(data) > LARGEST_DIAGRAM:
        raise InvalidDiagram(
            [Problem("", "diagram", f"It has {len(data)} bytes; {LARGEST_DIAGRAM} is the limit.")]
        )
    try:
        return reader.read(data, process=process, has_form=_has_form)
    except BpmnError as error:
        place = f"Line {error.line}: " if error.line else ""
        problem = Problem(error.element_id or "", "diagram", f"{place}{error.message}")
        raise InvalidDiagram([problem]) from error


def _has_form(key: str) -> bool:
    return Form.objects.filter(key=key).exists()


def current(workflow: Workflow, definition: Mapping[str, Any]) -> bytes:
    """`diagram_of` a draft whose definition is known."""
    return _current(definition, _stored(workflow))


def store(
    workflow: Workflow, data: bytes, reading: Reading, *, process: str, draft: Mapping[str, Any]
) -> None:
    """Keep a draft's document as it came; `draft`: the definition of all that it says, if that is
    the whole draft, else {}."""
    Diagram.objects.update_or_create(
        workflow=workflow,
        defaults={
            "content": data,
            "sha256": sha256(data),
            "draft_sha256": describing.digest(draft) if draft else "",
            "process": process,
            "findings": [asdict(one) for one in reading.findings],
        },
    )
    workflow._state.fields_cache.pop("diagram", None)


def freeze(version: Version, workflow: Workflow) -> None:
    """Keep the draft's document with the version that it has become."""
    stored = _stored(workflow)
    if stored is not None:
        content = _current(describing.definition_of(workflow), stored)
        VersionDiagram.objects.create(version=version, content=content, sha256=sha256(content))


def sha256(data: bytes) -> str:
    """Lower-case hex digest."""
    return hashlib.sha256(data).hexdigest()


def _stored(workflow: Workflow) -> Diagram | None:
    return Diagram.objects.filter(workflow=workflow).first()


def _current(definition: Mapping[str, Any], stored: Diagram | None) -> bytes:
    if stored is None:
        return _written(definition)
    content = bytes(stored.content)
    if stored.draft_sha256 == describing.digest(definition):
        return content
    return _written(definition, content, stored.process)


def _written(
    definition: Mapping[str, Any], previous: bytes | None = None, process: str = ""
) -> bytes:
    try:
        return writer.write(definition, previous, process=process or None)
    except BpmnError as error:
        raise CannotDraw([Problem("", "diagram", error.message)]) from error


def _findings(
    workflow: Workflow, stored: Diagram, rows: Sequence[TaskDefinition] | None
) -> list[Finding]:
    definition = describing.definition_of(workflow, rows)
    if stored.draft_sha256 == describing.digest(definition):
        return _told(stored)
    try:
        document = _current(definition, stored)
    except CannotDraw:
        return _told(stored)  # the draft has other problems first
    return read(document, stored.process or None).findings


def _told(stored: Diagram) -> list[Finding]:
    return [Finding(**one) for one in stored.findings]


def _is_unsupported(one: Finding) -> bool:
    return one.severity == UNSUPPORTED
