"""What is said about a draft, or about a document that might become one. Nothing is stored."""

from __future__ import annotations

from copy import copy

from workflows.bpmn.reader import Finding
from workflows.graph.validation import Problem
from workflows.models import Workflow

from . import definitions, diagrams


def draft(workflow: Workflow) -> tuple[list[Problem], list[Finding]]:
    """What keeps the draft from being published, and what its document's reader has found."""
    return definitions.problems(workflow), diagrams.findings(workflow)


def document(workflow: Workflow, data: bytes) -> tuple[list[Problem], list[Finding]]:
    """The same of a document, as if it were the draft's.

    Raises InvalidDiagram for what is no BPMN, InvalidDefinition for what no draft can hold.
    """
    reading = diagrams.read(data)
    as_if = copy(workflow)
    rows = definitions.rows_of(as_if, reading.definition)
    found = [
        *diagrams.of_findings(diagrams.unsupported(reading.findings)),
        *definitions.problems_of(as_if, rows),
    ]
    return found, reading.findings
