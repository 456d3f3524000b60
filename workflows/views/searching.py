"""What the palette finds beyond the pages it knows: workflows by name, executions by number."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access
from workflows.engine.filtering import key
from workflows.models import Execution, Workflow

SHOWN = 6


@require_safe
@access.requires(*access.ANY_ROLE)
def search(request: HttpRequest) -> HttpResponse:
    """Options for the palette's list."""
    text = request.GET.get("q", "").strip().replace("\0", "")[:100]
    may_see = request.user.has_perm(access.SEE) and text
    number = key(text.removeprefix("#"))
    context: dict[str, list[Any]] = {"workflows": [], "executions": []}
    if may_see:
        named = Workflow.objects.filter(Q(name__icontains=text) | Q(key__icontains=text))
        context["workflows"] = list(named.only("key", "name", "published_id")[:SHOWN])
    if may_see and number is not None:
        rows = Execution.objects.filter(pk=number).select_related("workflow").with_doubt()
        context["executions"] = list(rows.only("id", "state", "workflow__name", "workflow__key"))
    return render(request, "workflows/_found.html", context)
