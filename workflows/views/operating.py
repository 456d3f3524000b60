"""Pause, resume, cancel, retry: a GET asks and says what will happen, a POST does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine
from workflows.errors import IllegalTransition
from workflows.models import Execution, State

from .asking import Question, ask, done, reason
from .execution import actions, found
from .refusals import answered


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
def operate(request: HttpRequest, execution_id: int, verb: str) -> HttpResponse:
    """Ask for, or carry out, one verb on an execution."""
    execution = found(execution_id)
    asked = VERBS[verb]
    back = reverse("execution", args=[execution.pk])
    if request.method == "POST":
        asked.run(execution.pk, by=request.user, reason=reason(request))
        message = f"{execution.workflow.name} {execution}: {asked.done}"
        return done(request, message, back, {"executions": [execution.pk]})
    if verb not in actions(request.user, execution):
        raise IllegalTransition(execution.state, asked.to_state, str(execution))
    return ask(request, _question(execution, asked, back))


def _question(execution: Execution, asked: Verb, back: str) -> Question:
    return Question(
        asked.title,
        asked.consequences,
        asked.button,
        asked.icon,
        f"{execution.workflow} {execution}",
        back,
        is_dangerous=asked.is_dangerous,
    )
