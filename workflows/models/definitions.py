from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .states import Priority

KEY_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]*\Z"
KEY = RegexValidator(
    KEY_PATTERN,
    _("Use letters, digits, “_”, “-” and “.”, starting with a letter."),
)


class Workflow(models.Model):
    """A process as it is being edited; `published` is the version that new executions run.

    `revision` goes up with each change of the draft, by whichever pen.
    """

    key = models.CharField(_("key"), max_length=100, unique=True, validators=[KEY])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    input_schema = models.JSONField(
        _("input schema"),
        default=dict,
        blank=True,
        help_text=_("JSON Schema 2020-12 of the start input; the start form is built from it."),
    )
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    triggers = models.JSONField(
        _("triggers"), default=list, blank=True, help_text=_("Names of events that start it.")
    )
    timeout_minutes = models.PositiveIntegerField(
        _("timeout (minutes)"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    retry_policy = models.JSONField(
        _("retry policy"),
        default=dict,
        blank=True,
        help_text=_(
            "max_retries, backoff_multiplier, initial_delay, max_delay (seconds), jitter (0–1), "
            "retry_on (error kinds)."
        ),
    )
    priority = models.SmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL
    )
    revision = models.PositiveIntegerField(_("revision"), default=0, db_default=0, editable=False)
    published = models.ForeignKey(
        "Version",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("published version"),
    )
    intake_paused_at = models.DateTimeField(
        _("intake paused"), null=True, blank=True, editable=False
    )
    intake_paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    intake_pause_reason = models.TextField(blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name, verbose_name_plural = _("workflow"), _("workflows")
        permissions = (
            ("start_workflow", _("Can start a workflow")),
            ("publish_workflow", _("Can publish a workflow")),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(intake_paused_at__isnull=False)
                | Q(intake_paused_by__isnull=True, intake_pause_reason=""),
                name="only_a_paused_intake_says_by_whom_and_why",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.key


class TaskDefinition(models.Model):
    """One step of a draft: who does it, on which input, and after which other steps."""

    class Kind(models.TextChoices):
        AGENT = "agent", _("Agent")
        HUMAN = "human", _("Approval by a person")
        START = "start", _("Start")
        END = "end", _("End")
        EXCLUSIVE = "exclusive", _("Exclusive gateway")
        PARALLEL = "parallel", _("Parallel gateway")
        INCLUSIVE = "inclusive", _("Inclusive gateway")
        EVENT_GATEWAY = "event_gateway", _("Event gateway")
        CATCH = "catch", _("Waits for an event")
        THROW = "throw", _("Sends an event")
        BOUNDARY = "boundary", _("Event on a task")
        SCOPE = "scope", _("Sub-process")
        CALL = "call", _("Call of a workflow")
        PASS = "pass", _("Nothing to do")
        DECISION = "decision", _("Decision table")

    class Join(models.TextChoices):
        EVERY = "every", _("every path before it")
        ONE = "one", _("the first path that arrives")

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="task_definitions"
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    key = models.CharField(_("key"), max_length=100, validators=[KEY])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.AGENT)
    agent_key = models.CharField(_("agent"), max_length=100, blank=True)
    role = models.CharField(_("role"), max_length=20, blank=True)
    capabilities = models.JSONField(_("required capabilities"), default=list, blank=True)
    priority = models.SmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL
    )
    max_retries = models.PositiveSmallIntegerField(_("retries"), null=True, blank=True)
    timeout_seconds = models.PositiveIntegerField(
        _("timeout (seconds)"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    input = models.JSONField(_("input"), default=dict, blank=True)
    output_mapping = models.JSONField(
        _("output mapping"),
        default=dict,
        blank=True,
        help_text=_("Variable name → CEL expression over “output” and the variables."),
    )
    depends_on = models.JSONField(_("depends on"), default=list, blank=True)
    join = models.CharField(_("waits for"), max_length=10, choices=Join.choices, default=Join.EVERY)
    approval = models.JSONField(_("approval"), default=dict, blank=True)
    parent = models.CharField(_("lies in"), max_length=100, blank=True, default="")
    attached_to = models.CharField(_("is attached to"), max_length=100, blank=True, default="")
    compensates = models.CharField(_("undoes"), max_length=100, blank=True, default="")
    event = models.JSONField(_("event"), default=dict, blank=True)
    loop = models.JSONField(_("loop"), default=dict, blank=True)
    calls = models.JSONField(_("calls"), default=dict, blank=True)
    scope = models.JSONField(_("kind of sub-process"), default=dict, blank=True)
    decision = models.JSONField(_("decision"), default=dict, blank=True)

    class Meta:
        ordering = ("position", "id")
        verbose_name, verbose_name_plural = _("task"), _("tasks")
        constraints = (
            models.UniqueConstraint(
                fields=("workflow", "key"), name="task_keys_are_unique_in_a_workflow"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.key


class Version(models.Model):
    """A frozen graph. Executions stay on theirs; the database refuses to change one.

    One that `arranges` another has its number and its graph, with the nodes where the tasks of an
    execution are that was moved to it.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    graph = models.JSONField(_("graph"))
    template: Any = models.JSONField(default=list, editable=False)
    sha256 = models.CharField(max_length=64)
    arranges = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="arrangements",
    )
    comment = models.CharField(_("comment"), max_length=500, blank=True)
    published_at = models.DateTimeField(_("published"), auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-number",)
        get_latest_by = "number"
        verbose_name, verbose_name_plural = _("version"), _("versions")
        constraints = (
            models.UniqueConstraint(
                fields=("workflow", "number"),
                condition=Q(arranges__isnull=True),
                name="version_numbers_are_unique_in_a_workflow",
            ),
            models.UniqueConstraint(
                fields=("arranges", "sha256"), name="an_arrangement_is_kept_once"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="versions_count_from_one"),
        )

    def __str__(self) -> str:
        return f"{self.workflow.key} v{self.number}"
