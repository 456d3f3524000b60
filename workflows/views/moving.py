"""Moving an execution to a newer version of its workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine, json_text
from workflows.engine import graphs
from workflows.errors import CannotMove, IllegalTransition, InvalidInput, UnknownVersion
from workflows.graph.moving import Plan
from workflows.graph.shape import REMOVED
from workflows.models import Execution, State

from . import paging
from .asking import Question, ask, ask_again, json_object, moved_on, reason
from .execution import found
from .refusals import answered
from .repairing import listed


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def execution_move(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Show what a move would do, check another mapping, or carry it out."""
    execution = found(execution_id)
    if execution.is_final:
        raise IllegalTransition(execution.state, State.RUNNING, str(execution))
    numbers = engine.newer_versions(execution)
    if not numbers:
        raise UnknownVersion(_("There is no newer version of this workflow."))
    number = paging.key(request.POST.get("version")) or numbers[0]
    typed = request.POST.get("mapping", "{}")
    try:
        mapping = _mapping(request)
        if request.method != "POST" or "check" in request.POST:
            plan = engine.plan_move(execution_id, number, mapping)
            return _shown(request, execution, numbers, number, typed, plan)
        engine.move_to_version(
            execution_id, number, mapping, by=access.person(request), reason=reason(request)
        )
    except CannotMove:
        plan = engine.plan_move(execution_id, number, mapping)
        return _shown(request, execution, numbers, number, typed, plan, status=422)
    except (json_text.Malformed, InvalidInput) as error:
        question = _question(execution, numbers, number, typed, None)
        return ask_again(request, question, listed(error))
    message = _("It goes on with version %(n)s.") % {"n": number}
    here = reverse("execution", args=[execution_id])
    return moved_on(request, f"{execution.workflow.name} {execution}: {message}", here)


def _shown(
    request: HttpRequest,
    execution: Execution,
    numbers: list[int],
    number: int,
    typed: str,
    plan: Plan,
    status: int = 200,
) -> HttpResponse:
    question = _question(execution, numbers, number, typed, plan)
    return ask_again(request, question, plan.problems) if status == 422 else ask(request, question)


def _mapping(request: HttpRequest) -> Mapping[str, str]:
    mapping = json_object(request, "mapping")
    wrong = [
        _("“%(name)s”: the key of a step was expected, or “” for none.") % {"name": name}
        for name, value in mapping.items()
        if not isinstance(value, str)
    ]
    if wrong:
        raise InvalidInput(wrong)
    return mapping


def _question(
    execution: Execution, numbers: list[int], number: int, typed: str, plan: Plan | None
) -> Question:
    return Question(
        _("Move this execution to a newer version?"),
        (
            _("Completed steps keep their results; what waits keeps waiting, under its new rules."),
            _("New steps whose turn has come start. Steps without a place are cancelled."),
            _("Ways already taken stay taken; new ways are chosen on the present variables."),
        ),
        _("Move"),
        "route",
        f"{execution.workflow} {execution} · v{execution.version.number}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_move.html",
        values={"numbers": numbers, "number": number, "text": typed, **_planned(execution, plan)},
        is_wide=True,
    )


def _planned(execution: Execution, plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        return {}
    old = graphs.of(execution.version_id)
    renamed = [
        (old.nodes[node], plan.graph.nodes[node])
        for node in plan.kept
        if old.nodes[node].key != plan.graph.nodes[node].key
    ]
    return {
        "is_planned": True,
        "plan_problems": plan.problems,
        "kept": len(plan.kept),
        "renamed": renamed,
        "added": [plan.graph.nodes[node] for node in plan.added],
        "removed": [old.nodes[node] for node in plan.removed if old.nodes[node].kind != REMOVED],
    }
