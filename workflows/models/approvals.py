from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workflows import clock

from .runs import Execution, Task

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

# Of a release before forms, which may still run while this one is being installed.
NOTHING = models.Value({}, models.JSONField())


# What is due first, then what is never due, the newest first.
BY_DUE_TIME = (models.F("due_at").asc(nulls_last=True), models.F("id").desc())


class Approval(models.Model):
    """A question to people about one task; `digest` binds their decision to what they saw.

    `due_at`: when it is to be decided by, which decides nothing itself; `overdue_at`: when it was
    noted that it was not. `follow_up_at`: when somebody is to look at it again.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="approvals")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="approvals")
    title = models.CharField(_("title"), max_length=300)
    groups = models.JSONField(_("groups"), default=list)
    users = models.JSONField(_("users"), default=list)
    required = models.PositiveSmallIntegerField(_("approvals required"), default=1)
    not_requester = models.BooleanField(_("not by the requester"), default=True)
    form = models.JSONField(_("form"), default=dict, db_default=NOTHING, blank=True)
    payload = models.JSONField(_("payload"), default=dict)
    digest = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    requested_at = models.DateTimeField(_("requested"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    follow_up_at = models.DateTimeField(_("follow-up"), null=True, blank=True)
    overdue_at = models.DateTimeField(_("overdue"), null=True, blank=True)

    decisions: RelatedManager[Decision]

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("approval"), _("approvals")
        permissions = (("decide_approval", _("Can decide approvals")),)
        constraints = (
            models.UniqueConstraint(
                fields=("task",), condition=Q(state="open"), name="one_open_approval_per_task"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="a_decided_approval_says_when",
            ),
            models.CheckConstraint(
                condition=Q(overdue_at__isnull=True)
                | Q(due_at__isnull=False, overdue_at__gte=F("due_at")),
                name="an_approval_is_overdue_after_it_was_due",
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("-id",), name="open_approvals", condition=Q(state="open")),
            models.Index(
                *BY_DUE_TIME, name="open_approvals_by_due_time", condition=Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_overdue(self) -> bool:
        """Whether it is still open although its time has passed."""
        is_late = self.due_at is not None and self.due_at <= clock.now()
        return is_late and self.state == self.State.OPEN


class Decision(models.Model):
    """One person's answer; final once given."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", _("Approve")
        REJECT = "reject", _("Reject")

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, related_name="decisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices)
    comment = models.TextField(_("comment"), blank=True)
    data = models.JSONField(_("data"), default=dict, db_default=NOTHING, blank=True)
    digest = models.CharField(max_length=64)
    decided_at = models.DateTimeField(_("decided"))

    class Meta:
        ordering = ("decided_at",)
        verbose_name, verbose_name_plural = _("decision"), _("decisions")
        constraints = (
            models.UniqueConstraint(fields=("approval", "user"), name="one_decision_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.user} {self.verdict}"
