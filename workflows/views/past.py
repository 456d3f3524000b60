"""The time slider: where it stands, what had happened by then, and the tasks as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from workflows.audit import rebuild
from workflows.audit.rebuild import NONE_YET, Attempt, Picture, Row
from workflows.audit.variables import Change, Difference, changes
from workflows.errors import Contradiction, UnknownRow
from workflows.models import AuditEvent, State, Task

from . import happening, paging

CHANGES_SHOWN = 40
WIDTH = 1000
MARKS = 240  # more could not be told apart on the slider
WEIGHT = ("pending", "running", "completed", "paused", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Mark:
    """A transition's place on the slider, from 0 to WIDTH."""

    state: str
    x: float


@dataclass(frozen=True, slots=True)
class Moment:
    """After a row of an execution, 1 to `last`; `picture` is None for the present."""

    last: int
    picture: Picture | None
    row: AuditEvent
    task: str
    since: timedelta
    marks: list[Mark]
    changes: list[Change]

    @property
    def seq(self) -> int:
        return self.row.seq

    @property
    def is_past(self) -> bool:
        return self.picture is not None

    @property
    def previous(self) -> int | None:
        return self.seq - 1 if self.seq > 1 else None

    @property
    def next(self) -> int | None:
        return self.seq + 1 if self.seq < self.last else None

    @property
    def sentence(self) -> str:
        return happening.sentence(self.row, self.task)

    @property
    def detail(self) -> str:
        return happening.detail(self.row)

    @property
    def changed(self) -> dict[str, list[Difference]]:
        """What the row did to the variables, by the variable's name."""
        found: dict[str, list[Difference]] = {}
        here = next((one for one in self.changes if one.row.seq == self.seq), None)
        for one in here.differences if here else ():
            found.setdefault(one.name, []).append(one)
        return found

    @property
    def history(self) -> list[Change]:
        """The newest changes of variables, newest first."""
        return self.changes[: -CHANGES_SHOWN - 1 : -1]


def asked(text: str | None) -> int | None:
    """The row that an address asks for, None for the present. Raises UnknownRow."""
    if not text:
        return None
    number = paging.key(text)
    if not number:
        told = {"value": text[:40]}
        raise UnknownRow(_("at: “%(value)s” is no audit row; it is a number from 1 on.") % told)
    return number


def moment(
    told: Sequence[Row],
    seq: int | None,
    tasks: Sequence[Task],
    whole: Callable[[int], AuditEvent],
) -> Moment | None:
    """The moment after row `seq`, or the present when that is None or the last row.

    `told` are all rows of the execution; `whole` fetches one with all of its data. None when there
    are no rows. Raises Contradiction.
    """
    if not told:
        return None
    chosen = next((row for row in reversed(told) if seq is None or row.seq <= seq), told[0])
    row = whole(chosen.seq)
    names = {task.pk: task.name for task in tasks}
    return Moment(
        last=told[-1].seq,
        picture=_picture(told, row.seq) if row.seq < told[-1].seq else None,
        row=row,
        task=names.get(row.task_id or 0) or row.data.get("key", ""),
        since=row.at - told[0].at,
        marks=_marks(told),
        changes=changes(told),
    )


def as_they_were(tasks: Iterable[Task], picture: Picture, at: datetime) -> list[Task]:
    """Copies of the tasks as they were at a moment; never to be saved.

    One that ran then has `at` for its end, so that its duration is that of the time it had run.
    """
    return [
        _as_it_was(task, picture.tasks.get(task.pk), picture.attempts.get(task.pk), at)
        for task in tasks
    ]


def _picture(told: Sequence[Row], seq: int) -> Picture:
    try:
        return rebuild.last(row for row in told if row.seq <= seq)
    except rebuild.Disagreement as problem:
        raise Contradiction(f"{Contradiction.__doc__} {problem}") from problem


def _marks(told: Sequence[Row]) -> list[Mark]:
    """The gravest transition of each place where one can be told from its neighbours."""
    length = max(told[-1].seq - 1, 1)
    places = min(length, MARKS)
    gravest: dict[int, str] = {}
    for row in told:
        if row.new_state:
            place = (row.seq - 1) * places // length
            known = gravest.get(place, row.new_state)
            gravest[place] = max(known, row.new_state, key=WEIGHT.index)
    return [Mark(state, WIDTH * place / places) for place, state in gravest.items()]


def _as_it_was(task: Task, state: str | None, attempt: Attempt | None, at: datetime) -> Task:
    """What the task table knows of this very attempt is shown, of later ones nothing."""
    task, state, attempt = copy(task), state or State.PENDING, attempt or NONE_YET
    is_same = attempt.number == task.attempt and attempt.number > 0
    task.state, task.attempt, task.agent_key = state, attempt.number, attempt.agent
    task.started_at, task.finished_at = attempt.started_at, attempt.ended_at or at
    task.error = attempt.error if state == State.FAILED else ""
    task.input = task.input if is_same else None
    task.output = task.output if is_same and state == State.COMPLETED else None
    return task
