"""What starts an execution, what arrived, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .definitions import Workflow
from .runs import Execution

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Trigger(models.Model):
    """What starts a workflow by itself. `config`: see workflows/engine/trigger_settings.py.

    `is_defined`: it came with the workflow's definition, and goes when the definition lets it go.
    """

    class Kind(models.TextChoices):
        EVENT = "event", _("Event")
        SCHEDULE = "schedule", _("Schedule")
        WORKFLOW_END = "workflow_end", _("End of a workflow")

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.CASCADE,
        related_name="starters",
        verbose_name=_("workflow"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.EVENT)
    config: Any = models.JSONField(_("settings"), default=dict)
    is_defined = models.BooleanField(default=False, editable=False)
    is_paused = models.BooleanField(_("paused"), default=False, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
    )
    pause_reason = models.TextField(blank=True, default="", editable=False)
    next_due_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("next run"), null=True, editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    firings: RelatedManager[Firing]

    class Meta:
        ordering = ("workflow__name", "id")
        verbose_name, verbose_name_plural = _("trigger"), _("triggers")
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=("event", "schedule", "workflow_end")),
                name="a_trigger_has_one_of_three_kinds",
            ),
            models.CheckConstraint(
                condition=Q(is_paused=True, paused_at__isnull=False)
                | Q(is_paused=False, paused_at__isnull=True),
                name="a_paused_trigger_says_since_when",
            ),
            models.CheckConstraint(
                condition=Q(next_due_at__isnull=True) | Q(kind="schedule", is_paused=False),
                name="only_a_schedule_at_work_is_due",
            ),
        )
        indexes: ClassVar = [
            models.Index(
                fields=("next_due_at",),
                name="due_schedules",
                condition=Q(next_due_at__isnull=False),
            ),
            models.Index(KT("config__event"), name="triggers_by_event", condition=Q(kind="event")),
            models.Index(
                KT("config__workflow"),
                name="triggers_by_ended_workflow",
                condition=Q(kind="workflow_end"),
            ),
        ]

    def __str__(self) -> str:
        match self.kind:
            case self.Kind.EVENT:
                return gettext("Event %(name)s") % {"name": self.subject}
            case self.Kind.SCHEDULE:
                zone = self.config.get("zone")
                return f"{self.subject} ({zone})" if zone else self.subject
            case _:
                return gettext("End of %(workflow)s") % {"workflow": self.subject}

    @property
    def subject(self) -> str:
        """What it is about, as its settings say it: an event, a cron expression, a workflow."""
        told = {
            "event": ("event", "filter"),
            "schedule": ("cron", "at", "cycle", "duration"),
            "workflow_end": ("workflow",),
        }
        found = (self.config.get(name) for name in told[self.kind])
        return str(next((one for one in found if one), ""))


class Event(models.Model):
    """Something that happened outside and was told here by its name."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=200)
    key = models.CharField(_("key"), max_length=200, null=True, blank=True)
    payload = models.JSONField(_("payload"), default=dict)
    received_at = models.DateTimeField(_("received"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("told by"),
    )

    firings: RelatedManager[Firing]

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("event"), _("events")
        constraints = (
            models.UniqueConstraint(fields=("name", "key"), name="one_event_per_name_and_key"),
        )
        indexes: ClassVar = [models.Index(fields=("name", "-id"), name="events_by_name")]

    def __str__(self) -> str:
        return self.name


class Firing(models.Model):
    """One occasion for one trigger, and what came of it: an outbox row while it is waiting.

    The occasion is an event, a moment (`due_at`), or the end of an execution (`ended`). `depth`
    counts the ends of workflows that led here one after another.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        STARTED = "started", pgettext_lazy("what came of an occasion", "Started")
        FILTERED = "filtered", _("Filter said no")
        PAUSED = "paused", _("Trigger paused")
        SKIPPED = "skipped", _("Missed")
        INVALID = "invalid", _("Input invalid")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")

    id = models.BigAutoField(primary_key=True)
    trigger = models.ForeignKey(
        Trigger,
        on_delete=models.SET_NULL,
        null=True,
        related_name="firings",
        db_index=False,
        db_constraint=False,  # else deleting a trigger could fail the step that ends an execution
    )
    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, null=True, related_name="firings")
    ended = models.ForeignKey(
        Execution,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    ended_state = models.CharField(max_length=10, blank=True, default="", db_default="")
    due_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.WAITING
    )
    execution = models.ForeignKey(
        Execution,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
    )
    problems = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    depth = models.SmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(_("at"))
    fired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("firing"), _("firings")
        constraints = (
            models.UniqueConstraint(
                fields=("trigger", "key"), name="a_trigger_fires_once_for_each_occasion"
            ),
            models.CheckConstraint(
                condition=Q(outcome="started", execution__isnull=False)
                | (~Q(outcome="started") & Q(execution__isnull=True)),
                name="a_firing_that_started_says_what",
            ),
            models.CheckConstraint(
                condition=Q(event__isnull=False, due_at__isnull=True, ended__isnull=True)
                | Q(event__isnull=True, due_at__isnull=False, ended__isnull=True)
                | Q(event__isnull=True, due_at__isnull=True, ended__isnull=False),
                name="a_firing_has_one_occasion",
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("trigger", "-id"), name="firings_by_trigger"),
            models.Index(F("id"), name="waiting_firings", condition=Q(outcome="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.key} of trigger {self.trigger_id}"
