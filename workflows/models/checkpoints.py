from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class AuditCheckpoint(models.Model):
    """A signed seal on all audit rows with an id after the previous `upto` and up to this one.

    Append-only in the database; docs/audit.md says what `root` and `signature` are made of.
    """

    no = models.BigIntegerField(_("no."), primary_key=True)
    upto = models.BigIntegerField(_("up to row"), unique=True)
    rows = models.IntegerField(_("rows"))
    root = models.CharField(_("root"), max_length=64)
    previous_root = models.CharField(max_length=64, blank=True, unique=True)
    at = models.DateTimeField(_("at"))
    public_key = models.CharField(_("public key"), max_length=64)
    signature = models.CharField(max_length=128)

    class Meta:
        ordering = ("no",)
        verbose_name, verbose_name_plural = _("audit checkpoint"), _("audit checkpoints")
        constraints = (
            models.CheckConstraint(condition=Q(no__gte=1), name="checkpoints_count_from_one"),
            models.CheckConstraint(condition=Q(rows__gte=1), name="a_checkpoint_seals_something"),
        )

    def __str__(self) -> str:
        return f"checkpoint {self.no}"

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Checkpoints are never deleted.")
