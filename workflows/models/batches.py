from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .runs import Execution


class Batch(models.Model):
    """One verb over everything that a filter found when it was created.

    `before`: the id below which its items are still to be gathered; `is_gathered`: none are left.
    """

    class Verb(models.TextChoices):
        PAUSE = "pause", _("Pause")
        RESUME = "resume", _("Resume")
        CANCEL = "cancel", _("Cancel")
        RETRY = "retry", _("Retry")

    id = models.BigAutoField(primary_key=True)
    verb = models.CharField(_("verb"), max_length=10, choices=Verb.choices)
    filter = models.JSONField(_("filter"), default=dict)
    reason = models.TextField(_("reason"), blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"))
    before = models.BigIntegerField()
    is_gathered = models.BooleanField(default=False)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    touched_at = models.DateTimeField()
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    stopped_because = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("batch"), _("batches")
        constraints = (
            models.CheckConstraint(
                condition=Q(total__gte=models.F("done") + models.F("refused")),
                name="a_batch_has_no_more_results_than_items",
            ),
            models.CheckConstraint(
                condition=Q(stopped_because="") | Q(finished_at__isnull=False),
                name="a_stopped_batch_says_when",
            ),
        )
        indexes: ClassVar = [
            models.Index(
                fields=("touched_at",), name="open_batches", condition=Q(finished_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped before its end."""
        return bool(self.stopped_because)

    @property
    def left(self) -> int:
        """How many of the items gathered so far wait for their turn."""
        return self.total - self.done - self.refused


class BatchItem(models.Model):
    """One execution (or one failed task of it) in a batch, and what came of it."""

    class Result(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items", db_index=False)
    execution = models.ForeignKey(
        Execution, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    task_id = models.BigIntegerField(null=True, blank=True)
    result = models.CharField(max_length=10, choices=Result.choices, default=Result.WAITING)
    message = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("batch", "execution", "task_id"),
                name="a_batch_has_each_item_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(result="waiting", finished_at__isnull=True)
                | ~Q(result="waiting") & Q(finished_at__isnull=False),
                name="an_item_with_a_result_says_when",
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("batch", "result", "-id"), name="items_by_result"),
            models.Index(fields=("batch", "-id"), name="items_by_batch"),
        ]

    def __str__(self) -> str:
        return f"execution {self.execution_id} in batch {self.batch_id}"
