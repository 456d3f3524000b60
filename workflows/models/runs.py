from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from workflows.graph.retry import IN_DOUBT

from .definitions import Version, Workflow
from .states import FINAL, Priority, State

SEQ_BITS = 20  # a task's id is execution_id << 20 | seq: its execution's tasks are one key range


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def with_doubt(self) -> ExecutionQuerySet:
        """Each says whether a task of it is in doubt (`has_doubt`), found by its range of ids."""
        first = OuterRef("pk") * (1 << SEQ_BITS)
        tasks = Task.objects.filter(pk__gte=first, pk__lt=first + (1 << SEQ_BITS))
        doubted = tasks.filter(state=State.FAILED, error_kind=IN_DOUBT)
        return self.annotate(has_doubt=Exists(doubted))


class Execution(models.Model):
    """One run of a version. `marking`: where its tokens are, None in a plain graph.

    `parent_task` is the task of another execution that called it. `has_doubt` is told by
    `with_doubt` only.
    """

    has_doubt = False

    id = models.BigAutoField(primary_key=True)
    # Each change of state is a new entry in every index: only what is looked for has one, and what
    # most executions do not have is not in it.
    workflow = models.ForeignKey(
        Workflow, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    version = models.ForeignKey(
        Version, on_delete=models.PROTECT, related_name="executions", db_index=False
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.PENDING
    )
    priority = models.SmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL
    )
    input = models.JSONField(_("input"), default=dict)
    variables = models.JSONField(_("variables"), default=dict)
    variables_version = models.IntegerField(default=0)
    open_tasks = models.IntegerField(default=0)
    marking = models.JSONField(null=True, editable=False)
    parent_task = models.BigIntegerField(null=True, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("requested by"),
    )
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="", db_default="")
    pause_reason = models.TextField(blank=True, default="", db_default="")
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    forked_from = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="forks",
        db_index=False,
        verbose_name=_("forked from"),
    )
    forked_at = models.CharField(max_length=100, blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    deadline_at = models.DateTimeField(_("deadline"), null=True, blank=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("execution"), _("executions")
        permissions = (("operate_execution", _("Can pause, resume, cancel and retry")),)
        constraints = (
            models.UniqueConstraint(
                fields=("workflow", "idempotency_key"),
                condition=Q(idempotency_key__isnull=False),
                name="one_execution_per_idempotency_key",
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="an_execution_has_one_of_six_states"
            ),
            models.CheckConstraint(
                condition=Q(open_tasks__gte=0), name="open_tasks_are_never_negative"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=FINAL) | Q(finished_at__isnull=False),
                name="a_finished_execution_says_when",
            ),
            models.CheckConstraint(
                condition=Q(forked_from__isnull=True) | Q(id__gt=F("forked_from")),
                name="a_fork_is_later_than_its_origin",
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("state", "-id"), name="executions_by_state"),
            models.Index(fields=("workflow", "-id"), name="executions_by_workflow"),
            models.Index(
                fields=("requested_by",),
                name="executions_by_person",
                condition=Q(requested_by__isnull=False),
            ),
            models.Index(
                fields=("paused_by",),
                name="executions_by_who_paused",
                condition=Q(paused_by__isnull=False),
            ),
            models.Index(
                fields=("parent_task",),
                name="executions_by_calling_task",
                condition=Q(parent_task__isnull=False),
            ),
            models.Index(
                fields=("forked_from",),
                name="forks_by_origin",
                condition=Q(forked_from__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def shown_state(self) -> str:
        """Its state, or "in_doubt" where it failed because nobody knows if a task was done."""
        return IN_DOUBT if self.has_doubt and self.state == State.FAILED else self.state

    @property
    def tasks(self) -> QuerySet[Task]:
        """Its tasks, by the key range that their ids share; no other index leads to them."""
        return tasks_of([self.pk])

    @property
    def duration(self) -> timedelta | None:
        """How long it took, None while it has not both started and finished."""
        return self.finished_at - self.started_at if self.finished_at and self.started_at else None


class Task(models.Model):
    """One node in one run. `is_ready`: pending, nothing left to wait for, and allowed to start.

    `rank`: its priority, raised while it waits; `waits_since`: when it became ready or was last
    raised. `is_repeatable`: whether the agent that it was last lent to may do it twice.

    In a token graph a node entered again is a new task, with the next `iteration`; `scope` is the
    task of the sub-process or loop that it lies in.
    """

    id = models.BigIntegerField(primary_key=True)
    execution = models.ForeignKey(
        Execution,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    node = models.IntegerField()
    scope = models.BigIntegerField(null=True, editable=False)
    iteration = models.IntegerField(_("iteration"), default=1, db_default=1)
    loop_index = models.IntegerField(null=True, editable=False)
    key = models.CharField(_("key"), max_length=100)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20)
    lane = models.IntegerField(default=0)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.PENDING
    )
    priority = models.SmallIntegerField(_("priority"), default=Priority.NORMAL)
    rank = models.SmallIntegerField(default=Priority.NORMAL, db_default=Priority.NORMAL)
    waits_since = models.DateTimeField(null=True, blank=True)
    needs = models.IntegerField(default=0)
    waits_on = models.IntegerField(default=0)
    is_ready = models.BooleanField(default=False)
    attempt = models.SmallIntegerField(_("attempt"), default=0)
    max_attempts = models.SmallIntegerField(default=1)
    timeout_seconds = models.IntegerField(null=True, blank=True)
    agent_key = models.CharField(_("agent"), max_length=100, blank=True, default="", db_default="")
    is_repeatable = models.BooleanField(default=True, db_default=True)
    session = models.BigIntegerField(null=True, blank=True)
    fence = models.IntegerField(default=0)
    input = models.JSONField(_("input"), null=True, blank=True)
    output = models.JSONField(_("output"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="", db_default="")
    error_kind = models.CharField(max_length=60, blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("created"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ("id",)
        verbose_name, verbose_name_plural = _("task"), _("tasks")
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="a_task_has_one_of_six_states"
            ),
            models.CheckConstraint(
                condition=Q(is_ready=False) | Q(state=State.PENDING, waits_on=0),
                name="a_ready_task_is_pending_and_waits_on_nothing",
            ),
            models.CheckConstraint(
                condition=Q(waits_on__gte=0), name="a_task_never_waits_on_less_than_nothing"
            ),
            models.CheckConstraint(
                condition=Q(is_ready=False) | Q(waits_since__isnull=False),
                name="a_ready_task_says_since_when",
            ),
            models.CheckConstraint(
                condition=Q(is_ready=False)
                | Q(rank=F("priority"))
                | Q(rank__gt=F("priority"), rank__lt=Priority.CRITICAL),
                name="waiting_raises_a_task_to_high_at_most",
            ),
        )
        indexes: ClassVar = [
            models.Index(
                "lane", F("rank").desc(), "id", name="ready_tasks", condition=Q(is_ready=True)
            ),
            models.Index(
                fields=("waits_since",),
                name="ready_tasks_that_may_rise",
                condition=Q(is_ready=True, rank__lt=Priority.HIGH),
            ),
            models.Index(
                fields=("session",), name="running_tasks", condition=Q(state=State.RUNNING)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of #{self.execution_id}"

    @property
    def is_in_doubt(self) -> bool:
        """Whether it failed in a way that leaves open if its work was done."""
        return self.state == State.FAILED and self.error_kind == IN_DOUBT

    @property
    def shown_state(self) -> str:
        """Its state, or "in_doubt"."""
        return IN_DOUBT if self.is_in_doubt else self.state

    @property
    def duration(self) -> timedelta | None:
        """How long the last attempt took, None while it runs or has not begun."""
        return self.finished_at - self.started_at if self.finished_at and self.started_at else None


class Timer(models.Model):
    """Anything with a due time; a held timer belongs to a paused execution and waits with it."""

    class Kind(models.TextChoices):
        RETRY = "retry", _("Retry")
        TASK_TIMEOUT = "task_timeout", _("Task timeout")
        EXECUTION_TIMEOUT = "execution_timeout", _("Execution timeout")
        EVENT = "event", _("Timer event")
        DUE = "due", _("Due time of an approval")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="timers", db_constraint=False
    )
    task = models.ForeignKey(
        Task,
        on_delete=models.CASCADE,
        related_name="timers",
        null=True,
        blank=True,
        db_constraint=False,
    )
    fence = models.IntegerField(default=0)
    handler = models.IntegerField(null=True, blank=True)
    due_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    is_held = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name, verbose_name_plural = _("timer"), _("timers")
        indexes: ClassVar = [
            models.Index(fields=("due_at",), name="timers_by_due_time", condition=Q(is_held=False))
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.due_at:%H:%M:%S}"


def tasks_of(execution_ids: Iterable[int]) -> QuerySet[Task]:
    """The tasks of several executions, by their ranges of ids; neighbours share a range."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(execution_ids)):
        first, end = task_id(number, 0), task_id(number + 1, 0)
        if ranges and ranges[-1][1] == first:
            first = ranges.pop()[0]
        ranges.append((first, end))
    if not ranges:
        return Task.objects.none()
    return Task.objects.filter(reduce(or_, (Q(pk__gte=a, pk__lt=b) for a, b in ranges)))


def task_id(execution_id: int, seq: int) -> int:
    """The id of the task number `seq` of an execution."""
    return execution_id << SEQ_BITS | seq


def seq_of(task_id: int) -> int:
    """The number of a task within its execution."""
    return task_id & (1 << SEQ_BITS) - 1
