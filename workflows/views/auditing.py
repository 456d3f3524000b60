"""The audit log: search, and the proof that an execution's chain is whole."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access
from workflows.audit.verify import verify
from workflows.engine.filtering import key
from workflows.models import AuditEvent

from . import paging
from .execution import found


@require_safe
@access.requires(access.AUDIT)
def audit(request: HttpRequest) -> HttpResponse:
    """Audit rows, newest first; by execution, or all, the desk's own included."""
    asked = request.GET.get("execution", "").strip().removeprefix("#")
    execution = key(asked)
    page = paging.page(_rows(execution, bool(asked)), request.GET)
    context = {"page": page, "asked": asked, "execution": execution}
    is_part = getattr(request, "htmx", False)
    return render(
        request, "workflows/_audit_list.html" if is_part else "workflows/audit.html", context
    )


@require_safe
@access.requires(access.AUDIT)
def execution_verify(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Recomputes the chain of one execution and says what came of it."""
    found(execution_id)
    return render(request, "workflows/_verified.html", {"report": verify(execution_id)})


def _rows(execution: int | None, is_asked: bool) -> QuerySet[AuditEvent]:
    if execution is not None:
        return AuditEvent.objects.filter(execution=execution)
    return AuditEvent.objects.none() if is_asked else AuditEvent.objects.all()
