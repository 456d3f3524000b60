"""Pausing and resuming the intake of a workflow."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine
from workflows.errors import StaleState
from workflows.models import Workflow

from .asking import Question, ask, done, reason
from .modelling import found
from .refusals import answered


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def intake_pause(request: HttpRequest, key: str) -> HttpResponse:
    """Ask, then refuse new starts."""
    workflow = found(key)
    if request.method == "POST":
        engine.pause_intake(key, by=access.person(request), reason=reason(request))
        return _done(request, workflow, _("New starts are refused from now on."))
    if workflow.intake_paused_at is not None:
        raise StaleState(_("Its intake is paused already."))
    lines = (
        _("New starts are refused, by hand, by command, by trigger and by the API alike."),
        _("Whoever tries is told that you paused it, and your reason."),
        _("Executions that run go on."),
    )
    title = _("Pause the intake of this workflow?")
    return ask(request, _question(workflow, title, lines, _("Pause intake"), "pause"))


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def intake_resume(request: HttpRequest, key: str) -> HttpResponse:
    """Ask, then take new starts again."""
    workflow = found(key)
    if request.method == "POST":
        engine.resume_intake(key, by=access.person(request), reason=reason(request))
        return _done(request, workflow, _("New starts are taken again."))
    if workflow.intake_paused_at is None:
        raise StaleState(_("Its intake is not paused."))
    lines = (
        _("New starts are taken again at once."),
        _("Starts that were refused meanwhile are not made up for."),
    )
    title = _("Resume the intake of this workflow?")
    return ask(request, _question(workflow, title, lines, _("Resume intake"), "play"))


def _question(
    workflow: Workflow, title: str, lines: tuple[str, ...], button: str, icon: str
) -> Question:
    back = reverse("workflow", args=[workflow.key])
    return Question(title, lines, button, icon, workflow.name, back)


def _done(request: HttpRequest, workflow: Workflow, message: str) -> HttpResponse:
    back = reverse("workflow", args=[workflow.key])
    return done(request, f"{workflow.name}: {message}", back, {"topics": ["workflows"]})
