"""Circuit breakers: after the cool-down, one trial at a time."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from agents import housekeeping
from tests.engine.breaking import (
    DONE,
    FAILED,
    OPENED,
    REFUSED,
    SILENT,
    TRIED,
    Bench,
    bench,
    breaker,
    recorded,
    state,
)
from tests.engine.conftest import Clock, at_work, together, wait_for_end
from tests.factories import make_agent, start, states, step
from workflows import engine
from workflows.engine import advancing, breakers, sessions, timers
from workflows.engine.advancing import Released
from workflows.models import AgentSlot, AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["bench"]


@pytest.mark.parametrize(
    ("outcome", "then"), [(DONE, "closed"), (REFUSED, "closed"), (FAILED, "open")]
)
def test_a_trial_closes_the_breaker_or_opens_it_again(
    clock: Clock, bench: Bench, outcome: advancing.Result, then: str
) -> None:
    bench.open()
    assert timers.fire_due() == 0, "not before its time"
    clock.shift(31)
    assert timers.fire_due() == 1
    assert state() == "half_open"
    bench.give(outcome)
    assert state() == then
    assert recorded() == [OPENED, TRIED, ("half_open", then, "system")]
    if then == "closed":
        assert breaker().failures == 0
        assert len(bench.lend(10)) == 10, "its whole cap is back"


def test_each_failed_trial_doubles_the_cool_down_up_to_ten_minutes(
    clock: Clock, bench: Bench
) -> None:
    bench.open()
    waits = []
    for _ in range(7):
        found = breaker()
        waits.append(round((found.trial_at - found.changed_at).total_seconds()))
        clock.shift(waits[-1] + 1)
        timers.fire_due()
        bench.give(FAILED)
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    clock.shift(601)
    timers.fire_due()
    bench.give(DONE)
    bench.open()
    found = breaker()
    assert round((found.trial_at - found.changed_at).total_seconds()) == 30, "all is forgotten"


def test_a_longer_cool_down_stays_what_it_is(bench: Bench) -> None:
    breakers.fit("echo", 3, 900, by=None)
    bench.open()
    found = breaker()
    assert round((found.trial_at - found.changed_at).total_seconds()) == 900


def test_what_was_under_way_when_it_opened_does_not_judge_the_trial(
    clock: Clock, bench: Bench
) -> None:
    old = bench.lend(2)
    bench.open()
    clock.shift(31)
    timers.fire_due()
    (trial,) = bench.lend(2)
    advancing.report(bench.session, [(old[0], FAILED)])
    assert state() == "half_open"
    assert bench.lend(1) == [], "the trial still runs, on whatever unit"
    advancing.report(bench.session, [(old[1], DONE)])
    assert state() == "half_open"
    advancing.report(bench.session, [(trial, DONE)])
    assert state() == "closed"


def test_a_trial_that_comes_to_nothing_makes_room_for_the_next(clock: Clock, bench: Bench) -> None:
    bench.open()
    clock.shift(31)
    timers.fire_due()
    (trial,) = bench.lend()
    advancing.report(bench.session, [(trial, SILENT)])
    assert (state(), len(bench.lend(3))) == ("half_open", 1)


def test_a_trial_never_exceeds_the_cap(clock: Clock, bench: Bench) -> None:
    (slow,) = bench.lend()
    bench.open()
    make_agent(breaker_failures=3, max_concurrent_tasks=1)
    clock.shift(31)
    timers.fire_due()
    assert bench.lend() == [], "the only unit is still in use"
    advancing.report(bench.session, [(slow, DONE)])
    assert state() == "half_open"
    assert len(bench.lend()) == 1


def test_a_new_cap_leaves_a_half_open_breaker_its_trial(clock: Clock, bench: Bench) -> None:
    bench.open()
    clock.shift(31)
    timers.fire_due()
    for cap in (2, 1, 5):
        make_agent(breaker_failures=3, max_concurrent_tasks=cap)
        assert AgentSlot.objects.filter(is_trial=True, is_retired=False).count() == 1
    (trial,) = bench.lend(3)
    make_agent(breaker_failures=3, max_concurrent_tasks=2)
    assert advancing.exchange(bench.session, [], 3) == []
    advancing.report(bench.session, [(trial, DONE)])
    assert len(bench.lend(1)) == 1


def test_two_sessions_that_fail_at_once_open_it_once(bench: Bench) -> None:
    others = [sessions.open_session() for _ in range(5)]
    held = []
    for session in [bench.session, *others]:
        engine.start_workflow("flow")
        held.append((session, advancing.exchange(session, [], 1)[0]))
    found = together(
        *(
            lambda session=session, work=work: advancing.report(session, [(work, FAILED)])
            for session, work in held
        )
    )
    assert found == [None] * 6
    assert (state(), recorded()) == ("open", [OPENED])
    assert breaker().failures == 3
    for session in others:
        sessions.close_session(session)


def test_a_half_open_breaker_lends_one_trial_whoever_asks(clock: Clock, bench: Bench) -> None:
    bench.open()
    for _ in range(8):
        engine.start_workflow("flow")
    others = [sessions.open_session() for _ in range(4)]
    clock.shift(31)
    timers.fire_due()
    lent = together(
        *(lambda session=session: advancing.exchange(session, [], 3) for session in others)
    )
    assert sorted(len(works) for works in lent) == [0, 0, 0, 1]
    for session, works in zip(others, lent, strict=True):
        advancing.report(session, [(work, Released()) for work in works])
        sessions.close_session(session)


def test_a_trial_begins_in_time_while_sessions_are_idle(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """With the clock as it is: the sessions sleep until then, and nobody else wakes them."""
    monkeypatch.setattr(housekeeping, "TICK_SECONDS", 3600.0)
    monkeypatch.setattr(housekeeping, "STANDBY_SECONDS", 3600.0)
    settings.HEARTBEAT_SECONDS = settings.LEASE_SECONDS = 3600.0
    make_agent(breaker_failures=1, breaker_cooldown_seconds=1, tool="tests.fail")
    with at_work(2):
        first = start(step("a"))
        wait_for_end(first)
        waiting = start(step("b", input={"succeeds_at": 1}), key="other")
        wait_for_end(waiting)
    assert states(first) == {"a": "failed"}
    due = AuditEvent.objects.get(kind="agent.breaker_open").data["trial_at"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM at - %s::timestamptz)::float FROM workflows_auditevent "
            "WHERE kind = 'agent.breaker_half_open'",
            [due],
        )
        late = cursor.fetchone()[0]
    assert 0 <= late < 10, late
    assert recorded() == [OPENED, TRIED, ("half_open", "closed", "system")]
