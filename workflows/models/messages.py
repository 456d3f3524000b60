"""What a token graph keeps beside its tasks: who waits for what, and what is still to be told."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from .runs import Execution


class Subscription(models.Model):
    """An execution waits for a message or signal; `handler` is its number in the marking."""

    class Kind(models.TextChoices):
        MESSAGE = "message", _("Message")
        SIGNAL = "signal", _("Signal")

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="subscriptions", db_constraint=False
    )
    task_id = models.BigIntegerField(null=True)
    node = models.IntegerField()
    handler = models.IntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=200)
    key = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("execution", "handler"), name="a_handler_waits_for_one_event"
            ),
        )
        indexes: ClassVar = [
            models.Index(fields=("kind", "name", "key", "id"), name="subscriptions_by_event")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Delivery(models.Model):
    """What an execution's step has for another: written with the step, carried out after it.

    Whoever deletes the row carries it out, in one transaction: once, however often it is tried.
    What is for an execution that has failed is held for it until somebody retries it.
    """

    class Kind(models.TextChoices):
        MESSAGE = "message", _("Message")
        SIGNAL = "signal", _("Signal")
        EVENT = "event", _("Event")  # a message or signal, for one who waits for it
        CALL = "call", _("Call")  # start a workflow for a task
        ANSWER = "answer", _("Answer")  # a called execution has ended
        CANCEL = "cancel", _("Cancel")  # nobody waits for a called execution any more

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    execution_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    held_for = models.BigIntegerField(null=True)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=("held_for",),
                name="held_deliveries",
                condition=models.Q(held_for__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class BufferedMessage(models.Model):
    """A message that nobody waited for yet, kept until `expires_at`."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    key = models.CharField(max_length=255, blank=True, default="")
    payload = models.JSONField(default=dict)
    expires_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=("name", "key", "id"), name="buffered_messages_by_key"),
            models.Index(fields=("expires_at",), name="buffered_messages_by_end"),
        ]

    def __str__(self) -> str:
        return self.name
