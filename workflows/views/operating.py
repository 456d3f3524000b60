"""Pause, resume, cancel, retry, complete: a GET asks and says what will happen, a POST does it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, json_text
from workflows.engine import graphs, tasks
from workflows.errors import IllegalTransition, InvalidInput
from workflows.models import AuditEvent, Execution, Task

from .asking import Question, ask, ask_again, done, json_object, reason
from .execution import actions, found
from .refusals import answered
from .repairing import listed, task_of
from .verbs import Verb, question, wording


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def operate(request: HttpRequest, execution_id: int, verb: str) -> HttpResponse:
    """Ask for, or carry out, one verb on an execution."""
    execution = found(execution_id)
    words = wording(verb, execution, None)
    if request.method == "POST":
        return _done(request, execution, words)
    if verb not in actions(request.user, execution):
        raise IllegalTransition(execution.state, words.to_state, str(execution))
    return ask(request, question(words, f"{execution.workflow} {execution}", _back(execution)))


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def task_complete(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Ask for the output of a task that a person says is done, or complete it so."""
    execution = found(execution_id)
    task = task_of(execution, task_id)
    words = wording("complete", execution, task)
    if request.method != "POST":
        if not tasks.may_be_completed(execution, task):
            raise IllegalTransition(task.state, words.to_state, str(task))
        return ask(request, _of_output(execution, task, words, _late_output(task)))
    try:
        output = _output(request)
        return _done(request, execution, words, task_id=task.pk, output=output)
    except InvalidInput as error:
        asked = _of_output(execution, task, words, None, request.POST.get("output", ""))
        return ask_again(request, asked, listed(error))


def _of_output(
    execution: Execution,
    task: Task,
    words: Verb,
    late: dict[str, Any] | None,
    typed: str | None = None,
) -> Question:
    node = graphs.of(execution.version_id).nodes[task.node]
    late_help = _("Filled in: what its agent reported too late.") if late else ""
    help = _("What the step would have given; later steps may read it.")
    return question(
        words,
        f"{execution.workflow} {execution} · {task.name}",
        _back(execution),
        fields="workflows/_ask_json.html",
        values={
            "name": "output",
            "label": _("Output"),
            "text": json_text.pretty(late or {}) if typed is None else typed,
            "rows": 6,
            "mapping": sorted(node.output_mapping.items()),
            "help": late_help or ("" if node.output_mapping else help),
        },
        is_wide=True,
    )


def _done(request: HttpRequest, execution: Execution, words: Verb, **more: Any) -> HttpResponse:
    words.run(execution.pk, by=access.person(request), reason=reason(request), **more)
    message = f"{execution.workflow.name} {execution}: {words.done}"
    return done(request, message, _back(execution), {"executions": [execution.pk]})


def _back(execution: Execution) -> str:
    return reverse("execution", args=[execution.pk])


def _output(request: HttpRequest) -> dict[str, Any]:
    try:
        return json_object(request, "output")
    except json_text.Malformed as error:
        raise InvalidInput([f"{_('Output')}: {error}"]) from error


def _late_output(task: Task) -> dict[str, Any] | None:
    """What its agent has reported too late, if it has, for the person to look at."""
    late = AuditEvent.objects.filter(
        execution=task.execution_id, task_id=task.pk, kind="result.refused", data__has_key="output"
    )
    row = late.order_by("-seq").first()
    return row.data["output"] if row else None
