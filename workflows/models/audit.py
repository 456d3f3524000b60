from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .runs import Execution


class AuditEvent(models.Model):
    """What happened. Written by the database function `workflows_append_audit`, by nothing else."""

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        Execution,
        on_delete=models.DO_NOTHING,
        related_name="audit_events",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    seq = models.BigIntegerField(_("no."))
    at = models.DateTimeField(_("at"))
    at_text = models.CharField(max_length=32)
    kind = models.CharField(_("kind"), max_length=60)
    entity_type = models.CharField(max_length=20)
    entity_id = models.CharField(max_length=100)
    task_id = models.BigIntegerField(null=True)
    old_state = models.CharField(_("from"), max_length=20, null=True)
    new_state = models.CharField(_("to"), max_length=20, null=True)
    actor = models.CharField(_("actor"), max_length=200)
    attempt = models.IntegerField(_("attempt"), null=True)
    agent_id = models.CharField(_("agent"), max_length=100, null=True)
    lease_token = models.BigIntegerField(null=True)
    data = models.JSONField(_("data"), default=dict)
    data_digest = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        verbose_name, verbose_name_plural = _("audit event"), _("audit events")
        constraints = (
            models.UniqueConstraint(
                fields=("execution", "seq"), name="audit_rows_are_numbered_per_execution"
            ),
            models.UniqueConstraint(
                fields=("seq",),
                condition=models.Q(execution__isnull=True),
                name="audit_rows_of_the_desk_are_numbered",
            ),
        )
        indexes: ClassVar = [
            models.Index(
                fields=("agent_id", "-id"),
                name="assignments_by_agent",
                condition=models.Q(kind="task.assigned"),
            ),
            models.Index(
                fields=("entity_id", "-id"),
                name="changes_by_workflow",
                condition=models.Q(entity_type="workflow"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("Audit rows are appended by the database only.")

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Audit rows are never deleted.")


class AuditHead(models.Model):
    """Where an execution's chain ends (0: the desk). Its row lock is the execution's lock."""

    execution_id = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.execution_id}:{self.seq}"
