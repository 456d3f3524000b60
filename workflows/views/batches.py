"""Batches: one verb over everything that a filter finds, its progress and each result."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from workflows import access, engine
from workflows.engine import arguments, incidents
from workflows.engine import batches as verbs
from workflows.errors import StaleState
from workflows.models import Batch, BatchItem, State, Task

from . import paging
from .asking import Question, ask, done, moved_on, reason
from .refusals import answered

MOST = 1000
TITLES: dict[str, tuple[str | Promise, str | Promise, str]] = {
    "pause": (gettext_lazy("Pause all that match?"), gettext_lazy("Pause all"), "pause"),
    "resume": (gettext_lazy("Resume all that match?"), gettext_lazy("Resume all"), "play"),
    "cancel": (gettext_lazy("Cancel all that match for good?"), gettext_lazy("Cancel all"), "ban"),
    "retry": (gettext_lazy("Retry all that match?"), gettext_lazy("Retry all"), "rotate-cw"),
}


@require_safe
@access.requires(access.SEE)
def batches(request: HttpRequest) -> HttpResponse:
    """All batches, newest first."""
    rows = Batch.objects.select_related("created_by")
    is_part = getattr(request, "htmx", False)
    name = "workflows/_batch_list.html" if is_part else "workflows/batches.html"
    return render(request, name, {"page": paging.page(rows, request.GET)})


@require_safe
@access.requires(access.SEE)
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One batch; for htmx only what changes."""
    one = _found(batch_id)
    wanted = request.GET.get("result", "")
    items = one.items.select_related("execution__workflow").defer(
        "execution__variables", "execution__input", "execution__workflow__input_schema"
    )
    if wanted in BatchItem.Result.values:
        items = items.filter(result=wanted)
    context = {
        "batch": one,
        "page": paging.page(items, request.GET),
        "wanted": wanted,
        "results": _counted(one),
        "parts": _described(one.filter, one.items.order_by("pk").first()),
    }
    is_part = getattr(request, "htmx", False)
    name = "workflows/_batch.html" if is_part else "workflows/batch.html"
    return render(request, name, context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def batch_new(request: HttpRequest) -> HttpResponse:
    """Ask with the filter in the address; a POST creates the batch and leads to it."""
    verb = request.GET.get("verb", "")
    asked = {name: request.GET[name] for name in verbs.PARTS if request.GET.get(name)}
    if request.method == "POST":
        new = engine.create_batch(verb, asked, by=access.person(request), reason=reason(request))
        to = reverse("batch", args=[new.pk])
        return moved_on(request, _("Batch %(n)s is created.") % {"n": new.pk}, to)
    return ask(request, _question(verb, asked))


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def batch_cancel(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Stop a batch that goes on."""
    one = _found(batch_id)
    back = reverse("batch", args=[batch_id])
    if request.method == "POST":
        engine.cancel_batch(batch_id, by=access.person(request), reason=reason(request))
        stopped = _("Batch %(n)s is stopped.") % {"n": batch_id}
        return done(request, stopped, back, {"topics": ["batches"]})
    if one.finished_at is not None:
        raise StaleState(_("The batch has ended already."))
    lines = (
        _("What it has done stays done."),
        _("What is left of it is left alone."),
    )
    title, button = _("Stop this batch?"), _("Stop batch")
    subject = f"{one.get_verb_display()} {one}"
    return ask(request, Question(title, lines, button, "ban", subject, back, is_dangerous=True))


def _counted(one: Batch) -> list[tuple[str, str, int]]:
    counts = {"waiting": one.left, "done": one.done, "refused": one.refused}
    return [(str(name), str(label), counts[name]) for name, label in BatchItem.Result.choices]


def _question(verb: str, asked: dict[str, str]) -> Question:
    found = verbs.count(verb, asked, MOST + 1)
    title, button, icon = TITLES[verb]
    states = ", ".join(str(State(state).label) for state in verbs.APPLIES_TO[verb])
    if not found:
        told = _("Nothing to do: no execution that matches is in one of these states: %(states)s.")
        raise StaleState(told % {"states": states})
    lines = [
        _("It applies to more than %(n)s executions that match now.") % {"n": MOST}
        if found > MOST
        else ngettext(
            "It applies to %(n)s execution that matches now.",
            "It applies to %(n)s executions that match now.",
            found,
        )
        % {"n": found},
        _("Only these states are touched: %(states)s.") % {"states": states},
        _("Workers carry it out; you can watch it and stop it."),
    ]
    if verb == "cancel":
        lines.append(_("A cancelled execution cannot be brought back."))
    return Question(
        title,
        lines,
        button,
        icon,
        " · ".join(f"{name}: {value}" for name, value in _described(asked)) or _("No filter"),
        reverse("executions"),
        is_dangerous=verb == "cancel",
    )


def _described(asked: dict[str, str], item: BatchItem | None = None) -> list[tuple[str, str]]:
    """The filter in words; `item`: one of the batch's, that tells what the incident was about."""
    labels = {
        "state": _("state"),
        "workflow": _("workflow"),
        "q": _("search"),
        "incident": _("incident"),
    }
    words = {**asked, "state": _state_words(asked.get("state", ""))}
    if "incident" in asked:
        words["incident"] = _incident_words(asked["incident"], item)
    return [(labels[name], words[name]) for name in verbs.PARTS if name in asked]


def _incident_words(key: str, item: BatchItem | None) -> str:
    """Step and workflow, as long as something of the incident is known."""
    known = [item.task_id or 0] if item else incidents.failed(key, arguments.LARGEST, 1)
    task = Task.objects.filter(pk__in=known).select_related("execution__workflow").first()
    return f"{task.name} · {task.execution.workflow}" if task else key


def _state_words(state: str) -> str:
    return str(State(state).label) if state in State.values else state


def _found(batch_id: int) -> Batch:
    one = Batch.objects.select_related("created_by", "cancelled_by").filter(pk=batch_id).first()
    if one is None:
        raise Http404
    return one
