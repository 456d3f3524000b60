"""Why is it waiting? One sentence for every task that is not over, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows import queue
from workflows.graph.shape import CATCH, EVENT_GATEWAY, SCOPE, WORK
from workflows.models import AgentSlot, Approval, AuditEvent, Execution, State, Task, Timer

from . import approvals, capacity, choosing, graphs

NAMED = 3  # steps that a sentence names


class Cause(StrEnum):
    """What a task waits for."""

    OVER = "over"
    RUNNING = "running"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"  # it failed, and nobody knows whether its work was done
    STOPPED = "stopped"  # its execution failed
    PAUSED = "paused"
    APPROVAL = "approval"
    DEPENDENCY = "dependency"
    CHOICE = "choice"  # of what is done next in an ad-hoc sub-process
    EVENT = "event"  # a time, a message or signal, or the end of a workflow that it called
    RETRY = "retry"
    RESERVED = "reserved"
    NO_AGENT = "no_agent"
    CAP = "cap"
    BREAKER = "breaker"  # all who could do it have failed again and again
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence; `due` is when it ends by itself, or is to be done by and `is_overdue` if it is
    not; `actions` are verbs that would end it now.

    Actions: retry, skip, complete, activate, cancel, resume, decide, see_agents, close_breaker.
    `agent`: whose breaker it is.
    """

    cause: Cause
    text: str
    detail: str = ""
    due: datetime | None = None
    is_overdue: bool = False
    actions: tuple[str, ...] = ()
    approval: Approval | None = None
    agent: str = ""


@dataclass(frozen=True)
class Surroundings:
    """An execution and all that explanations of its tasks look at, read once."""

    execution: Execution
    tasks: Sequence[Task]
    approvals: Sequence[Approval] = ()
    timers: Sequence[Timer] = ()
    lanes: capacity.Lanes = field(default_factory=capacity.Lanes)

    @cached_property
    def task_at(self) -> dict[int, Task]:
        return {task.node: task for task in self.tasks}

    @cached_property
    def approval_of(self) -> dict[int, Approval]:
        return {one.task_id: one for one in self.approvals}

    @cached_property
    def retry_of(self) -> dict[int | None, Timer]:
        return {one.task_id: one for one in self.timers if one.kind == Timer.Kind.RETRY}

    @cached_property
    def reserved(self) -> dict[int | None, str]:
        """The agent that a ready or due task is reserved for, by hand."""
        due = [task.pk for task in self.tasks if _is_due(task) and task.lane]
        slots = AgentSlot.objects.filter(task__in=due) if due else AgentSlot.objects.none()
        return dict(slots.values_list("task", "agent_key"))

    @cached_property
    def is_served(self) -> bool:
        """Whether workers take work at all."""
        return queue.is_alive()


def explain(task: Task) -> Explanation:
    """Why the task is not over yet, and what can be done about it."""
    execution = Execution.objects.select_related("paused_by").get(pk=task.execution_id)
    asked = Approval.objects.filter(task_id=task.pk, state=Approval.State.OPEN)
    now = Surroundings(
        execution, list(execution.tasks), list(asked), list(execution.timers.filter(task=task))
    )
    return explained(task, now)


def explained(task: Task, now: Surroundings) -> Explanation:
    """`explain`, with the surroundings at hand."""
    match task.state:
        case State.FAILED:
            return _failed(task)
        case State.RUNNING:
            return _running(task, now)
        case State.PAUSED:
            return _paused(task, now)
        case State.PENDING:
            return _pending(task, now)
    return Explanation(Cause.OVER, _("“%(task)s” is over.") % {"task": task.name})


def _failed(task: Task) -> Explanation:
    if task.is_in_doubt:
        return _in_doubt(task)
    text = _("“%(task)s” failed at attempt %(attempt)s.") % {
        "task": task.name,
        "attempt": task.attempt,
    }
    return Explanation(Cause.FAILED, text, task.error, actions=("retry", "skip"))


def _in_doubt(task: Task) -> Explanation:
    """What is known, and what is not."""
    text = _(
        "“%(task)s” is in doubt: %(agent)s began attempt %(attempt)s, and whether it took effect "
        "is not known."
    ) % {"task": task.name, "agent": task.agent_key, "attempt": task.attempt}
    rows = AuditEvent.objects.filter(execution=task.execution_id, task_id=task.pk)
    has_reported = rows.filter(kind="result.refused", data__has_key="output").exists()
    late = (
        _("A result came too late to count: look at it, it is filled in.") if has_reported else ""
    )
    actions = ("complete", "retry", "cancel")
    return Explanation(Cause.IN_DOUBT, text, f"{task.error} {late}".strip(), actions=actions)


def _running(task: Task, now: Surroundings) -> Explanation:
    choices = choosing.offers(now.execution, task) if task.kind == SCOPE else []
    if choices:
        return _choice(task, [node.name for node in choices], now)
    if not task.agent_key:
        return Explanation(Cause.RUNNING, _("“%(task)s” is running.") % {"task": task.name})
    text = _("“%(task)s” is running on %(agent)s.") % {"task": task.name, "agent": task.agent_key}
    again = _("Attempt %(attempt)s of %(most)s.") % {
        "attempt": task.attempt,
        "most": task.max_attempts,
    }
    return Explanation(Cause.RUNNING, text, again if task.attempt > 1 else "")


def _choice(task: Task, names: Sequence[str], now: Surroundings) -> Explanation:
    """Nothing new begins while the execution is paused or failed."""
    if now.execution.state == State.PAUSED:
        return execution_paused(now)
    if now.execution.state == State.FAILED:
        return _on_hold(task, now)
    text = _("“%(task)s” waits for somebody to choose what is done next.") % {"task": task.name}
    return Explanation(Cause.CHOICE, text, ", ".join(names), actions=("activate", "complete"))


def _on_hold(task: Task, now: Surroundings) -> Explanation:
    text = _("“%(task)s” goes on waiting when the execution is retried.") % {"task": task.name}
    return Explanation(Cause.STOPPED, text, now.execution.error, actions=("retry",))


def _paused(task: Task, now: Surroundings) -> Explanation:
    approval = now.approval_of.get(task.pk)
    if approval is not None:
        people = approvals.people(approval)
        text = _("Waits for approval by %(people)s.") % {"people": people}
        return Explanation(
            Cause.APPROVAL,
            text,
            approval.title,
            due=approval.due_at,
            is_overdue=approval.is_overdue,
            actions=("decide", "skip"),
            approval=approval,
        )
    if task.kind not in WORK:
        return _waiting(task, now)
    rows = AuditEvent.objects.filter(execution=task.execution_id, task_id=task.pk)
    row = rows.filter(new_state=State.PAUSED).order_by("-seq").first()
    if row is None:
        return Explanation(Cause.PAUSED, _("“%(task)s” is paused.") % {"task": task.name})
    text = _("“%(task)s” was paused by %(who)s.") % {
        "task": task.name,
        "who": row.actor.removeprefix("user:"),
    }
    return Explanation(Cause.PAUSED, text, row.data.get("reason", ""), actions=("skip",))


def _waiting(task: Task, now: Surroundings) -> Explanation:
    """A wait of a token graph: for a time, a message or signal, or a called workflow."""
    if now.execution.state == State.FAILED:
        return _on_hold(task, now)
    event = graphs.of(now.execution.version_id).nodes[task.node].event
    timers = [one for one in now.timers if one.task_id == task.pk]
    timer = min(timers, key=lambda one: one.due_at, default=None)
    if timer is not None and task.kind == CATCH and event.get("type") == "timer":
        text = _("“%(task)s” waits for its time.") % {"task": task.name}
        if now.execution.state == State.PAUSED:
            return Explanation(Cause.PAUSED, text, _held(now), actions=("resume", "skip"))
        return Explanation(Cause.EVENT, text, due=timer.due_at, actions=("skip",))
    called = Execution.objects.filter(parent_task=task.pk).order_by("-pk").first()
    if called is not None:
        text = _("“%(task)s” waits for the workflow that it called.") % {"task": task.name}
        return Explanation(Cause.EVENT, text, str(called), actions=("skip",))
    text = _("“%(task)s” waits for an event.") % {"task": task.name}
    is_held = now.execution.state == State.PAUSED or task.kind not in (CATCH, EVENT_GATEWAY)
    due = None if is_held or timer is None else timer.due_at
    return Explanation(Cause.EVENT, text, _awaited(task, now), due, actions=("skip",))


def _awaited(task: Task, now: Surroundings) -> str:
    """The messages, signals and conditions that it waits for."""
    graph = graphs.of(now.execution.version_id)
    events = now.execution.subscriptions.filter(task_id=task.pk).order_by("pk")
    names = [f"“{one.name}”" + (f" ({one.key})" if one.key else "") for one in events]
    behind = [graph.nodes[flow.target] for flow in graph.outgoing[task.node]]
    waited = behind if task.kind == EVENT_GATEWAY else [graph.nodes[task.node]]
    parts = [part for node in waited for part in node.parts]
    return ", ".join([*names, *(str(one["condition"]) for one in parts if "condition" in one)])


def _held(now: Surroundings) -> str:
    """A timer of a paused execution."""
    who = now.execution.paused_by
    if who is None:
        return _("The execution is paused: if it is due by then, it happens at the resume.")
    return _(
        "The execution is paused by %(who)s: if it is due by then, it happens at the resume."
    ) % {"who": who.get_username()}


def _pending(task: Task, now: Surroundings) -> Explanation:
    if not _is_due(task) and task.attempt == 0:
        return _depends(task, now)
    match now.execution.state:
        case State.PAUSED:
            return execution_paused(now)
        case State.FAILED:
            return _stopped(task, now)
        case State.COMPLETED | State.CANCELLED:
            return Explanation(Cause.OVER, _("The execution is over."))
    if not _is_due(task):
        return _retrying(task, now)
    return _due(task, now)


def _is_due(task: Task) -> bool:
    return task.state == State.PENDING and task.waits_on == 0


def _depends(task: Task, now: Surroundings) -> Explanation:
    """It waits for tokens; only steps that can still send one are named."""
    graph = graphs.of(now.execution.version_id)
    before = [now.task_at.get(flow.source) for flow in graph.incoming[task.node]]
    open_ones = [
        one.name
        for one in before
        if one is not None and one.state not in (State.COMPLETED, State.CANCELLED)
    ]
    if not open_ones:
        text = _("“%(task)s” waits for a path that was not taken.") % {"task": task.name}
        return Explanation(Cause.DEPENDENCY, text)
    if len(open_ones) == 1:
        text = _("“%(task)s” waits for “%(first)s”.") % {"task": task.name, "first": open_ones[0]}
        return Explanation(Cause.DEPENDENCY, text)
    text = _("“%(task)s” waits for %(count)s steps.") % {
        "task": task.name,
        "count": len(open_ones),
    }
    return Explanation(Cause.DEPENDENCY, text, _named(open_ones))


def execution_paused(now: Surroundings) -> Explanation:
    """By whom and why the execution is paused, and what still goes on in it."""
    who = now.execution.paused_by
    text = _("Paused by %(who)s.") % {"who": who.get_username()} if who else _("Paused.")
    flying = sum(task.state == State.RUNNING and task.kind in WORK for task in now.tasks)
    detail = now.execution.pause_reason
    if flying:
        detail += (" · " if detail else "") + ngettext(
            "One step in flight still finishes.", "%(count)s steps in flight still finish.", flying
        ) % {"count": flying}
    told = detail or _("Nothing new starts.")
    return Explanation(Cause.PAUSED, text, told, actions=("resume",))


def _stopped(task: Task, now: Surroundings) -> Explanation:
    broken = [one.name for one in now.tasks if one.state == State.FAILED]
    text = _("“%(task)s” does not start: the execution failed.") % {"task": task.name}
    if broken:
        text = _("“%(task)s” does not start: “%(failed)s” failed.") % {
            "task": task.name,
            "failed": broken[0],
        }
    return Explanation(Cause.STOPPED, text, now.execution.error, actions=("retry",))


def _retrying(task: Task, now: Surroundings) -> Explanation:
    """A failed attempt will be followed by another one."""
    policy = graphs.retry_policy(now.execution.version_id, task.node)
    timer = now.retry_of.get(task.pk)
    text = _("“%(task)s” failed and is tried again (attempt %(next)s of %(most)s)") % {
        "task": task.name,
        "next": task.attempt + 1,
        "most": policy.limit(task.error_kind, task.max_attempts),
    }
    due = timer.due_at if timer else None
    return Explanation(Cause.RETRY, text, task.error, due=due, actions=("skip",))


def _due(task: Task, now: Surroundings) -> Explanation:
    """It may start: who holds it up, if anybody does."""
    if agent := now.reserved.get(task.pk):
        text = _("“%(task)s” is reserved for %(agent)s: it starts when a person says so.") % {
            "task": task.name,
            "agent": agent,
        }
        return Explanation(Cause.RESERVED, text, actions=("skip",))
    hold = now.lanes.hold(task.lane)
    if hold is None:
        text = (
            _("“%(task)s” is next: a worker picks it up.")
            if now.is_served
            else _("“%(task)s” is next, but no worker is running: it starts when one does.")
        )
        return Explanation(Cause.QUEUED, text % {"task": task.name}, actions=("skip",))
    text = _("“%(task)s” cannot start: %(why)s") % {"task": task.name, "why": hold.text}
    if hold.breaker:
        verbs = ("close_breaker", "see_agents", "skip")
        return Explanation(
            Cause.BREAKER, text, hold.detail, hold.due, actions=verbs, agent=hold.breaker
        )
    cause = Cause.CAP if hold.is_full else Cause.NO_AGENT
    return Explanation(cause, text, hold.detail, actions=("see_agents", "skip"))


def _named(names: Sequence[str]) -> str:
    listed = ", ".join(names[:NAMED])
    return listed + "…" if len(names) > NAMED else listed
