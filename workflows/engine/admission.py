"""Whether a workflow takes new starts: an operator pauses and resumes its intake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from workflows import clock
from workflows.errors import IntakePaused, StaleState, UnknownWorkflow
from workflows.models import Workflow

from . import arguments, transitions


def pause_intake(key: str, *, by: AbstractBaseUser | None, reason: str = "") -> Workflow:
    """Refuse new starts of a workflow from now on; what runs goes on.

    No start that is under way slips through: it commits before this returns, or is refused.
    Raises UnknownWorkflow, StaleState (recorded) when the intake is paused already.
    """
    return _change(key, by, reason, "intake_paused")


def resume_intake(key: str, *, by: AbstractBaseUser | None, reason: str = "") -> Workflow:
    """Take new starts again. Raises UnknownWorkflow, StaleState (recorded) if it is not paused."""
    return _change(key, by, reason, "intake_resumed")


def check(workflow: Workflow, by: AbstractBaseUser | None) -> None:
    """Raise IntakePaused (recorded) if the workflow takes no new starts."""
    if workflow.intake_paused_at is None:
        return
    error = IntakePaused(intake_refusal(workflow))
    with transaction.atomic():
        transitions.record([_entry(workflow, "start_refused", by, {"why": str(error)})])
    raise error


def refuse(workflow: Workflow) -> NoReturn:
    """Raise IntakePaused: the intake was paused after the start had begun."""
    paused = Workflow.objects.select_related("intake_paused_by").get(pk=workflow.pk)
    raise IntakePaused(intake_refusal(paused))


def intake_refusal(workflow: Workflow) -> str:
    """Why it takes no new starts, with who paused it and why; its intake is paused."""
    who = workflow.intake_paused_by.get_username() if workflow.intake_paused_by else "the system"
    why = f": {workflow.intake_pause_reason}" if workflow.intake_pause_reason else ""
    return f"“{workflow.name}” takes no new starts. Its intake was paused by {who}{why}."


def _change(key: str, by: AbstractBaseUser | None, reason: str, kind: str) -> Workflow:
    arguments.reason(reason)
    try:
        with transaction.atomic():
            rows = Workflow.objects.select_for_update(of=("self",))
            workflow = rows.filter(key=key).first() if arguments.is_key(key) else None
            if workflow is None:
                raise UnknownWorkflow(f"There is no workflow “{key!s:.100}”.")
            _write(workflow, by, reason, is_pausing=kind == "intake_paused")
            transitions.record([_entry(workflow, kind, by, {"reason": reason} if reason else {})])
            transitions.doorbell([], "workflows")
            return workflow
    except StaleState as error:
        workflow = Workflow.objects.get(key=key)
        refused = {"asked": kind, "why": str(error)}
        with transaction.atomic():
            transitions.record([_entry(workflow, "operation_refused", by, refused)])
        raise


def _write(
    workflow: Workflow, by: AbstractBaseUser | None, reason: str, *, is_pausing: bool
) -> None:
    if (workflow.intake_paused_at is not None) == is_pausing:
        raise StaleState(
            "Its intake is paused already." if is_pausing else "Its intake is not paused."
        )
    workflow.intake_paused_at = clock.now() if is_pausing else None
    workflow.intake_paused_by = by if is_pausing else None  # type: ignore[assignment]
    workflow.intake_pause_reason = reason if is_pausing else ""
    workflow.save(update_fields=["intake_paused_at", "intake_paused_by", "intake_pause_reason"])


def _entry(
    workflow: Workflow, kind: str, by: AbstractBaseUser | None, data: Mapping[str, Any]
) -> transitions.Entry:
    return transitions.Entry(
        kind=f"workflow.{kind}",
        entity_type="workflow",
        entity_id=str(workflow.pk),
        actor=transitions.actor(by),
        data={"key": workflow.key, **data},
    )
