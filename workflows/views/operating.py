"""Pause, resume, cancel, retry, complete: a GET asks and says what will happen, a POST does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, json_text
from workflows.engine import graphs, tasks
from workflows.errors import IllegalTransition, InvalidInput, UnknownTask
from workflows.models import AuditEvent, Execution, State, Task

from .execution import actions, found, tasks_of
from .refusals import answered, refused
from .verbs import wording

LONGEST_REASON = 1000


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def operate(
    request: HttpRequest, execution_id: int, verb: str, task_id: int | None = None
) -> HttpResponse:
    """Ask for, or carry out, one verb on an execution, or a retry of one of its tasks."""
    execution = found(execution_id)
    task = _task(execution, task_id) if task_id is not None else None
    if request.method == "POST":
        return _done(request, execution, verb, task)
    state = task.state if task else execution.state
    is_allowed = state == State.FAILED if task else verb in actions(request.user, execution)
    return _asked(request, execution, verb, task, is_allowed)


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def complete(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Ask for the output of a task that a person says is done, or complete it so."""
    execution = found(execution_id)
    task = _task(execution, task_id)
    if request.method != "POST":
        is_allowed = tasks.may_be_completed(execution, task)
        late = _late_output(task)
        more = {"output": json_text.pretty(late or {}), "is_late": bool(late)}
        return _asked(request, execution, "complete", task, is_allowed, more)
    typed = request.POST.get("output", "")
    try:
        output = _output(typed)
        return _done(request, execution, "complete", task, output=output)
    except InvalidInput as error:
        if getattr(request, "htmx", False):
            return refused(request, error)
        more = {"output": typed, "error": str(error)}
        return _asked(request, execution, "complete", task, True, more, status=422)


def _task(execution: Execution, task_id: int) -> Task:
    task = next((one for one in tasks_of(execution.pk) if one.pk == task_id), None)
    if task is None:
        raise UnknownTask
    return task


def _asked(
    request: HttpRequest,
    execution: Execution,
    verb: str,
    task: Task | None,
    is_allowed: bool,
    more: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The question; refused at once where the state does not allow the verb."""
    words = wording(verb, execution, task)
    if not is_allowed:
        state = task.state if task else execution.state
        raise IllegalTransition(state, words.to_state, str(task or execution))
    context: dict[str, Any] = {
        "execution": execution,
        "task": task,
        "verb": words,
        "address": request.path,
        **(more or {}),
    }
    if task is not None and verb == "complete":
        node = graphs.of(execution.version_id).nodes[task.node]
        context["mapping"] = dict(node.output_mapping)
    is_part = getattr(request, "htmx", False)
    page = "workflows/_confirm.html" if is_part else "workflows/confirm.html"
    return render(request, page, context, status=status)


def _done(
    request: HttpRequest, execution: Execution, verb: str, task: Task | None, **more: Any
) -> HttpResponse:
    words = wording(verb, execution, task)
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    if task is not None:
        more["task_id"] = task.pk
    words.run(execution.pk, by=request.user, reason=reason, **more)
    messages.success(request, f"{execution.workflow.name} {execution}: {words.done}")
    if not getattr(request, "htmx", False):
        return redirect("execution", execution.pk)
    changed = {"dialog-done": {}, "signalbox:changed": {"executions": [execution.pk]}}
    response = render(request, "components/toasts_oob.html")
    response["HX-Trigger"] = json.dumps(changed)
    return response


def _output(typed: str) -> dict[str, Any]:
    try:
        return json_text.parsed_object(typed)
    except json_text.Malformed as error:
        raise InvalidInput([f"{_('Output')}: {error}"]) from error


def _late_output(task: Task) -> dict[str, Any] | None:
    """What its agent has reported too late, if it has, for the person to look at."""
    late = AuditEvent.objects.filter(
        execution=task.execution_id, task_id=task.pk, kind="result.refused", data__has_key="output"
    )
    row = late.order_by("-seq").first()
    return row.data["output"] if row else None
