"""Refusals. A class's docstring is its default message; pages and the API answer `status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class WorkflowError(Exception):
    """The request could not be carried out."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class UnknownWorkflow(WorkflowError):
    """There is no published workflow with this key."""


class UnknownBatch(WorkflowError):
    """There is no such batch."""


class UnknownVersion(WorkflowError):
    """There is no such version."""


class IntakePaused(WorkflowError):
    """This workflow takes no new starts at present."""


class UnknownExecution(WorkflowError):
    """There is no such execution."""


class UnknownTask(WorkflowError):
    """There is no such task in this execution."""


class UnknownAgent(WorkflowError):
    """There is no such agent."""


class UnknownApproval(WorkflowError):
    """There is no such approval."""


class UnknownRow(WorkflowError):
    """There is no such audit row."""


class Contradiction(WorkflowError):
    """The audit rows contradict one another."""


class UnknownTrigger(WorkflowError):
    """There is no such trigger."""


class CannotRerun(WorkflowError):
    """Nothing can be run again from this step alone."""


class NotAllowed(WorkflowError):
    """You do not have the permission for this."""


class StaleState(WorkflowError):
    """Somebody else was faster: the state has changed meanwhile."""


class DraftChanged(StaleState):
    """The draft has been changed since you opened it."""

    def __init__(self, message: str = "", changes: Sequence[Any] = ()) -> None:
        self.changes = list(changes)
        super().__init__(message)


class DraftExists(WorkflowError):
    """There is a workflow with this key already."""


class WrongState(WorkflowError):
    """Its present state does not allow this."""


class AlreadyDecided(StaleState):
    """This approval has already been decided."""


class NotOffered(WrongState):
    """This is not to be chosen here, or not now."""


class IllegalTransition(WorkflowError):
    """This change of state is not allowed."""

    def __init__(self, old: str, new: str, subject: str = "") -> None:
        self.old, self.new = old, new
        super().__init__(f"{subject or 'It'} cannot go from {old} to {new}.")


class Listed(WorkflowError):
    """Several things are wrong."""

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class InvalidInput(Listed):
    """The input does not match what the workflow expects."""


class InvalidDefinition(Listed):
    """The definition cannot be published."""


class InvalidDiagram(Listed):
    """The file cannot be read as BPMN 2.0."""


class UnsupportedDiagram(Listed):
    """The file has parts that cannot be run."""

    def __init__(self, problems: Sequence[Any], findings: Sequence[Any] = ()) -> None:
        self.findings = list(findings)
        super().__init__(problems)


class CannotDraw(Listed):
    """The draft cannot be drawn as it is."""


class CannotMove(Listed):
    """The execution cannot go on with that version."""


class BpmnError(WorkflowError):
    """The file cannot be read as BPMN 2.0."""

    def __init__(self, message: str = "", line: int | None = None, element_id: str = "") -> None:
        self.message, self.line, self.element_id = message, line, element_id
        place = f"Line {line}" if line else ""
        place += f", element “{element_id}”" if place and element_id else ""
        super().__init__(f"{place}: {message}" if place and message else message)


class InvalidExpression(WorkflowError):
    """The expression could not be evaluated."""


class DecisionFailed(WorkflowError):
    """The decision could not be made."""


class UnreadableDecisions(Listed):
    """The file of decisions cannot be read."""


class UnknownDecision(WorkflowError):
    """There is no such decision."""


class InvalidForm(Listed):
    """The form cannot be used as it is."""


class UnknownForm(WorkflowError):
    """There is no such form."""


STATUS: dict[type[WorkflowError], int] = {
    BpmnError: 400,
    NotAllowed: 403,
    UnknownWorkflow: 404,
    UnknownExecution: 404,
    UnknownTask: 404,
    UnknownVersion: 404,
    UnknownBatch: 404,
    UnknownAgent: 404,
    UnknownApproval: 404,
    UnknownRow: 404,
    UnknownTrigger: 404,
    UnknownDecision: 404,
    UnknownForm: 404,
    Listed: 422,
    InvalidExpression: 422,
    DecisionFailed: 422,
}


def status(error: WorkflowError) -> int:
    """The HTTP status of a refusal: 403, 404, 422, or 409 for what the present state forbids."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 409)
