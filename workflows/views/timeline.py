"""Bars over time, from the audit rows: each attempt of a task is one, each wait another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workflows import clock
from workflows.audit.rebuild import Row
from workflows.graph.retry import IN_DOUBT
from workflows.models import AuditEvent, State, Task

NARROWEST = 0.5  # percent: a bar that can still be seen
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
MOST_TICKS = 5


@dataclass(slots=True)
class Bar:
    """From `start` to `end` (None: still going) a task was in `state`; x and width are percent."""

    state: str
    start: datetime
    end: datetime | None
    attempt: int | None
    agent: str
    x: float = 0.0
    width: float = 0.0


@dataclass(slots=True)
class Lane:
    """A task's bars, and how long it worked and waited in all."""

    task: Task
    bars: list[Bar] = field(default_factory=list)

    @property
    def took(self) -> timedelta | None:
        if not self.bars:
            return None
        return (self.bars[-1].end or clock.now()) - self.bars[0].start

    @property
    def span(self) -> tuple[float, float] | None:
        """Percent from the first bar's start to the last one's end, when there are several."""
        if len(self.bars) < 2:
            return None
        return self.bars[0].x, self.bars[-1].x + self.bars[-1].width


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lanes in order of their start; ticks as (percent, seconds); the chosen moment in percent."""

    lanes: list[Lane]
    ticks: list[tuple[float, float]]
    moment: float | None = None

    @property
    def rest(self) -> float:
        """Percent after the chosen moment."""
        return 100 - (self.moment or 0)


def timeline(
    tasks: Sequence[Task], events: Iterable[AuditEvent | Row], moment: datetime | None = None
) -> Timeline | None:
    """The bars of an execution; None when nothing has begun."""
    lanes = {task.pk: Lane(task) for task in tasks}
    for event in events:
        if event.task_id in lanes and event.new_state:
            _step(lanes[event.task_id], event)
    begun = sorted(
        (lane for lane in lanes.values() if lane.bars), key=lambda one: one.bars[0].start
    )
    if not begun:
        return None
    start = begun[0].bars[0].start
    end = max(bar.end or clock.now() for lane in begun for bar in lane.bars)
    length = max((end - start).total_seconds(), 0.05)
    for lane in begun:
        for bar in lane.bars:
            _place(bar, start, length)
    chosen = None if moment is None else _percent(moment, start, length)
    return Timeline(begun, _ticks(length), chosen)


def _step(lane: Lane, event: AuditEvent | Row) -> None:
    """Closes the bar that is open; running and paused open the next one."""
    new_state = str(event.new_state)
    is_in_doubt = (event.data or {}).get("error_kind") == IN_DOUBT
    _close(lane, IN_DOUBT if is_in_doubt else new_state, event.at)
    if new_state in (State.RUNNING, State.PAUSED):
        lane.bars.append(Bar(new_state, event.at, None, event.attempt, event.agent_id or ""))


def _close(lane: Lane, new_state: str, at: datetime) -> None:
    bar = lane.bars[-1] if lane.bars else None
    if bar is None or bar.end is not None:
        return
    bar.end = at
    if bar.state == State.RUNNING:
        bar.state = _ended(new_state)
    if bar.start == at and len(lane.bars) > 1:
        lane.bars.pop()
        if new_state == State.CANCELLED:
            lane.bars[-1].state = new_state


def _ended(new_state: str) -> str:
    return State.COMPLETED if new_state == State.PAUSED else new_state


def _place(bar: Bar, start: datetime, length: float) -> None:
    bar.x = 100 * (bar.start - start).total_seconds() / length
    until = ((bar.end or clock.now()) - start).total_seconds()
    bar.width = max(100 * until / length - bar.x, NARROWEST)
    bar.x = min(bar.x, 100 - bar.width)


def _percent(moment: datetime, start: datetime, length: float) -> float:
    return min(max(100 * (moment - start).total_seconds() / length, 0.0), 100.0)


def _ticks(length: float) -> list[tuple[float, float]]:
    step = next((step for step in STEPS if length / step <= MOST_TICKS), length / MOST_TICKS)
    count = int(length / step)
    return [(100 * step * at / length, step * at) for at in range(count + 1)]
