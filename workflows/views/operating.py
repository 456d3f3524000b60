"""Pause, resume, cancel, retry: a GET asks and says what will happen, a POST does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine
from workflows.errors import IllegalTransition, UnknownTask
from workflows.models import Execution, State

from .execution import actions, found, tasks_of
from .refusals import answered

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb of the engine is asked for and confirmed."""

    run: Callable[..., Any]
    title: str | Promise
    consequences: tuple[str | Promise, ...]
    button: str | Promise
    done: str | Promise
    icon: str
    to_state: str
    is_dangerous: bool = False


VERBS = {
    "pause": Verb(
        engine.pause,
        _("Pause this execution?"),
        (
            _("Steps in flight finish, nothing new starts."),
            _("Timers keep their due dates and fire when it is resumed."),
        ),
        _("Pause"),
        _("Paused."),
        "pause",
        State.PAUSED,
    ),
    "resume": Verb(
        engine.resume,
        _("Resume this execution?"),
        (_("Steps that wait start at once."), _("Timers that came due meanwhile fire now.")),
        _("Resume"),
        _("Resumed."),
        "play",
        State.RUNNING,
    ),
    "cancel": Verb(
        engine.cancel,
        _("Cancel this execution for good?"),
        (
            _("Nothing starts any more, and open approvals are withdrawn."),
            _("Late results of steps in flight are kept but refused."),
            _("A cancelled execution cannot be brought back."),
        ),
        _("Cancel execution"),
        _("Cancelled."),
        "ban",
        State.CANCELLED,
        True,
    ),
    "retry": Verb(
        engine.retry,
        _("Retry what failed?"),
        (
            _("Failed steps run again, with fresh attempts."),
            _("Completed steps keep their results and are not run again."),
        ),
        _("Retry"),
        _("Tried again."),
        "rotate-cw",
        State.PENDING,
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def operate(
    request: HttpRequest, execution_id: int, verb: str, task_id: int | None = None
) -> HttpResponse:
    """Ask for, or carry out, one verb on an execution, or a retry of one of its tasks."""
    execution = found(execution_id)
    if request.method == "POST":
        return _done(request, execution, verb, task_id)
    return _asked(request, execution, verb, task_id)


def _asked(
    request: HttpRequest, execution: Execution, verb: str, task_id: int | None
) -> HttpResponse:
    """The question; refused at once where the state does not allow the verb."""
    task = next((one for one in tasks_of(execution.pk) if one.pk == task_id), None)
    if task_id is not None and task is None:
        raise UnknownTask
    state = task.state if task else execution.state
    is_allowed = state == State.FAILED if task else verb in actions(request.user, execution)
    if not is_allowed:
        raise IllegalTransition(state, VERBS[verb].to_state, str(task or execution))
    context = {"execution": execution, "task": task, "verb": VERBS[verb], "address": request.path}
    is_part = getattr(request, "htmx", False)
    page = "workflows/_confirm.html" if is_part else "workflows/confirm.html"
    return render(request, page, context)


def _done(
    request: HttpRequest, execution: Execution, verb: str, task_id: int | None
) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    only = {"task_id": task_id} if task_id is not None else {}
    VERBS[verb].run(execution.pk, by=request.user, reason=reason, **only)
    messages.success(request, f"{execution.workflow.name} {execution}: {VERBS[verb].done}")
    if not getattr(request, "htmx", False):
        return redirect("execution", execution.pk)
    changed = {"dialog-done": {}, "signalbox:changed": {"executions": [execution.pk]}}
    response = render(request, "components/toasts_oob.html")
    response["HX-Trigger"] = json.dumps(changed)
    return response
