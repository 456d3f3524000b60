"""One execution: the diagram and everything known about it, whole or only what has changed."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access, engine
from workflows.engine.explaining import Surroundings
from workflows.models import AuditEvent, Execution, State, Task
from workflows.models.runs import task_id

from .drawing import drawn
from .executions import waits_for_people
from .explaining import explained, waits
from .timeline import timeline

EVENTS_READ, EVENTS_SHOWN, TASKS_SHOWN, FORKS_SHOWN = 2000, 100, 500, 10
WITHOUT_WEIGHT = ("version__graph", "version__template", "workflow__input_schema")


@require_safe
@access.requires(access.SEE)
def execution(request: HttpRequest, execution_id: int) -> HttpResponse:
    """The page."""
    return render(request, "workflows/execution.html", _context(request, execution_id))


@require_safe
@access.requires(access.SEE)
def execution_live(request: HttpRequest, execution_id: int) -> HttpResponse:
    """The parts that change, each to be swapped for its old self."""
    context = _context(request, execution_id) | {"is_swap": True}
    return render(request, "workflows/_execution_parts.html", context)


def found(execution_id: int) -> Execution:
    """The execution with what its page names; raises Http404."""
    rows = Execution.objects.select_related("workflow", "version", "requested_by", "paused_by")
    one = rows.defer(*WITHOUT_WEIGHT).filter(pk=execution_id).first()
    if one is None:
        raise Http404
    return one


def tasks_of(execution_id: int) -> list[Task]:
    """Its tasks, by their range of ids: the table has no other index for it."""
    rows = Task.objects.filter(
        pk__gte=task_id(execution_id, 0), pk__lt=task_id(execution_id + 1, 0)
    )
    return list(rows.order_by("pk")[:TASKS_SHOWN])


def _context(request: HttpRequest, execution_id: int) -> dict[str, Any]:
    run = found(execution_id)
    tasks = tasks_of(execution_id)
    events = _events(execution_id)
    is_over = run.state in (State.COMPLETED, State.CANCELLED)
    now = Surroundings(
        run,
        tasks,
        [] if is_over else waits_for_people(execution_id),
        [] if is_over else list(run.timers.order_by("due_at")[:50]),
    )
    return {
        "execution": run,
        "tasks": tasks,
        "why": explained(now, events, request.user),
        "approvals": now.approvals,
        "waits": waits(now),
        "actions": actions(request.user, run),
        "drawing": drawn(run.version_id, tasks, run.variables),
        "timeline": timeline(tasks, events),
        "event_count": len(events),
        "events": events[-EVENTS_SHOWN:][::-1] if request.user.has_perm(access.AUDIT) else None,
        "set_by": _set_by(events),
        "may_operate": request.user.has_perm(access.OPERATE),
        "rerunnable": {task.pk for task in tasks if engine.may_rerun_from(task)},
        "forks": _forks(events),
        "may_move": _may_move(request, run),
        "skippable": {task.pk for task in tasks if engine.may_skip(run, task)},
    }


def _events(execution_id: int) -> list[AuditEvent]:
    """The newest audit rows, oldest first."""
    rows = AuditEvent.objects.filter(execution=execution_id).order_by("-seq")
    return list(rows[:EVENTS_READ])[::-1]


def _may_move(request: HttpRequest, run: Execution) -> bool:
    """Whether it can be moved to what is published now, as far as the page needs to know."""
    newest = run.workflow.published_id
    is_newer = newest is not None and newest not in (run.version_id, run.version.arranges_id)
    return is_newer and not run.is_final and request.user.has_perm(access.OPERATE)


def _forks(events: list[AuditEvent]) -> list[int]:
    """The executions that were forked from this one of late, the newest first."""
    found = [event.data["fork"] for event in events if event.kind == "execution.forked"]
    return found[-FORKS_SHOWN:][::-1]


def _set_by(events: list[AuditEvent]) -> dict[str, AuditEvent]:
    """The row that last set each variable."""
    return {name: event for event in events for name in event.data.get("set") or ()}


def actions(user: Any, run: Execution) -> list[str]:
    """What the user may do to it now, the likeliest first."""
    if not user.has_perm(access.OPERATE):
        return []
    possible = {
        State.PENDING: ["pause", "cancel"],
        State.RUNNING: ["pause", "cancel"],
        State.PAUSED: ["resume", "cancel"],
        State.FAILED: ["retry", "cancel"],
    }
    return possible.get(State(run.state), [])
