"""What django-q2 calls, beside work sessions (agents.runner.work): names and ids only."""

from __future__ import annotations

from django.db.models.functions import Now

from workflows.models import QueuePulse


def answer_canary() -> None:
    """A canary came out of the queue: the cluster is alive."""
    QueuePulse.note(answered_at=Now())
