"""Incidents: what is failed now, grouped by what the failures have in common."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access
from workflows.engine import incidents as groups


@require_safe
@access.requires(access.SEE)
def incidents(request: HttpRequest) -> HttpResponse:
    """The groups, those that failed last first."""
    is_part = getattr(request, "htmx", False)
    name = "workflows/_incident_list.html" if is_part else "workflows/incidents.html"
    return render(request, name, {"incidents": groups.incidents(), "most": groups.MOST})
