"""What django-q2 calls, beside work sessions (agents.runner.work): names and ids only."""

from __future__ import annotations

from django.db.models.functions import Now

from workflows.engine import working_off
from workflows.models import QueuePulse


def answer_canary() -> None:
    """A canary came out of the queue: the cluster is alive."""
    QueuePulse.note(answered_at=Now())


def work_off_batches() -> None:
    """Some seconds of what batches have left to do; more of it goes through the queue again."""
    working_off.work_off()
