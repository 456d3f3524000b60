"""/readyz: the database answers, and a canary came through the queue within 30 seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from workflows import clock, jobs, queue
from workflows.models import QueuePulse, Session


@pytest.mark.django_db
def test_it_is_ready_for_thirty_seconds_after_a_round_trip(client: Client) -> None:
    """In one transaction, for which the database's clock stands still."""
    assert client.get("/readyz").status_code == 503
    queue.send_canary()
    assert client.get("/readyz").status_code == 503
    jobs.answer_canary()
    assert client.get("/readyz").status_code == 200
    QueuePulse.objects.update(answered_at=Now() - timedelta(seconds=29))
    assert client.get("/readyz").status_code == 200
    QueuePulse.objects.update(answered_at=Now() - timedelta(seconds=31))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable", "database": "ok", "migrations": "ok",
        "queue": "no round trip through the queue within 30 seconds",
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_session_that_is_renewed_is_no_round_trip(client: Client) -> None:
    now = clock.now()
    Session.objects.create(
        host="here", pid=1, started_at=now, renewed_at=now, expires_at=now + timedelta(seconds=30)
    )
    assert queue.is_alive()
    assert client.get("/readyz").status_code == 503
