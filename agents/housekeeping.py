"""What a session does beside its work: renews its lease, takes back lost work, fires timers."""

from __future__ import annotations

import math
import time

from django.conf import settings

from agents.orchestrator import workforce
from workflows.engine import (
    advancing,
    claiming,
    lookout,
    messages,
    sessions,
    timers,
    working_off,
)
from workflows.engine.claiming import LeaseLost

TICK_SECONDS = advancing.TICK_SECONDS  # the longest the sweeper waits before it looks around
STANDBY_SECONDS = 5.0  # the longest that any other session waits
OVERDUE_SECONDS = 0.05  # before a due timer that another holds is tried again


class Housekeeping:
    """Of one session, on its thread. `is_fresh`: nothing has been done since it last looked."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.renewed_at = time.monotonic()
        self.looked_at = self.fired_at = 0.0
        self.due_at = math.inf  # when the next timer is, as far as this session knows
        self.view, self.is_fresh = lookout.View(), False

    def keep(self) -> bool:
        """Do what it is time for; whether there may be work now. Raises LeaseLost."""
        now = time.monotonic()
        if now - self.renewed_at > settings.HEARTBEAT_SECONDS:
            self._renew()
        if self.is_look_due:
            return self.look_around()
        if now >= self.due_at and now - self.fired_at > OVERDUE_SECONDS:
            self._fire()
            return True
        return False

    @property
    def is_look_due(self) -> bool:
        return time.monotonic() - self.looked_at > self._tick()

    def look_around(self) -> bool:
        """See what there is to do, and do what is the house's; whether there may be work now."""
        self.looked_at = time.monotonic()
        self.view = lookout.look(self.session, is_sweeper=self.view.is_sweeper)
        self.expect_timer(self.view.seconds_until_due)
        self.is_fresh = True
        if self.view.has_dead:
            sessions.reap(self.session)
        if self.view.may_rise:
            claiming.age()
        if self.view.has_mail:
            messages.deliver_due()
        if self.view.has_stalled and self.view.is_sweeper:
            working_off.sweep()
        # What was taken back may be tried again at once: before others take its place.
        is_due = self.view.has_due and self.looked_at - self.fired_at > OVERDUE_SECONDS
        if is_due or self.view.has_dead:
            self._fire()
        return self.view.has_ready or not self.is_fresh

    def expect_timer(self, seconds: float | None) -> None:
        """The next timer is due in so many seconds; None: there is none."""
        self.due_at = math.inf if seconds is None else time.monotonic() + seconds

    def seconds_to_sleep(self) -> float:
        """How long there is nothing to do unless somebody rings."""
        if not self.is_fresh:
            return OVERDUE_SECONDS
        next_look = max(self.due_at, self.fired_at + OVERDUE_SECONDS)
        return min(max(next_look - time.monotonic(), 0.001), self._tick())

    def stand_down(self) -> None:
        """Leave the sweeper's place to another session."""
        if self.view.is_sweeper:
            lookout.stand_down()
            self.view = lookout.View()

    def _renew(self) -> None:
        if not sessions.renew(self.session):
            raise LeaseLost
        workforce.beat()
        self.renewed_at = time.monotonic()

    def _fire(self) -> None:
        self.fired_at, self.due_at, self.is_fresh = time.monotonic(), math.inf, False
        timers.fire_due()

    def _tick(self) -> float:
        if self.view.is_sweeper:
            return TICK_SECONDS
        return min(STANDBY_SECONDS, settings.HEARTBEAT_SECONDS)
