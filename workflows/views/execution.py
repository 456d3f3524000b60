"""One execution: the diagram and everything known about it, whole or only what has changed."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from workflows import access, engine
from workflows.audit import rebuild
from workflows.audit.rebuild import Row
from workflows.engine import tokens
from workflows.engine.explaining import Surroundings
from workflows.engine.tasks import may_be_completed
from workflows.graph.retry import IN_DOUBT
from workflows.graph.shape import HUMAN, SCOPE, WORK, Node
from workflows.models import AuditEvent, Execution, Firing, State, Task
from workflows.models.runs import task_id

from . import overlaying, past
from .drawing import drawn
from .executions import waits_for_people
from .explaining import explained, waits
from .past import Moment
from .refusals import answered
from .timeline import timeline

EVENTS_READ, EVENTS_SHOWN, TASKS_SHOWN, FORKS_SHOWN = 2000, 100, 500, 10
LEGEND = (State.PENDING, State.RUNNING, State.PAUSED, State.COMPLETED, State.FAILED, IN_DOUBT,
          State.CANCELLED)  # fmt: skip
WITHOUT_WEIGHT = ("version__graph", "version__template", "workflow__input_schema")


@require_safe
@access.requires(access.SEE)
@answered
def execution(request: HttpRequest, execution_id: int) -> HttpResponse:
    """The page; with `at`, for who may read the audit, as it was after that audit row."""
    if request.GET.get("at") and not request.user.has_perm(access.AUDIT):
        messages.info(request, _("This is the present: your role does not show the past."))
    context = _context(request, execution_id)
    run = context["execution"]
    shown = {"diagram": overlaying.address(run.workflow, run.version), "legend": LEGEND}
    return render(request, "workflows/execution.html", context | shown)


@require_safe
@access.requires(access.SEE)
@answered
def execution_live(request: HttpRequest, execution_id: int) -> HttpResponse:
    """The parts that change, each to be swapped for its old self; `at` as for the page."""
    return _live(request, execution_id)


@require_safe
@access.requires(access.AUDIT)
@answered
def execution_at(request: HttpRequest, execution_id: int, seq: int) -> HttpResponse:
    """The parts that differ from moment to moment, as they were after audit row `seq`."""
    run, tasks = found(execution_id), tasks_of(execution_id)
    told = list(rebuild.rows(execution_id))
    moment = past.moment(told, past.asked(str(seq)), tasks, partial(_row, execution_id))
    if moment is None or not moment.is_past:
        return _live(request, execution_id)
    context = _parts(request, run, tasks, told, moment) | {"is_swap": True}
    return render(request, "workflows/_moment_parts.html", context)


def found(execution_id: int) -> Execution:
    """The execution with what its page names; raises Http404."""
    rows = Execution.objects.select_related("workflow", "version", "requested_by", "paused_by")
    one = rows.defer(*WITHOUT_WEIGHT).with_doubt().filter(pk=execution_id).first()
    if one is None:
        raise Http404
    return one


def tasks_of(execution_id: int) -> list[Task]:
    """Its tasks, by their range of ids: the table has no other index for it."""
    rows = Task.objects.filter(
        pk__gte=task_id(execution_id, 0), pk__lt=task_id(execution_id + 1, 0)
    )
    return list(rows.order_by("pk")[:TASKS_SHOWN])


def _live(request: HttpRequest, execution_id: int) -> HttpResponse:
    context = _context(request, execution_id) | {"is_swap": True}
    return render(request, "workflows/_execution_parts.html", context)


def _context(request: HttpRequest, execution_id: int) -> dict[str, Any]:
    run, tasks, events = found(execution_id), tasks_of(execution_id), _events(execution_id)
    may_audit = request.user.has_perm(access.AUDIT)
    told = _told(execution_id, events, is_whole=may_audit)
    moment = _moment(request, execution_id, told, tasks, events) if may_audit else None
    is_past = moment is not None and moment.is_past
    now = {} if is_past else _present(request.user, run, tasks, events)
    newest = {"event_count": len(events), "events": events[-EVENTS_SHOWN:][::-1]}
    return _parts(request, run, tasks, told, moment) | now | (newest if may_audit else {})


def _cause(run: Execution) -> Firing | None:
    """What started it by itself, as long as that trigger is there."""
    if not (run.idempotency_key or "").startswith("trigger:"):
        return None
    fired = Firing.objects.filter(execution=run.pk, trigger__isnull=False)
    return fired.select_related("trigger").first()


def _events(execution_id: int) -> list[AuditEvent]:
    """The newest audit rows, oldest first."""
    rows = AuditEvent.objects.filter(execution=execution_id).order_by("-seq")
    return list(rows[:EVENTS_READ])[::-1]


def _told(execution_id: int, events: list[AuditEvent], *, is_whole: bool) -> list[Row]:
    """What the rows say: all of them if wanted whole, else the newest."""
    if is_whole and events and events[0].seq > 1:
        return list(rebuild.rows(execution_id))
    return [rebuild.row_of(event) for event in events]


def _moment(
    request: HttpRequest,
    execution_id: int,
    told: list[Row],
    tasks: list[Task],
    events: list[AuditEvent],
) -> Moment | None:
    at_hand = {event.seq: event for event in events}
    return past.moment(
        told,
        past.asked(request.GET.get("at")),
        tasks,
        lambda seq: at_hand.get(seq) or _row(execution_id, seq),
    )


def _row(execution_id: int, seq: int) -> AuditEvent:
    return AuditEvent.objects.get(execution=execution_id, seq=seq)


def _present(
    user: Any, run: Execution, tasks: list[Task], events: list[AuditEvent]
) -> dict[str, Any]:
    """What is asked, due and possible now, and the sentences about it."""
    is_over = run.state in (State.COMPLETED, State.CANCELLED)
    now = Surroundings(
        run,
        tasks,
        [] if is_over else waits_for_people(run.pk),
        [] if is_over else list(run.timers.order_by("due_at")[:50]),
    )
    skippable = {task.pk for task in tasks if _may_skip(run, task)}
    return {
        "why": explained(now, events, user),
        "waits": waits(now),
        "approvals": now.approvals,
        "rerunnable": engine.rerunnable(run, tasks),
        "skippable": skippable,
        "completable": {one.pk for one in tasks if _may_complete(run, one, one.pk in skippable)},
        "choices": _choices(run, tasks),
    }


def _parts(
    request: HttpRequest,
    run: Execution,
    tasks: list[Task],
    told: list[Row],
    moment: Moment | None,
) -> dict[str, Any]:
    """What every part shows, as it is now or as it was at a moment of the past."""
    then = moment.picture if moment else None
    has_canvas = "canvas" in request.GET  # then the browser draws
    shown = past.as_they_were(tasks, then, moment.row.at) if moment and then else tasks
    variables = then.variables if then else run.variables
    until = then.seq if then else None
    return {
        "execution": run,
        "cause": _cause(run),
        "forks": _forks(told),
        "may_move": _may_move(request, run),
        "moment": moment,
        "tasks": shown,
        "variables": variables,
        "actions": actions(request.user, run),
        "caught": _caught(run, tasks),
        "drawing": None
        if has_canvas
        else drawn(run.version_id, shown, variables, _passed(told, until)),
        "timeline": timeline(
            tasks, told[-EVENTS_READ:], moment.row.at if moment and then else None
        ),
        "changed_here": moment.changed if moment and then else {},
        "set_by": _set_by(told, until),
        "may_operate": request.user.has_perm(access.OPERATE) and not then,
        "waits": {},
        "rerunnable": set(),
        "skippable": set(),
        "completable": set(),
        "choices": {},
    }


def _caught(run: Execution, tasks: list[Task]) -> set[int]:
    """Failed tasks whose error went on elsewhere: there is nothing left to retry in them."""
    failed = [task for task in tasks if task.state == State.FAILED]
    return {task.pk for task in failed if not tokens.is_open(run, task)}


def _passed(told: list[Row], until: int | None) -> dict[str, set[str]]:
    """Where tokens have gone from each gateway and event, up to a row."""
    found: dict[str, set[str]] = {}
    for row in told:
        if row.kind == "token.passed" and (until is None or row.seq <= until):
            found.setdefault(row.key, set()).update((row.data or {}).get("to", ()))
    return found


def _choices(run: Execution, tasks: list[Task]) -> dict[int, list[Node]]:
    """What may be begun by hand in each open ad-hoc sub-process, by its task's id."""
    scopes = [one for one in tasks if one.kind == SCOPE and one.state == State.RUNNING]
    found = {task.pk: engine.offered(run, task) for task in scopes}
    return {pk: nodes for pk, nodes in found.items() if nodes}


def _may_skip(run: Execution, task: Task) -> bool:
    """Of a task in doubt somebody has to say whether it was done, which is more than to skip it."""
    return engine.may_skip(run, task) and not task.is_in_doubt


def _may_complete(run: Execution, task: Task, may_skip: bool) -> bool:
    """A step of an agent that has failed, is due or runs: a person may have done it instead."""
    is_an_agents = task.kind in WORK and task.kind != HUMAN
    is_at_it = task.state == State.RUNNING or may_skip
    return is_an_agents and is_at_it and may_be_completed(run, task)


def _may_move(request: HttpRequest, run: Execution) -> bool:
    """Whether it can be moved to what is published now, as far as the page needs to know."""
    newest = run.workflow.published_id
    is_newer = newest is not None and newest not in (run.version_id, run.version.arranges_id)
    return is_newer and not run.is_final and request.user.has_perm(access.OPERATE)


def _forks(told: list[Row]) -> list[int]:
    """The executions that were forked from this one of late, the newest first."""
    found = [row.data["fork"] for row in told if row.kind == "execution.forked" and row.data]
    return found[-FORKS_SHOWN:][::-1]


def _set_by(told: list[Row], until: int | None) -> dict[str, Row]:
    """The row that last set each variable, up to a row."""
    known = (row for row in told if until is None or row.seq <= until)
    return {name: row for row in known for name in (row.data or {}).get("set", ())}


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
