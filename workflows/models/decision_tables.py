from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .definitions import KEY


class DecisionFile(models.Model):
    """A DMN file, byte for byte as it came, kept once. The database refuses to change one."""

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    name = models.CharField(_("file"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("imported"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("file of decisions"), _("files of decisions")


class DecisionTable(models.Model):
    """A decision by its key; what it says is in its versions."""

    key = models.CharField(_("key"), max_length=100, unique=True, validators=[KEY])
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("name", "key")
        verbose_name, verbose_name_plural = _("decision table"), _("decision tables")

    def __str__(self) -> str:
        return self.name or self.key


class DecisionVersion(models.Model):
    """What a decision said when a file was imported: `model`, as docs/modelling.md describes it.

    The decisions that it needs are those of the same file. The database refuses to change one.
    """

    table = models.ForeignKey(DecisionTable, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    name = models.CharField(_("name"), max_length=200)
    file = models.ForeignKey(DecisionFile, on_delete=models.PROTECT, related_name="versions")
    model: Any = models.JSONField()
    created_at = models.DateTimeField(_("imported"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-number",)
        get_latest_by = "number"
        verbose_name, verbose_name_plural = _("version of a decision"), _("versions of decisions")
        constraints = (
            models.UniqueConstraint(
                fields=("table", "number"), name="decision_version_numbers_are_unique"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="decision_versions_count_from_one"
            ),
        )

    def __str__(self) -> str:
        return f"{self.table.key} v{self.number}"

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What keeps it from being used; an empty list means that it may be."""
        return list(self.model.get("problems", ()))
