"""Two pens write drafts, forms and diagrams; that somebody did is recorded here, in the transaction
that saves one, and who saves what another has changed meanwhile is refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F

from workflows.errors import DraftChanged
from workflows.models import AuditEvent, Workflow

from . import transitions

MOST_FIELDS = 5  # named in a refusal


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a draft. `fields` as `changed` takes them; `kind` is the audit row's."""

    revision: int
    by: str
    at: datetime
    kind: str
    fields: list[str]

    def __str__(self) -> str:
        named = ", ".join(self.fields[:MOST_FIELDS]) or self.kind.removeprefix("workflow.")
        more = f" and {len(self.fields) - MOST_FIELDS} more" * (len(self.fields) > MOST_FIELDS)
        who = self.by.removeprefix("user:")
        return f"{who} at {self.at:%Y-%m-%d %H:%M:%S} UTC: {named}{more}"


def changed(
    workflow: Workflow,
    *,
    by: AbstractBaseUser | None,
    fields: Sequence[str] = (),
    kind: str = "workflow.changed",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Record that a draft was created, changed, imported or deleted, and which of its fields.

    Its revision goes up. A task's field is named "tasks.<key>.<field>", a trigger's
    "triggers.<kind> <subject>.<field>", the document "diagram"; `kind` is workflow.created,
    .changed, .imported or .deleted; `more` is told in the audit row too.
    """
    touched(workflow)
    told = {"key": workflow.key, "fields": list(fields), "revision": workflow.revision}
    transitions.record(
        [
            transitions.Entry(
                kind=kind,
                entity_type="workflow",
                entity_id=str(workflow.pk),
                actor=transitions.actor(by),
                data={**told, **(more or {})},
            )
        ]
    )
    transitions.doorbell([], "workflows")


def touched(workflow: Workflow) -> None:
    """Its revision goes up, for a change that has an audit row of another kind."""
    Workflow.objects.filter(pk=workflow.pk).update(revision=F("revision") + 1)
    workflow.revision += 1


def check(workflow: Workflow, revision: int) -> None:
    """Raise DraftChanged, with who changed what and when, unless that is the present revision."""
    if workflow.revision == revision:
        return
    found = changes_since(workflow, revision)
    told = "; ".join(map(str, found))
    message = f"The draft has been changed since you opened it. {told}".strip()
    raise DraftChanged(message, found)


def changes_since(workflow: Workflow, revision: int) -> list[Change]:
    """The changes of a draft after a revision, oldest first."""
    rows = AuditEvent.objects.filter(
        entity_type="workflow", entity_id=str(workflow.pk), data__revision__gt=revision
    )
    return [
        Change(row.data["revision"], row.actor, row.at, row.kind, row.data.get("fields", []))
        for row in rows.order_by("id")
    ]
