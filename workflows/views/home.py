"""The first page: what is in which state, what waits for me, what went wrong, what I can start."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access, charts
from workflows.models import Execution, State, Workflow
from workflows.models.approvals import BY_DUE_TIME

SHOWN = 6


@require_safe
@access.requires(*access.ANY_ROLE)
def home(request: HttpRequest) -> HttpResponse:
    """The page, or for htmx its figures only."""
    counts = charts.state_counts()
    may_see = request.user.has_perm(access.SEE)
    context = {
        "states": State.choices,
        "counts": counts,
        "is_new": not any(counts.values()),
        "throughput": charts.throughput() if may_see else None,
        "waiting": _waiting(request),
        "failures": _failures() if may_see else [],
        "startable": _startable(request),
    }
    is_part = getattr(request, "htmx", False)
    return render(
        request, "workflows/_home_parts.html" if is_part else "workflows/home.html", context
    )


def _waiting(request: HttpRequest) -> object:
    if not request.user.has_perm(access.DECIDE):
        return None
    rows = access.waiting_for(request.user).select_related("execution__workflow")
    rows = rows.defer("payload", "execution__variables", "execution__input")
    return rows.order_by(*BY_DUE_TIME)[:SHOWN]


def _failures() -> list[Execution]:
    rows = Execution.objects.filter(state=State.FAILED).select_related("workflow").with_doubt()
    shown = rows.only("id", "state", "error", "finished_at", "workflow__name", "workflow__key")
    return list(shown.order_by("-pk")[:SHOWN])


def _startable(request: HttpRequest) -> list[Workflow]:
    if not request.user.has_perm(access.START):
        return []
    published = Workflow.objects.filter(published__isnull=False, intake_paused_at=None).only(
        "key", "name"
    )
    return list(published[:SHOWN])
