"""Running an execution again from one of its steps."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from workflows import access, engine, json_text
from workflows.errors import IllegalTransition, InvalidInput
from workflows.models import Execution, State, Task

from .asking import Question, ask, ask_again, json_object, moved_on, reason
from .execution import found
from .refusals import answered
from .repairing import changes, listed, task_of
from .verbs import RISK

BY_STEPS = (
    gettext_lazy("Results of completed steps before and beside it are copied, not run again."),
    gettext_lazy("This step, all after it, and what had not completed beside it run afresh."),
)
BY_TOKENS = (
    gettext_lazy("It begins at this step, with the sub-processes around it open."),
    gettext_lazy("Where paths join behind it, what the other paths had brought counts."),
)


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def task_rerun(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Ask with which variables, then fork; the way leads to the fork."""
    execution = found(execution_id)
    task = task_of(execution, task_id)
    if execution.marking is None and not engine.may_rerun_from(task):
        raise IllegalTransition(task.state, State.RUNNING, str(task))
    present = engine.variables_before(execution, task)
    if request.method != "POST":
        return ask(request, _question(execution, task, json_text.pretty(present)))
    typed = request.POST.get("variables", "")
    try:
        changed = changes(present, json_object(request, "variables")) if typed.strip() else {}
        fork = engine.rerun_from(
            execution_id,
            task.key,
            by=access.person(request),
            reason=reason(request),
            variables=changed,
            idempotency_key=request.POST.get("idempotency_key", "").strip()[:255] or None,
        )
    except (json_text.Malformed, InvalidInput) as error:
        return ask_again(request, _question(execution, task, typed), listed(error))
    message = _("%(fork)s runs again from “%(task)s”.") % {"fork": fork, "task": task.name}
    return moved_on(request, message, reverse("execution", args=[fork.pk]))


def _question(execution: Execution, task: Task, typed: str) -> Question:
    lines: list[str | Promise] = [
        _("A new execution of version %(n)s starts; this one stays as it is.")
        % {"n": execution.version.number},
        *(BY_STEPS if execution.marking is None else BY_TOKENS),
    ]
    if not execution.is_final and execution.state != State.FAILED:
        lines.append(_("This execution goes on at the same time. Cancel it if it should not."))
    if execution.has_doubt:
        lines.insert(0, str(RISK))
    return Question(
        _("Run again from this step?"),
        lines,
        _("Run from here"),
        "git-fork",
        f"{execution.workflow} {execution} · {task.name}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_json.html",
        values={
            "name": "variables",
            "label": _("Variables when the step began"),
            "text": typed,
            "idempotency_key": f"fork-{secrets.token_hex(8)}",
        },
        is_dangerous=execution.has_doubt,
        is_wide=True,
    )
