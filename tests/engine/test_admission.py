"""A workflow whose intake is paused takes no new starts, whoever asks."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from agents import runner
from tests.factories import chain, make_agent, make_user, register
from workflows import engine
from workflows.engine import admission
from workflows.errors import IntakePaused, StaleState, UnknownWorkflow
from workflows.models import AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def desk_rows() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(execution=None, kind__startswith="workflow.")
    return list(
        rows.exclude(kind="workflow.published").order_by("seq").values_list("kind", "actor")
    )


def test_a_start_is_refused_with_who_paused_it_and_why() -> None:
    register(*chain("a"))
    engine.pause_intake("flow", by=make_user("ada"), reason="stock count")
    with pytest.raises(IntakePaused, match=r"“Flow” takes no new starts.*by ada: stock count"):
        engine.start_workflow("flow", by=make_user("bob"))
    assert not Execution.objects.exists()
    assert desk_rows() == [
        ("workflow.intake_paused", "user:ada"),
        ("workflow.start_refused", "user:bob"),
    ]


def test_what_runs_goes_on_and_starts_are_taken_again_after_resuming() -> None:
    make_agent()
    register(*chain("a", "b"))
    before = engine.start_workflow("flow", idempotency_key="k")
    engine.pause_intake("flow", by=None)
    assert engine.start_workflow("flow", idempotency_key="k") == before, "it was started before"
    engine.resume_intake("flow", by=None)
    engine.start_workflow("flow")
    runner.drain()
    assert set(Execution.objects.values_list("state", flat=True)) == {"completed"}


def test_pausing_twice_is_refused_and_recorded() -> None:
    register(*chain("a"))
    ada = make_user("ada")
    engine.pause_intake("flow", by=ada)
    with pytest.raises(StaleState, match="paused already"):
        engine.pause_intake("flow", by=ada)
    engine.resume_intake("flow", by=ada)
    with pytest.raises(StaleState, match="not paused"):
        engine.resume_intake("flow", by=ada)
    with pytest.raises(UnknownWorkflow):
        engine.pause_intake("nothing", by=ada)
    assert [kind for kind, _ in desk_rows()] == [
        "workflow.intake_paused",
        "workflow.operation_refused",
        "workflow.intake_resumed",
        "workflow.operation_refused",
    ]


def test_a_start_that_was_under_way_commits_before_the_pause_does() -> None:
    register(*chain("a"))
    order: list[str] = []
    is_started = threading.Event()

    def pause() -> None:
        is_started.wait(60)
        engine.pause_intake("flow", by=None)
        order.append("paused")
        connection.close()

    thread = threading.Thread(target=pause)
    thread.start()
    with transaction.atomic():
        engine.start_workflow("flow")
        is_started.set()
        thread.join(0.3)  # it cannot end while this transaction is open
        order.append("started")
    thread.join(60)
    assert order == ["started", "paused"]


def test_the_command_says_why_it_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    register(*chain("a"))
    engine.pause_intake("flow", by=make_user("ada"), reason="stock count")
    with pytest.raises(CommandError, match="paused by ada: stock count"):
        call_command("start_workflow", "flow")


def test_a_start_that_was_overtaken_by_a_pause_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had read that the intake is open; the pause committed before it could insert anything."""
    register(*chain("a"))
    begin = admission.check

    def overtaken(*args: Any) -> None:
        begin(*args)
        engine.pause_intake("flow", by=None, reason="faster")

    monkeypatch.setattr(admission, "check", overtaken)
    with pytest.raises(IntakePaused, match="faster"):
        engine.start_workflow("flow")
    assert not Execution.objects.exists()
