from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents import runner
from tests.engine.conftest import Clock, at_work, seen, together
from tests.factories import chain, make_agent, register
from workflows import clock as the_clock
from workflows import engine
from workflows.engine import schedules, timers, triggers
from workflows.errors import InvalidDefinition, UnknownTrigger, WrongState
from workflows.models import AuditEvent, Execution, Firing, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
MINUTELY = {"cron": "* * * * *"}


def scheduled(**settings: Any) -> Trigger:
    """A workflow of one step with a schedule."""
    version = register(*chain("a"), triggers=[settings])
    return Trigger.objects.get(workflow=version.workflow)


def due(trigger: Trigger, **ago: float) -> datetime:
    """Move a schedule's due time to some time ago, as if no worker had been there since."""
    moment = the_clock.now() - timedelta(**ago)
    Trigger.objects.filter(pk=trigger.pk).update(next_due_at=moment)
    return moment


def outcomes() -> list[str]:
    return list(Firing.objects.order_by("pk").values_list("outcome", flat=True))


def test_a_schedule_starts_its_workflow_at_each_of_its_moments(clock: Clock) -> None:
    make_agent()
    trigger = scheduled(**MINUTELY, mapping={"at": "due_at"})
    moments = schedules.next_runs(trigger)
    for moment in moments[:3]:
        clock.shift((moment - the_clock.now()).total_seconds() + 1)
        runner.drain()
    executions = Execution.objects.order_by("pk")
    assert [one.input for one in executions] == [
        {"at": moment.isoformat()} for moment in moments[:3]
    ]
    first = executions[0]
    assert first.state == "completed"
    assert first.idempotency_key == f"trigger:{trigger.pk}:{moments[0].isoformat()}"
    cause = first.audit_events.get(kind="execution.created").data["cause"]
    assert cause == {
        "trigger": trigger.pk, "kind": "schedule", "due_at": moments[0].isoformat(),
    }  # fmt: skip


def test_nothing_is_started_before_it_is_due(clock: Clock) -> None:
    trigger = scheduled(cron="0 0 1 1 *")
    assert timers.fire_due() == 0
    assert timers.seconds_until_next() == pytest.approx(
        (schedules.next_runs(trigger)[0] - the_clock.now()).total_seconds(), abs=30
    )


def test_eight_ticks_at_once_start_one_execution() -> None:
    due(scheduled(cron="0 0 1 1 *"), seconds=1)
    results = together(*[timers.fire_due] * 8)
    assert all(isinstance(result, int) for result in results)
    assert outcomes() == ["started"]
    assert Execution.objects.count() == 1


def test_the_same_moment_never_starts_twice_even_if_its_row_is_put_back() -> None:
    trigger = scheduled(cron="0 0 1 1 *")
    moment = due(trigger, seconds=1)
    timers.fire_due()
    Trigger.objects.filter(pk=trigger.pk).update(next_due_at=moment)
    timers.fire_due()
    assert Execution.objects.count() == 1


@pytest.mark.alone
def test_an_idle_worker_starts_it_within_a_tenth_of_a_second() -> None:
    make_agent()
    trigger = scheduled(cron="0 0 1 1 *")
    delays: list[float] = []
    with at_work():
        # The best of 20, for the machine may be busy; a mere tick would come half a second late.
        while not delays or (min(delays) >= 0.1 and len(delays) < 20):
            with seen("workflow_started", lambda _: True):
                due(trigger, seconds=-1.5)
            delays.append(_late(Firing.objects.latest("pk")))
    assert Firing.objects.count() == len(delays)
    assert 0 <= min(delays) < 0.1, delays


def _late(firing: Firing) -> float:
    """Seconds from its moment until a worker took it up."""
    assert firing.due_at is not None
    return (firing.created_at - firing.due_at).total_seconds()


def test_what_was_due_while_nobody_was_there_is_skipped_and_told() -> None:
    trigger = scheduled(cron="0 0 1 1 *")
    due(trigger, hours=5)
    timers.fire_due()
    assert outcomes() == ["skipped"]
    assert not Execution.objects.exists()
    assert "no worker was there" in Firing.objects.get().problems[0]
    assert AuditEvent.objects.filter(kind="firing.skipped").count() == 1
    trigger.refresh_from_db()
    assert trigger.next_due_at is not None
    assert trigger.next_due_at > the_clock.now()


def test_or_caught_up_with_once_however_many_moments_were_missed(clock: Clock) -> None:
    trigger = scheduled(cron="0 * * * *", catch_up="once")
    now = the_clock.now().replace(minute=0, second=0, microsecond=0)
    clock.shift((now - the_clock.now()).total_seconds() + 1800)  # no hour ends meanwhile
    Trigger.objects.filter(pk=trigger.pk).update(next_due_at=now - timedelta(hours=5))
    timers.fire_due()
    timers.fire_due()
    firing = Firing.objects.get()
    assert (firing.outcome, firing.due_at) == ("started", now)
    assert "were missed; this is the last of them" in firing.problems[0]
    assert Execution.objects.count() == 1


def test_a_short_delay_is_no_miss() -> None:
    due(scheduled(cron="0 0 1 1 *"), seconds=30)
    timers.fire_due()
    assert outcomes() == ["started"]


def test_a_zone_that_is_gone_stops_this_schedule_and_no_other() -> None:
    gone = scheduled(cron="0 0 1 1 *")
    Trigger.objects.filter(pk=gone.pk).update(config={**gone.config, "zone": "Mars/Olympus"})
    version = register(*chain("a"), key="other", triggers=[{"cron": "0 0 1 1 *"}])
    for one in (gone, Trigger.objects.get(workflow=version.workflow)):
        due(one, seconds=1)
    timers.fire_due()
    assert outcomes() == ["failed", "started"]
    assert "“Mars/Olympus” is no time zone" in Firing.objects.earliest("pk").problems[0]
    gone.refresh_from_db()
    assert gone.next_due_at is None


def test_a_pause_passes_moments_over_and_resuming_goes_on_with_the_next(clock: Clock) -> None:
    trigger = scheduled(**MINUTELY, catch_up="once")
    triggers.pause(trigger.pk, by=None, reason="Holidays.")
    assert timers.seconds_until_next() is None
    clock.shift(600)
    timers.fire_due()
    triggers.resume(trigger.pk, by=None)
    timers.fire_due()
    assert outcomes() == []
    clock.shift(61)
    timers.fire_due()
    assert outcomes() == ["started"]


def test_a_schedule_may_begin_paused() -> None:
    trigger = scheduled(**MINUTELY, paused="Not yet.")
    assert (trigger.is_paused, trigger.pause_reason) == (True, "Not yet.")
    assert schedules.next_runs(trigger) == []


def test_pausing_and_resuming_say_what_is_wrong() -> None:
    trigger = scheduled(**MINUTELY)
    with pytest.raises(WrongState, match="is not paused"):
        triggers.resume(trigger.pk, by=None)
    triggers.pause(trigger.pk, by=None)
    with pytest.raises(WrongState, match="is paused already"):
        triggers.pause(trigger.pk, by=None)
    with pytest.raises(UnknownTrigger):
        triggers.pause(trigger.pk + 1, by=None)


def test_a_start_that_is_refused_does_not_stop_the_schedule() -> None:
    version = register(
        *chain("a"), input_schema={"required": ["order"]}, triggers=[{"cron": "0 0 1 1 *"}]
    )
    trigger = Trigger.objects.get(workflow=version.workflow)
    due(trigger, seconds=1)
    timers.fire_due()
    assert outcomes() == ["invalid"]
    trigger.refresh_from_db()
    assert trigger.next_due_at is not None


def test_a_changed_definition_changes_the_plan_and_a_removed_one_ends_it() -> None:
    trigger = scheduled(cron="0 0 1 1 *", zone="UTC")
    register(*chain("a"), triggers=[{"cron": "0 0 1 1 *", "zone": "Asia/Shanghai"}])
    trigger.refresh_from_db()
    assert trigger.next_due_at is not None
    assert (trigger.next_due_at.day, trigger.next_due_at.hour) == (31, 16)
    register(*chain("a"), triggers=[])
    assert not Trigger.objects.exists()


def test_a_trigger_is_added_to_a_workflow_that_is_there_already() -> None:
    register(*chain("a"))
    trigger = engine.register_trigger("flow", {"cron": "0 7 * * *", "zone": "Europe/Berlin"})
    assert len(schedules.next_runs(trigger)) == 5
    register(*chain("a"), triggers=[])
    assert Trigger.objects.filter(pk=trigger.pk).exists()
    assert AuditEvent.objects.get(kind="trigger.created").data["config"]["cron"] == "0 7 * * *"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cron": "* * * *"}, "cron: “* * * *”: five fields were expected: minute (0–59)"),
        ({"cron": "61 * * * *"}, "cron: “61 * * * *”: bad minute; five fields were expected"),
        ({"cron": "0 0 31 2 *"}, "cron: “0 0 31 2 *”: bad day-of-month"),
        ({"cron": "* * * * * *"}, "cron: “* * * * * *”: five fields were expected"),
        ({"cron": ""}, "cron: “”: five fields were expected"),
        ({"cron": "0 7 * * *", "zone": "Europe/Berln"}, "zone: “Europe/Berln” is no time zone"),
        ({"cron": "0 7 * * *", "catch_up": "all"}, "catch_up: 'all' is neither skip nor once."),
        ({"cron": "0 7 * * *", "mapping": {"a": "1 +"}}, "mapping: “1 +”"),
    ],
)
def test_each_setting_is_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        register(*chain("a"), triggers=[settings])
    assert any(message in str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        # Clocks go forward at 02:00: 02:30 does not exist and runs at 03:00 summer time.
        ("30 2 * * *", "2026-03-29T00:45:00", ["2026-03-29T01:00:00", "2026-03-30T00:30:00"]),
        # Clocks go back at 03:00: 02:30 comes twice and runs the first time only.
        ("30 2 * * *", "2026-10-25T00:15:00", ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]),
        # What runs every half hour does not pause for the hour that comes twice.
        (
            "*/30 * * * *",
            "2026-10-25T00:15:00",
            ["2026-10-25T00:30:00", "2026-10-25T01:00:00", "2026-10-25T01:30:00"],
        ),
        ("0 9 * * *", "2026-10-24T12:00:00", ["2026-10-25T08:00:00", "2026-10-26T08:00:00"]),
    ],
)
def test_both_changes_of_the_clocks(cron: str, now: str, expected: list[str], clock: Clock) -> None:
    make_agent()
    clock.shift((_utc(now) - the_clock.now()).total_seconds())
    trigger = scheduled(cron=cron, zone="Europe/Berlin", mapping={"at": "due_at"})
    assert schedules.next_runs(trigger, len(expected)) == [_utc(moment) for moment in expected]
    for moment in expected:
        clock.shift((_utc(moment) - the_clock.now()).total_seconds() + 1)
        timers.fire_due()
        timers.fire_due()
    assert [one.input["at"] for one in Execution.objects.order_by("pk")] == [
        f"{moment}+00:00" for moment in expected
    ]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
