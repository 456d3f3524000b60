"""What starts what by itself, what has arrived, and a hand to pause it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from workflows import access
from workflows.engine import arguments, schedules
from workflows.engine import triggers as verbs
from workflows.errors import WrongState
from workflows.models import Event, Firing, State, Trigger

from . import paging
from .asking import ask, done, reason
from .refusals import answered
from .verbs import Verb, question

FIRINGS_SHOWN = 25
VERBS = {
    "pause": Verb(
        verbs.pause,
        _("Pause this trigger?"),
        (
            _("It starts nothing until it is resumed."),
            _("What comes meanwhile is kept, and is not started later."),
            _("Executions that run already go on."),
        ),
        _("Pause"),
        _("Paused."),
        "pause",
        State.PAUSED,
    ),
    "resume": Verb(
        verbs.resume,
        _("Resume this trigger?"),
        (
            _("It starts executions again, from now on."),
            _("What was passed over during the pause is not made up for."),
        ),
        _("Resume"),
        _("Resumed."),
        "play",
        State.RUNNING,
    ),
}


@require_safe
@access.requires(access.SEE)
def triggers(request: HttpRequest) -> HttpResponse:
    """Every trigger: what starts what, when next, and what came of it last."""
    rows = list(_triggers())
    last = _last_firings(rows)
    context = {
        "rows": [{"trigger": one, "last": last.get(one.pk)} for one in rows],
        "may_operate": request.user.has_perm(access.OPERATE),
    }
    return _rendered(request, "triggers", context)


@require_safe
@access.requires(access.SEE)
def trigger(request: HttpRequest, trigger_id: int) -> HttpResponse:
    """One trigger: its settings, its next runs, and everything that came of it."""
    one = _found(trigger_id)
    rows = Firing.objects.filter(trigger=one).select_related("event")
    context = {
        "trigger": one,
        "runs": _runs(one),
        "page": paging.page(rows, request.GET, FIRINGS_SHOWN),
        "may_operate": request.user.has_perm(access.OPERATE),
    }
    return _rendered(request, "trigger", context)


@require_safe
@access.requires(access.SEE)
def events(request: HttpRequest) -> HttpResponse:
    """What has arrived, newest first, and what each trigger made of it."""
    name = request.GET.get("name", "").strip().replace("\0", "")
    rows = Event.objects.filter(name=name) if name else Event.objects.all()
    page = paging.page(_with_firings(rows), request.GET)
    return _rendered(request, "events", {"page": page, "name": name})


@require_safe
@access.requires(access.SEE)
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event: what it carried, and what each trigger made of it."""
    one = _with_firings(Event.objects.filter(pk=event_id)).first()
    if one is None:
        raise Http404
    return _rendered(request, "event", {"event": one})


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def operate(request: HttpRequest, trigger_id: int, verb: str) -> HttpResponse:
    """Ask for, or carry out, a pause or its end."""
    one = _found(trigger_id)
    if request.method == "POST":
        return _done(request, one, verb)
    if one.is_paused == (verb == "pause"):
        raise WrongState
    return ask(request, question(VERBS[verb], f"{one} · {one.workflow}", _back(one)))


def _done(request: HttpRequest, one: Trigger, verb: str) -> HttpResponse:
    VERBS[verb].run(one.pk, by=access.person(request), reason=reason(request))
    return done(request, f"{one}: {VERBS[verb].done}", _back(one), {"topics": ["triggers"]})


def _back(one: Trigger) -> str:
    return reverse("trigger", args=[one.pk])


def _rendered(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or for htmx the part of it that changes."""
    part = "_" if getattr(request, "htmx", False) else ""
    return render(request, f"workflows/{part}{name}.html", context)


def _triggers() -> QuerySet[Trigger]:
    """With the id of the last firing, by which `_last_firings` finds them all at once."""
    newest = Firing.objects.filter(trigger=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows = Trigger.objects.select_related("workflow", "paused_by").annotate(last=Subquery(newest))
    return rows.order_by("workflow__name", "kind", "pk")


def _last_firings(rows: list[Trigger]) -> dict[int, Firing]:
    ids = [one.last for one in rows if one.last]  # type: ignore[attr-defined]
    found = Firing.objects.filter(pk__in=ids)
    return {firing.trigger_id or 0: firing for firing in found}


def _found(trigger_id: int) -> Trigger:
    rows = Trigger.objects.select_related("workflow", "paused_by")
    one = rows.filter(pk=arguments.number(trigger_id)).first()
    if one is None:
        raise Http404
    return one


def _runs(one: Trigger) -> list[dict[str, Any]]:
    """The next moments, each also as the clocks of its zone show it."""
    if one.next_due_at is None:
        return []
    zone = ZoneInfo(one.config["zone"])
    return [{"at": at, "there": at.astimezone(zone)} for at in schedules.next_runs(one)]


def _with_firings(rows: QuerySet[Event]) -> QuerySet[Event]:
    firings = Firing.objects.select_related("trigger", "workflow").order_by("pk")
    return rows.select_related("by").prefetch_related(Prefetch("firings", firings))
