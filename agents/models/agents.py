from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.models.definitions import KEY


class Role(models.TextChoices):
    COORDINATOR = "coordinator", _("Coordinator")
    WORKER = "worker", _("Worker")
    REVIEWER = "reviewer", _("Reviewer")
    SUPERVISOR = "supervisor", _("Supervisor")


class Kind(models.TextChoices):
    PYTHON = "python", _("Python tool")
    HTTP = "http", _("HTTP API")


class Agent(models.Model):
    """Who carries out steps: how to reach it, what it can do, and how much at a time.

    What it works on now is derived from its slots, never stored here.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        OFFLINE = "offline", _("Offline")

    key = models.CharField(_("key"), max_length=100, unique=True, validators=[KEY])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.WORKER)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.PYTHON)
    capabilities = models.JSONField(_("capabilities"), default=list, blank=True)
    max_concurrent_tasks = models.PositiveIntegerField(
        _("tasks at a time"), default=1, validators=[MinValueValidator(1)]
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.ACTIVE
    )
    config = models.JSONField(_("configuration"), default=dict, blank=True)
    breaker_failures = models.PositiveIntegerField(
        _("failures in a row that open the breaker"),
        default=5,
        db_default=5,
        validators=[MaxValueValidator(1000)],
    )
    breaker_cooldown_seconds = models.PositiveIntegerField(
        _("cool-down of the breaker, in seconds"),
        default=30,
        db_default=30,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
    )
    last_heartbeat = models.DateTimeField(_("last heartbeat"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name, verbose_name_plural = _("agent"), _("agents")
        permissions = (("close_breaker", _("Can close the breaker of an agent")),)
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=("active", "offline")), name="an_agent_is_active_or_offline"
            ),
            models.CheckConstraint(
                condition=Q(max_concurrent_tasks__lte=10_000), name="an_agent_has_a_sane_cap"
            ),
            models.CheckConstraint(
                condition=Q(
                    breaker_failures__lte=1000, breaker_cooldown_seconds__range=(1, 86_400)
                ),
                name="an_agent_has_a_sane_breaker",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.key
