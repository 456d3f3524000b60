"""Forms write drafts; that somebody did is recorded here, in the transaction that saves one."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser

from workflows.models import Workflow

from . import transitions


def changed(
    workflow: Workflow,
    *,
    by: AbstractBaseUser | None,
    fields: Sequence[str] = (),
    kind: str = "workflow.changed",
) -> None:
    """Record that a draft was created, changed or deleted, and which of its fields.

    A task's field is named "tasks.<key>.<field>", a trigger's "triggers.<kind> <subject>.<field>";
    `kind` is workflow.created, .changed or .deleted.
    """
    transitions.record(
        [
            transitions.Entry(
                kind=kind,
                entity_type="workflow",
                entity_id=str(workflow.pk),
                actor=transitions.actor(by),
                data={"key": workflow.key, "fields": list(fields)},
            )
        ]
    )
    transitions.doorbell([], "workflows")
