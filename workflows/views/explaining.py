"""What happens now, or why nothing does: one sentence, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows import access
from workflows.engine import graphs, tokens
from workflows.graph.retry import IN_DOUBT
from workflows.graph.shape import CATCH, WORK
from workflows.models import (
    AgentSlot,
    Approval,
    AuditEvent,
    Execution,
    Lane,
    LaneMember,
    State,
    Task,
    Timer,
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence in the colour of `state`; `due` counts down; `url` leads to what helps.

    `doubt`: the task of which somebody has to say whether it was done.
    """

    state: str
    text: str
    detail: str = ""
    due: datetime | None = None
    url: str = ""
    label: str = ""
    action: str = ""
    doubt: Task | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that an explanation looks at."""

    execution: Execution
    tasks: Sequence[Task]
    approvals: Sequence[Approval]
    timers: Sequence[Timer]
    events: Sequence[AuditEvent] = field(default_factory=tuple)


def explained(now: Situation, user: Any) -> Explanation:
    """The sentence over the diagram."""
    match now.execution.state:
        case State.COMPLETED:
            return Explanation(State.COMPLETED, _("Everything is done."))
        case State.CANCELLED:
            return _cancelled(now)
        case State.FAILED:
            return _failed(now, user)
        case State.PAUSED:
            return _paused(now, user)
        case _:
            return _going_on(now, user)


def _cancelled(now: Situation) -> Explanation:
    row = next((row for row in reversed(now.events) if row.kind == "execution.cancelled"), None)
    if row is None:
        return Explanation(State.CANCELLED, _("Cancelled. Nothing runs any more."))
    text = _("Cancelled by %(who)s.") % {"who": row.actor.removeprefix("user:")}
    return Explanation(State.CANCELLED, text, row.data.get("reason", ""))


def _failed(now: Situation, user: Any) -> Explanation:
    doubted = next((task for task in now.tasks if task.is_in_doubt), None)
    if doubted:
        return _in_doubt(doubted, now)
    failed = (task for task in now.tasks if task.state == State.FAILED)
    broken = next((task for task in failed if tokens.is_open(now.execution, task)), None)
    text = _("It failed.")
    if broken:
        text = _("“%(task)s” failed at attempt %(attempt)s.") % {
            "task": broken.name,
            "attempt": broken.attempt,
        }
    action = "retry" if user.has_perm(access.OPERATE) else ""
    detail = broken.error if broken and broken.error else now.execution.error
    return Explanation(State.FAILED, text, detail, action=action)


def _in_doubt(task: Task, now: Situation) -> Explanation:
    """What is known, and what is not."""
    text = _(
        "“%(task)s” is in doubt: %(agent)s began attempt %(attempt)s, and whether it took effect "
        "is not known."
    ) % {"task": task.name, "agent": task.agent_key, "attempt": task.attempt}
    has_reported = any(
        row.kind == "result.refused" and row.task_id == task.pk and "output" in row.data
        for row in now.events
    )
    late = (
        _("A result came too late to count: look at it, it is filled in.") if has_reported else ""
    )
    return Explanation(IN_DOUBT, text, f"{task.error} {late}".strip(), doubt=task)


def _paused(now: Situation, user: Any) -> Explanation:
    who = now.execution.paused_by
    text = _("Paused by %(who)s.") % {"who": who.get_username()} if who else _("Paused.")
    flying = sum(task.state == State.RUNNING for task in now.tasks)
    detail = now.execution.pause_reason
    if flying:
        detail += " " + ngettext(
            "One step in flight still finishes.", "%(count)s steps in flight still finish.", flying
        ) % {"count": flying}
    action = "resume" if user.has_perm(access.OPERATE) else ""
    return Explanation(
        State.PAUSED, text, detail.strip() or _("Nothing new starts."), action=action
    )


def _going_on(now: Situation, user: Any) -> Explanation:
    """People first, for only they can help; then what is blocked, due, running, or just queued."""
    running = [task for task in now.tasks if task.state == State.RUNNING]
    ready = [task for task in now.tasks if task.is_ready]
    if now.approvals:
        return _asking(now.approvals[0], len(now.approvals), user)
    if ready and not running and (blocked := _blocked(ready)):
        return blocked
    retry = next((timer for timer in now.timers if timer.kind == Timer.Kind.RETRY), None)
    running = [task for task in running if task.kind in WORK] or running
    if retry and not any(task.kind in WORK for task in running):
        return _retrying(retry, now)
    waits = [task for task in now.tasks if task.state == State.PAUSED]
    if waits and not ready and not any(task.kind in WORK for task in running):
        return _waiting(waits[0], now)
    if running:
        return _running(running)
    if ready:
        text = _("“%(task)s” is next: a worker picks it up.") % {"task": ready[0].name}
        return Explanation(State.PENDING, text)
    return Explanation(State.PENDING, _("Waits for its next step."))


def _waiting(task: Task, now: Situation) -> Explanation:
    """A wait of a token graph: for a time, a message or signal, or a called workflow."""
    timer = next((one for one in now.timers if one.task_id == task.pk), None)
    if timer is not None and task.kind == CATCH:
        text = _("“%(task)s” waits for its time.") % {"task": task.name}
        return Explanation(State.PAUSED, text, due=timer.due_at)
    called = Execution.objects.filter(parent_task=task.pk).order_by("-pk").first()
    if called is not None:
        text = _("“%(task)s” waits for the workflow that it called.") % {"task": task.name}
        url = reverse("execution", args=[called.pk])
        return Explanation(State.PAUSED, text, url=url, label=_("See it"))
    events = now.execution.subscriptions.filter(task_id=task.pk).order_by("pk")
    names = ", ".join(f"“{one.name}”" + (f" ({one.key})" if one.key else "") for one in events)
    text = _("“%(task)s” waits for an event.") % {"task": task.name}
    return Explanation(State.PAUSED, text, names)


def _asking(approval: Approval, count: int, user: Any) -> Explanation:
    text = _("Waits for approval by %(people)s.") % {"people": access.people(approval)}
    if count > 1:
        text = _("Waits for %(count)s approvals.") % {"count": count}
    may = not access.refusal(user, approval)
    label = _("Decide") if may else _("Open approval")
    url = reverse("approval", args=[approval.pk])
    return Explanation(State.PAUSED, text, approval.title, url=url, label=label)


def _retrying(timer: Timer, now: Situation) -> Explanation:
    task = next((task for task in now.tasks if task.pk == timer.task_id), None)
    if task is None:
        return Explanation(State.PENDING, _("A retry is due."), due=timer.due_at)
    policy = graphs.retry_policy(now.execution.version_id, task.node)
    text = _("“%(task)s” failed and is tried again (attempt %(next)s of %(most)s)") % {
        "task": task.name,
        "next": task.attempt + 1,
        "most": policy.limit(task.error_kind, task.max_attempts),
    }
    return Explanation(State.PENDING, text, task.error, due=timer.due_at)


def _running(running: Sequence[Task]) -> Explanation:
    first = running[0]
    if len(running) > 1:
        text = _("%(count)s steps are running.") % {"count": len(running)}
        return Explanation(State.RUNNING, text, ", ".join(task.name for task in running[:5]))
    if not first.agent_key:
        return Explanation(State.RUNNING, _("“%(task)s” is running.") % {"task": first.name})
    text = _("“%(task)s” is running on %(agent)s.") % {"task": first.name, "agent": first.agent_key}
    again = _("Attempt %(attempt)s of %(most)s.") % {
        "attempt": first.attempt,
        "most": first.max_attempts,
    }
    return Explanation(State.RUNNING, text, again if first.attempt > 1 else "")


def _blocked(ready: Sequence[Task]) -> Explanation | None:
    """Said only when no agent can take any of the ready tasks."""
    reasons = [_no_agent(task) for task in ready[:5]]
    if not all(reasons):
        return None
    text = _("“%(task)s” cannot start: %(why)s") % {"task": ready[0].name, "why": reasons[0]}
    url = reverse("agents")
    return Explanation(State.PAUSED, text, url=url, label=_("See agents"))


def _no_agent(task: Task) -> str:
    """Why no agent can take the task now; "" when one can."""
    if not task.lane:
        return ""
    keys = list(LaneMember.objects.filter(lane=task.lane).values_list("agent_key", flat=True))
    if not keys:
        return _nobody_fits(Lane.objects.filter(pk=task.lane).first())
    free = AgentSlot.objects.filter(
        agent_key__in=keys, task__isnull=True, session__isnull=True, is_retired=False
    )
    if free.exists():
        return ""
    return _("all its agents (%(agents)s) are at their limit.") % {"agents": ", ".join(keys)}


def _nobody_fits(lane: Lane | None) -> str:
    if lane is None:
        return _("no agent is known for it.")
    if lane.agent_key:
        return _("agent %(agent)s is not online.") % {"agent": lane.agent_key}
    if lane.capabilities:
        needed = ", ".join(lane.capabilities)
        return _("no agent online can do %(capabilities)s.") % {"capabilities": needed}
    return _("no agent online has the role %(role)s.") % {"role": lane.role or "—"}
