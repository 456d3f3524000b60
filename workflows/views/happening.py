"""An audit row as a sentence."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from workflows.models import AuditEvent, State

OF_THE_EXECUTION = {
    "created": gettext_noop("The execution was created."),
    "running": gettext_noop("The execution began."),
    "paused": gettext_noop("The execution was paused."),
    "completed": gettext_noop("The execution completed."),
    "failed": gettext_noop("The execution failed."),
    "cancelled": gettext_noop("The execution was cancelled."),
    "pending": gettext_noop("The execution was made ready to go on."),
    "variables_changed": gettext_noop("Variables were changed by hand."),
    "moved": gettext_noop("The execution was moved to another version."),
    "forked": gettext_noop("Another execution was started from one of its steps."),
}
OF_A_TASK = {
    "running": gettext_noop("“%(task)s” went on."),
    "paused": gettext_noop("“%(task)s” began to wait."),
    "completed": gettext_noop("“%(task)s” completed."),
    "failed": gettext_noop("“%(task)s” failed."),
    "pending": gettext_noop("“%(task)s” is to be tried again."),
    "cancelled": gettext_noop("“%(task)s” was cancelled."),
    "reserved": gettext_noop("An agent was reserved for “%(task)s”."),
    "opened": gettext_noop("“%(task)s” had its turn."),
    "activated": gettext_noop("Somebody chose what is done next in “%(task)s”."),
    "skipped": gettext_noop("“%(task)s” was skipped."),
    "input_changed": gettext_noop("The input of “%(task)s” was changed by hand."),
}
OF_OTHERS = {
    "approval.overdue": gettext_noop("“%(task)s” is overdue: nobody has decided in time."),
    "approval.refused": gettext_noop("A decision on “%(task)s” was refused."),
    "result.refused": gettext_noop("A result of “%(task)s” came too late and was refused."),
    "transition.refused": gettext_noop("A change that is not allowed was refused."),
    "operation.refused": gettext_noop("An operation that is not allowed was refused."),
    "token.passed": gettext_noop("A token passed “%(task)s”."),
}
REFUSED = {
    "set_variables": gettext_noop("A change of variables was refused."),
    "move_to_version": gettext_noop("A move to another version was refused."),
    "rerun_from": gettext_noop("Running again from a step was refused."),
    "retry": gettext_noop("Running again what had failed was refused."),
    "skip": gettext_noop("Skipping “%(task)s” was refused."),
    "complete": gettext_noop("Completing a step by hand was refused."),
    "activate": gettext_noop("Beginning a step by hand was refused."),
}
DETAILS = ("error", "reason", "comment", "why", "chosen")


def sentence(row: AuditEvent, task: str) -> str:
    """What happened, in a sentence; `task` is the name of the task that it happened to."""
    subject, _dot, verb = row.kind.partition(".")
    if subject == "execution" and (row.old_state, verb) == (State.PAUSED, State.RUNNING):
        return _("The execution went on.")
    if subject == "execution" and verb in OF_THE_EXECUTION:
        return _(OF_THE_EXECUTION[verb])
    if row.kind == "task.assigned":
        return _begun(row, task)
    if row.kind == "approval.decided":
        return _decided(row, task)
    if row.kind == "operation.refused" and row.data.get("asked") in REFUSED:
        return _(REFUSED[row.data["asked"]]) % {"task": task}
    known = OF_A_TASK.get(verb) if subject == "task" else OF_OTHERS.get(row.kind)
    return _(known) % {"task": task} if known else f"{row.kind} {task}".strip()


def detail(row: AuditEvent) -> str:
    """What was said about it: the error, the reason, the comment."""
    first = ("why",) if row.kind.endswith(".refused") else ()
    said = (row.data.get(name) for name in (*first, *DETAILS))
    return next((str(text) for text in said if text), "")


def _begun(row: AuditEvent, task: str) -> str:
    told: dict[str, Any] = {"task": task, "agent": row.agent_id, "attempt": row.attempt}
    if not row.agent_id:
        return _("“%(task)s” began.") % told
    if (row.attempt or 1) > 1:
        return _("“%(task)s” began again on %(agent)s, attempt %(attempt)s.") % told
    return _("“%(task)s” began on %(agent)s.") % told


def _decided(row: AuditEvent, task: str) -> str:
    told = {"task": task, "who": row.actor.removeprefix("user:")}
    if row.data.get("verdict") == "approve":
        return _("%(who)s approved “%(task)s”.") % told
    return _("%(who)s rejected “%(task)s”.") % told
