"""Who works here: role, capabilities, load, heartbeat; and why a task went to whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from agents import orchestrator
from agents.models import Agent
from workflows import access, clock
from workflows.errors import WrongState
from workflows.models import Assignment, Breaker, Task
from workflows.views import paging
from workflows.views.asking import Question, ask, done, reason
from workflows.views.refusals import answered

SEE = access.SEE_AGENTS
ATTEMPTS_SHOWN = 20
LIST_SIZE = 25


@require_safe
@access.requires(SEE)
def agents(request: HttpRequest) -> HttpResponse:
    """Every agent; for htmx the list only, or with `part=loads` the bars of the home page."""
    context = {"rows": _rows()}
    if not getattr(request, "htmx", False):
        return render(request, "agents/agents.html", context)
    is_loads = request.GET.get("part") == "loads"
    return render(request, "agents/_loads.html" if is_loads else "agents/_list.html", context)


@require_safe
@access.requires(SEE)
def agent(request: HttpRequest, key: str) -> HttpResponse:
    """One agent: what it is, what it has, what it was given."""
    one = Agent.objects.filter(key=key).first()
    if one is None:
        raise Http404
    page = paging.page(Assignment.objects.filter(agent_key=key), request.GET, LIST_SIZE)
    context = {
        "row": _row(
            one,
            orchestrator.get_agent_load(key),
            orchestrator.get_breaker(key),
            clock.of_database(),
        ),
        "may_close": request.user.has_perm(access.CLOSE_BREAKER),
        "page": page,
        "names": _task_names([given.task_id for given in page.rows]),
    }
    is_part = getattr(request, "htmx", False)
    return render(request, "agents/_detail.html" if is_part else "agents/agent.html", context)


@require_safe
@access.requires(SEE)
def agent_assignments(request: HttpRequest, task_id: int) -> HttpResponse:
    """Why these agents: every attempt of a task with the candidates and the reasons."""
    task = Task.objects.filter(pk=task_id).only("id", "execution_id").first()
    if task is None:
        raise Http404
    rows = Assignment.objects.filter(execution_id=task.execution_id, task_id=task_id)
    attempts = list(rows.order_by("-id")[:ATTEMPTS_SHOWN])
    return render(request, "agents/_assignments.html", {"attempts": attempts})


@require_safe
@access.requires(SEE)
def agent_choices(request: HttpRequest) -> JsonResponse:
    """Who can be named for a task: key, name, role, capabilities, and whether it is active."""
    told = [
        {
            "key": one.key,
            "name": str(one),
            "role": one.role,
            "capabilities": one.capabilities,
            "is_active": one.status == Agent.Status.ACTIVE,
        }
        for one in Agent.objects.order_by("name")
    ]
    return JsonResponse({"agents": told})


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.CLOSE_BREAKER)
@answered
def breaker_close(request: HttpRequest, key: str) -> HttpResponse:
    """Ask, then close the breaker of an agent."""
    one = Agent.objects.filter(key=key).first()
    if one is None:
        raise Http404
    back = reverse("agent", args=[key])
    if request.method == "POST":
        orchestrator.reset_breaker(key, by=access.person(request), reason=reason(request))
        message = f"{one}: {_('The breaker is closed.')}"
        return done(request, message, back, {"topics": ["agents", "breakers"]})
    if orchestrator.get_breaker(key)["state"] == Breaker.State.CLOSED:
        raise WrongState(_("The breaker of this agent is closed."))
    lines = (
        _("Steps that wait for this agent start at once, as many as it may run at a time."),
        _("Its failures are forgotten: as many as before open the breaker again."),
        _("Do it when what was wrong is mended; otherwise the trial comes by itself."),
    )
    title, button = _("Close the breaker of this agent?"), _("Close breaker")
    return ask(request, Question(title, lines, button, "plug-zap", str(one), back))


def _rows() -> list[dict[str, Any]]:
    loads = {load["agent_id"]: load for load in orchestrator.get_all_agents_status()}
    agents = Agent.objects.annotate(now=clock.in_database()).order_by("name")
    states = orchestrator.get_breaker_states()
    return [
        _row(one, loads.get(one.key, {}), {"state": states.get(one.key)}, one.now) for one in agents
    ]


def _row(
    one: Agent, load: dict[str, Any], breaker: dict[str, Any], now: datetime
) -> dict[str, Any]:
    silent = now - one.last_heartbeat if one.last_heartbeat else None
    is_silent = silent is None or silent > timedelta(seconds=settings.LEASE_SECONDS)
    return {
        "agent": one,
        "busy": load.get("current_tasks", 0),
        "cap": one.max_concurrent_tasks,
        "total": load.get("total_assigned", 0),
        "is_silent": is_silent and one.status == Agent.Status.ACTIVE,
        "breaker": breaker,
    }


def _task_names(ids: list[int]) -> dict[int, str]:
    return dict(Task.objects.filter(pk__in=ids).values_list("pk", "name"))
