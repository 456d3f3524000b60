"""Who may run what, now: lanes (requirements), slots (capacity), sessions (leases)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Lane(models.Model):
    """A requirement that tasks share: one agent by key, or a role and a set of capabilities.

    Lane 0 is not stored: it is the engine's own work, which needs no agent.
    """

    requirement = models.CharField(max_length=500, unique=True)
    agent_key = models.CharField(max_length=100, blank=True, default="")
    role = models.CharField(max_length=20, blank=True, default="")
    capabilities = models.JSONField(default=list)
    rejected = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))

    def __str__(self) -> str:
        return self.requirement


class LaneMember(models.Model):
    """An agent that may serve a lane; kept up to date by the orchestrator.

    `is_repeatable`: whether it may do the same work twice. Its tasks keep what it was when they
    were lent, for whoever finds them lost knows no agents. `breaker`: the state of its breaker,
    written here too because every claim reads this row.
    """

    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="members")
    agent_key = models.CharField(max_length=100)
    capacity = models.PositiveIntegerField()
    is_repeatable = models.BooleanField(default=True, db_default=True)
    breaker = models.CharField(max_length=10, default="closed", db_default="closed")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("lane", "agent_key"), name="an_agent_serves_a_lane_once"
            ),
            models.CheckConstraint(
                condition=Q(breaker__in=("closed", "open", "half_open")),
                name="a_member_knows_the_state_of_its_breaker",
            ),
        )

    def __str__(self) -> str:
        return f"{self.agent_key} in lane {self.lane_id}"


class AgentSlot(models.Model):
    """One unit of an agent's max_concurrent_tasks: a cap that no race can exceed.

    `session`: the work session whose running tasks stand on it; `task`: reserved for one by hand.
    `is_trial`: the only one that is lent while the agent's breaker is half-open.
    """

    id = models.BigAutoField(primary_key=True)
    agent_key = models.CharField(max_length=100)
    task = models.BigIntegerField(null=True, blank=True)
    session = models.BigIntegerField(null=True, blank=True)
    assigned_total = models.BigIntegerField(default=0)
    is_retired = models.BooleanField(default=False)
    is_trial = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("task",), name="a_task_holds_at_most_one_slot"),
            models.UniqueConstraint(
                fields=("agent_key",),
                condition=Q(is_trial=True),
                name="an_agent_has_one_trial_slot",
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("agent_key", "session", "id"), name="slots_by_holder")
        ]

    def __str__(self) -> str:
        return f"slot {self.pk} of {self.agent_key}"


class Breaker(models.Model):
    """The circuit breaker of an agent: whether it is given work after many failures.

    `threshold`: failures in a row that open it (0: off); `cooldown_seconds`: until the first trial.
    `failures`: in a row, up to now; `openings`: since it was last closed; `changed_at`: since when
    it is in its state, None when it was never in another.
    """

    class State(models.TextChoices):
        CLOSED = "closed", _("Closed")  # the agent is given work
        OPEN = "open", _("Open")  # it is given none until `trial_at`
        HALF_OPEN = "half_open", _("Half-open")  # it is given one step at a time

    agent_key = models.CharField(max_length=100, primary_key=True)
    threshold = models.PositiveIntegerField()
    cooldown_seconds = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)
    openings = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)
    trial_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="", db_default="")
    failed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("closed", "open", "half_open")),
                name="a_breaker_is_closed_open_or_half_open",
            ),
            models.CheckConstraint(
                condition=Q(state="open", trial_at__isnull=False)
                | Q(~Q(state="open"), trial_at__isnull=True),
                name="an_open_breaker_and_no_other_has_a_trial_due",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", openings=0)
                | Q(failures__gt=0, openings__gt=0, threshold__gt=0, changed_at__isnull=False),
                name="a_breaker_that_is_not_closed_has_opened_after_failures",
            ),
            models.CheckConstraint(
                condition=Q(threshold__gt=0) | Q(failures=0),
                name="a_breaker_that_is_off_counts_nothing",
            ),
            models.CheckConstraint(
                condition=Q(threshold__lte=1000, cooldown_seconds__range=(1, 86_400)),
                name="a_breaker_has_sane_settings",
            ),
        )
        indexes: ClassVar = [
            # Every exchange looks whether there is one of these; nearly always there is none.
            models.Index(
                fields=("agent_key",),
                name="breakers_with_failures",
                condition=Q(failures__gt=0),
            ),
            models.Index(
                fields=("trial_at",),
                name="breakers_by_trial",
                condition=Q(trial_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"breaker of {self.agent_key}"


class Session(models.Model):
    """A worker slot at work: its row is the lease of everything that it runs."""

    id = models.BigAutoField(primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    is_accepting = models.BooleanField(default=True)
    started_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"session {self.pk} on {self.host}"


class QueuePulse(models.Model):
    """When a canary was last sent through the queue, and when one last came out of it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="there_is_one_queue_pulse"),)

    def __str__(self) -> str:
        return f"answered {self.answered_at}"

    @classmethod
    def note(cls, **moments: Now) -> None:
        """Write moments, by the database's clock, into the one row; mostly in one statement."""
        if not cls.objects.filter(pk=1).update(**moments):
            cls.objects.update_or_create(pk=1, defaults=moments)


class Assignment(models.Model):
    """One attempt, lent to an agent. A read-only view of the audit row that recorded it."""

    id = models.BigIntegerField(primary_key=True)
    execution_id = models.BigIntegerField()
    task_id = models.BigIntegerField()
    agent_key = models.CharField(_("agent"), max_length=100)
    attempt = models.IntegerField(_("attempt"))
    fence = models.IntegerField()
    session = models.BigIntegerField(null=True)
    candidates = models.JSONField()
    assigned_at = models.DateTimeField(_("assigned"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(_("outcome"), max_length=20)

    class Meta:
        managed = False
        db_table = "workflows_assignment"

    def __str__(self) -> str:
        return f"attempt {self.attempt} of task {self.task_id}"
