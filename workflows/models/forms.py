from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .definitions import KEY


class Form(models.Model):
    """A form that human tasks share, by its key; what it asks is in its versions."""

    key = models.CharField(_("key"), max_length=100, unique=True, validators=[KEY])
    title = models.CharField(_("title"), max_length=200)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("title", "key")
        verbose_name, verbose_name_plural = _("form"), _("forms")

    def __str__(self) -> str:
        return self.title or self.key


class FormVersion(models.Model):
    """What a form asked at a time: a JSON Schema. The database refuses to change one."""

    form = models.ForeignKey(Form, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    title = models.CharField(_("title"), max_length=200)
    schema: Any = models.JSONField(_("fields (JSON Schema)"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-number",)
        get_latest_by = "number"
        verbose_name, verbose_name_plural = _("version of a form"), _("versions of forms")
        constraints = (
            models.UniqueConstraint(
                fields=("form", "number"), name="form_version_numbers_are_unique"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="form_versions_count_from_one"),
        )

    def __str__(self) -> str:
        return f"{self.form.key} v{self.number}"
