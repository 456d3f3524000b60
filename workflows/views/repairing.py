"""An operator mends a run: its variables, a failed step's input, a step that is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine, json_text
from workflows.engine import graphs
from workflows.errors import (
    IllegalTransition,
    InvalidExpression,
    InvalidInput,
    StaleState,
    UnknownTask,
)
from workflows.graph.shape import HUMAN
from workflows.models import Execution, State, Task

from . import paging
from .asking import Question, ask, ask_again, done, json_object, reason
from .execution import found
from .refusals import answered
from .verbs import question, wording


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def execution_variables(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Change variables; refused when they changed since the form was opened."""
    execution = found(execution_id)
    if execution.is_final:
        raise IllegalTransition(execution.state, State.RUNNING, str(execution))
    if request.method != "POST":
        return ask(request, _of_variables(execution, json_text.pretty(execution.variables)))
    typed, seen = request.POST.get("variables", ""), _seen(request, execution)
    try:
        changed = changes(seen.variables, json_object(request, "variables"))
        engine.set_variables(
            execution_id,
            changed,
            by=access.person(request),
            reason=reason(request),
            seen_version=seen.version,
        )
    except (json_text.Malformed, InvalidInput) as error:
        return ask_again(request, _of_variables(execution, typed, seen), listed(error))
    except StaleState as error:
        fresh = found(execution_id)
        both = json_text.pretty({**fresh.variables, **changed})
        told = _("What you changed is kept below, over the present values. Look at it once more.")
        return ask_again(request, _of_variables(fresh, both), [str(error), told])
    return _done(
        request, execution, _("Variables changed: %(names)s.") % {"names": _names(changed)}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def task_retry(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Retry one failed task, on its input or on another one."""
    execution = found(execution_id)
    task = task_of(execution, task_id)
    if task.state != State.FAILED or execution.is_final:
        raise IllegalTransition(task.state, State.PENDING, str(task))
    present = json_text.pretty(task.input or {})
    if request.method != "POST":
        return ask(request, _of_retry(execution, task, present))
    typed = request.POST.get("input", "")
    try:
        given = json_object(request, "input") if typed.strip() else None
        edited = given if given is not None and given != (task.input or {}) else None
        engine.retry(
            execution_id,
            by=access.person(request),
            task_id=task_id,
            input=edited,
            reason=reason(request),
        )
    except (json_text.Malformed, InvalidInput) as error:
        return ask_again(request, _of_retry(execution, task, typed), listed(error))
    return _done(request, execution, _("Tried again."))


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def task_skip(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Complete a step by giving its output."""
    execution = found(execution_id)
    task = task_of(execution, task_id)
    if not engine.may_skip(execution, task):
        raise IllegalTransition(task.state, State.COMPLETED, str(task))
    if request.method != "POST":
        return ask(request, _of_skip(execution, task, _blank(task)))
    try:
        engine.skip(
            execution_id,
            task_id,
            json_object(request, "output"),
            by=access.person(request),
            reason=reason(request),
        )
    except (json_text.Malformed, InvalidInput, InvalidExpression) as error:
        typed = request.POST.get("output", "")
        return ask_again(request, _of_skip(execution, task, typed), listed(error))
    return _done(request, execution, _("“%(task)s” is skipped.") % {"task": task.name})


@dataclass(frozen=True, slots=True)
class Seen:
    """The variables that a form has shown: what is typed differs from these, not from today's."""

    variables: Mapping[str, Any]
    version: int | None


def _seen(request: HttpRequest, execution: Execution) -> Seen:
    """As the form says; as they are now where it says nothing of use."""
    version = paging.key(request.POST.get("seen_version"))
    try:
        shown = json_object(request, "seen") if request.POST.get("seen") else execution.variables
    except json_text.Malformed:
        shown = execution.variables
    return Seen(shown, version)


def _of_variables(execution: Execution, typed: str, seen: Seen | None = None) -> Question:
    seen = seen or Seen(execution.variables, execution.variables_version)
    return Question(
        _("Change the variables of this execution?"),
        (
            _("Conditions and mappings read the new values from now on."),
            _("Steps that already have their input keep it; later ones see the change."),
            _("The old values stay in the audit."),
        ),
        _("Change variables"),
        "braces",
        f"{execution.workflow} {execution}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_json.html",
        values={
            "name": "variables",
            "label": _("Variables"),
            "text": typed,
            "seen_version": seen.version,
            "seen": json_text.canonical(seen.variables),
        },
        is_wide=True,
    )


def _of_retry(execution: Execution, task: Task, typed: str) -> Question:
    words = wording("retry", execution, task)
    lines = (
        words.consequences
        if task.is_in_doubt
        else (
            _("The step runs again, with fresh attempts, on the input below."),
            _("Completed steps keep their results and are not run again."),
        )
    )
    kept = _("If you change the input, the audit keeps the old one as well.")
    return question(
        replace(words, consequences=(*lines, kept)),
        f"{execution.workflow} {execution} · {task.name}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_json.html",
        values={"name": "input", "label": _("Input"), "text": typed},
        is_wide=True,
    )


def _of_skip(execution: Execution, task: Task, typed: str) -> Question:
    node = graphs.of(execution.version_id).nodes[task.node]
    lines = [
        _("The step counts as completed with the output below, and what follows it starts."),
        _("Nobody is asked to decide it.")
        if node.kind == HUMAN
        else _("Nobody does its work: its agent is not called."),
    ]
    if task.state == State.PAUSED:
        lines.append(_("Its open approval is withdrawn."))
    if execution.state == State.FAILED:
        lines.append(_("The execution goes on, unless another step has failed too."))
    return Question(
        _("Skip this step?"),
        lines,
        _("Skip step"),
        "chevrons-right",
        f"{execution.workflow} {execution} · {task.name}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_json.html",
        values={
            "name": "output",
            "label": _("Output"),
            "text": typed,
            "rows": 5,
            "mapping": sorted(node.output_mapping.items()),
        },
        is_dangerous=True,
        is_wide=True,
    )


def _blank(task: Task) -> str:
    """What an output looks like; the decision of a human step is left to be typed."""
    return json_text.pretty({"decision": ""} if task.kind == HUMAN else {})


def changes(present: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """What the text sets; InvalidInput when it leaves a variable out."""
    gone = [name for name in present if name not in typed]
    if gone:
        raise InvalidInput(
            [
                _("“%(name)s” is missing: a variable cannot be taken away, set it to null.")
                % {"name": name}
                for name in gone
            ]
        )
    return {
        name: value
        for name, value in typed.items()
        if name not in present or json_text.canonical(present[name]) != json_text.canonical(value)
    }


def task_of(execution: Execution, task_id: int) -> Task:
    """The execution's task with an id; raises UnknownTask."""
    task = execution.tasks.filter(pk=task_id).first()
    if task is None:
        raise UnknownTask
    return task


def _names(changes: dict[str, Any]) -> str:
    return ", ".join(list(changes)[:5]) + ("…" if len(changes) > 5 else "")


def listed(error: Exception) -> list[str]:
    """What is wrong, line by line."""
    return list(getattr(error, "problems", [])) or [str(error)]


def _done(request: HttpRequest, execution: Execution, message: str) -> HttpResponse:
    return done(
        request,
        f"{execution.workflow.name} {execution}: {message}",
        reverse("execution", args=[execution.pk]),
        {"executions": [execution.pk]},
    )
