"""BPMN documents: the one of a draft, and the one that a version was published with."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Func, Value
from django.db.models.lookups import Exact, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from .definitions import Version, Workflow

LARGEST_DIAGRAM = 5 * 1024 * 1024  # bytes
_SIZE = Func(F("content"), function="octet_length", output_field=models.IntegerField())
_FITS = LessThanOrEqual(_SIZE, LARGEST_DIAGRAM)
_HEX = Func(Func(F("content"), function="sha256"), Value("hex"), function="encode",
            output_field=models.CharField())  # fmt: skip
_DIGEST = Exact(_HEX, F("sha256"))


class Diagram(models.Model):
    """The document of a draft, and what it agreed with when it was stored.

    `draft_sha256` is the digest of the draft (`describing.digest`) that `content` says all of; ""
    when the draft says more. `findings`: what its reader found, as `diagrams.Finding`.
    """

    workflow = models.OneToOneField(Workflow, on_delete=models.CASCADE, related_name="diagram")
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    draft_sha256 = models.CharField(max_length=64, blank=True, default="")
    process = models.CharField(max_length=255, blank=True, default="")
    findings: Any = models.JSONField(default=list, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name, verbose_name_plural = _("diagram"), _("diagrams")
        constraints = (
            models.CheckConstraint(condition=_FITS, name="a_diagram_has_at_most_5_mib"),
            models.CheckConstraint(condition=_DIGEST, name="the_digest_of_a_diagram_is_its_own"),
        )

    def __str__(self) -> str:
        return self.workflow.key


class VersionDiagram(models.Model):
    """The document that a version was published with; the database refuses to change one."""

    version = models.OneToOneField(Version, on_delete=models.PROTECT, related_name="diagram")
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        verbose_name, verbose_name_plural = _("diagram of a version"), _("diagrams of versions")
        constraints = (
            models.CheckConstraint(condition=_FITS, name="a_versions_diagram_has_at_most_5_mib"),
            models.CheckConstraint(
                condition=_DIGEST, name="the_digest_of_a_versions_diagram_is_its_own"
            ),
        )

    def __str__(self) -> str:
        return str(self.version)
