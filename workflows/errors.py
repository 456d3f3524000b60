"""Refusals. A class's docstring is its default message; views turn them into 4xx answers."""

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


class UnknownApproval(WorkflowError):
    """There is no such approval."""


class NotAllowed(WorkflowError):
    """You do not have the permission for this."""


class StaleState(WorkflowError):
    """Somebody else was faster: the state has changed meanwhile."""


class AlreadyDecided(StaleState):
    """This approval has already been decided."""


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


class CannotMove(Listed):
    """The execution cannot go on with that version."""


class InvalidExpression(WorkflowError):
    """The expression could not be evaluated."""
