"""The sentence over the diagram and those at the tasks: the engine explains, links come here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from workflows import access
from workflows.engine import explaining, tokens
from workflows.engine.explaining import Cause, Explanation, Surroundings
from workflows.graph.retry import IN_DOUBT
from workflows.graph.shape import WORK
from workflows.models import Approval, AuditEvent, State, Task

COLOURS = {
    Cause.RUNNING: State.RUNNING,
    Cause.FAILED: State.FAILED,
    Cause.IN_DOUBT: IN_DOUBT,
    Cause.STOPPED: State.FAILED,
    Cause.PAUSED: State.PAUSED,
    Cause.APPROVAL: State.PAUSED,
    Cause.NO_AGENT: State.PAUSED,
    Cause.CAP: State.PAUSED,
    Cause.BREAKER: State.PAUSED,
    Cause.EVENT: State.PAUSED,
    Cause.CHOICE: State.PAUSED,
}
MOST_TASKS = 100  # that are explained on one page


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence in the colour of `state`; `due` counts down until it `is_overdue`; `url` leads to
    what helps.

    `doubt`: the task of which somebody has to say whether it was done. `breaker` leads to the
    question whether a breaker is to be closed.
    """

    state: str
    text: str
    detail: str = ""
    due: datetime | None = None
    is_overdue: bool = False
    url: str = ""
    label: str = ""
    doubt: Task | None = None
    breaker: str = ""


def explained(now: Surroundings, events: Sequence[AuditEvent], user: Any) -> Told:
    """The sentence over the diagram."""
    match now.execution.state:
        case State.COMPLETED:
            return Told(State.COMPLETED, _("Everything is done."))
        case State.CANCELLED:
            return _cancelled(events)
        case State.FAILED:
            return _failed(now, user)
        case State.PAUSED:
            return _told(explaining.execution_paused(now), user)
        case _:
            return _going_on(now, user)


def waits(now: Surroundings) -> dict[int, Explanation]:
    """For each task of an execution that is not over and does not run: why, by its id."""
    if now.execution.is_final:
        return {}
    waiting = [task for task in now.tasks if task.state in (State.PENDING, State.PAUSED)]
    return {task.pk: explaining.explained(task, now) for task in waiting[:MOST_TASKS]}


def _cancelled(events: Sequence[AuditEvent]) -> Told:
    row = next((row for row in reversed(events) if row.kind == "execution.cancelled"), None)
    if row is None:
        return Told(State.CANCELLED, _("Cancelled. Nothing runs any more."))
    text = _("Cancelled by %(who)s.") % {"who": row.actor.removeprefix("user:")}
    return Told(State.CANCELLED, text, row.data.get("reason", ""))


def _failed(now: Surroundings, user: Any) -> Told:
    failed = [task for task in now.tasks if task.state == State.FAILED]
    failed = [task for task in failed if tokens.is_open(now.execution, task)]
    if not failed:
        return Told(State.FAILED, _("It failed."), now.execution.error)
    broken = next((task for task in failed if task.is_in_doubt), failed[0])
    told = _told(explaining.explained(broken, now), user)
    if broken.is_in_doubt:
        return replace(told, doubt=broken)
    return told if told.detail else Told(State.FAILED, told.text, now.execution.error)


def _going_on(now: Surroundings, user: Any) -> Told:
    """People first, for only they can help; then what is blocked, due, running, or just queued."""
    begun = [task for task in now.tasks if task.state == State.RUNNING]
    running = [task for task in begun if task.kind in WORK]
    ready = [task for task in now.tasks if task.is_ready]
    if now.approvals:
        return _asking(now, user)
    if ready and not running and (blocked := _blocked(ready, now)):
        return _told(blocked, user)
    retry = next((task for task in now.tasks if task.pk in now.retry_of), None)
    if retry and not running:
        return _told(explaining.explained(retry, now), user)
    if len(running) > 1:
        text = _("%(count)s steps are running.") % {"count": len(running)}
        return Told(State.RUNNING, text, ", ".join(task.name for task in running[:5]))
    waiting = [task for task in now.tasks if task.state in (State.PENDING, State.PAUSED)]
    for task in [*running, *ready, *waiting, *begun]:
        return _told(explaining.explained(task, now), user)
    return Told(State.PENDING, _("Waits for its next step."))


def _blocked(ready: Sequence[Task], now: Surroundings) -> Explanation | None:
    """Said only when no agent can take any of the ready tasks."""
    found = [explaining.explained(task, now) for task in ready[:5]]
    is_held = all(one.cause in (Cause.NO_AGENT, Cause.CAP, Cause.BREAKER) for one in found)
    return found[0] if is_held else None


def _asking(now: Surroundings, user: Any) -> Told:
    first = min(now.approvals, key=_urgency)
    text = _("Waits for approval by %(people)s.") % {"people": access.people(first)}
    if len(now.approvals) > 1:
        text = _("Waits for %(count)s approvals.") % {"count": len(now.approvals)}
    may = not access.refusal(user, first)
    label = _("Decide") if may else _("Open approval")
    url = reverse("approval", args=[first.pk])
    return Told(
        State.PAUSED, text, first.title, first.due_at, first.is_overdue, url=url, label=label
    )


def _urgency(one: Approval) -> tuple[bool, datetime, int]:
    """Those with a due time first, the next first; then the newest."""
    return one.due_at is None, one.due_at or one.requested_at, -one.pk


def _told(one: Explanation, user: Any) -> Told:
    state = COLOURS.get(one.cause, State.PENDING)
    if one.agent and user.has_perm(access.SEE_AGENTS):
        url, label = reverse("agent", args=[one.agent]), _("See the agent")
        may = user.has_perm(access.CLOSE_BREAKER)
        breaker = reverse("breaker_close", args=[one.agent]) if may else ""
        return Told(
            state, one.text, one.detail, one.due, one.is_overdue, url, label, breaker=breaker
        )
    if "see_agents" in one.actions and user.has_perm(access.SEE):
        url, label = reverse("agents"), _("See agents")
        return Told(state, one.text, one.detail, one.due, one.is_overdue, url, label)
    return Told(state, one.text, one.detail, one.due, one.is_overdue)
