"""The inbox, and one approval: what is decided, by whom, and the decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import F, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from workflows import access, engine
from workflows.engine.approval_forms import DATA
from workflows.errors import InvalidInput
from workflows.forms import StartForm, within
from workflows.models import Approval, Decision
from workflows.models.approvals import BY_DUE_TIME

from . import paging
from .refusals import answered

LONGEST_COMMENT = 4000


@require_safe
@access.requires(access.DECIDE, access.SEE)
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for the user, what the user has done, or everything that is open."""
    box = request.GET.get("box", "")
    box = box if box in ("done", "all") else "waiting"
    rows = _box(box, request)
    page = paging.page(rows if box == "done" else _by_due_time(rows), request.GET)
    is_part = getattr(request, "htmx", False)
    name = "workflows/_inbox_list.html" if is_part else "workflows/inbox.html"
    return render(request, name, {"page": page, "box": box})


@require_safe
@access.requires(access.DECIDE, access.SEE)
def approval(request: HttpRequest, approval_id: int) -> HttpResponse:
    """One approval; what is asked of whom never changes, the decisions do."""
    return _shown(request, _context(request, _found(approval_id)))


@require_POST
@access.requires(access.DECIDE)
@answered
def approval_decide(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Approve or reject what was seen (`digest`), with a comment, and what its form asks for."""
    verdict = request.POST.get("verdict", "")
    comment = request.POST.get("comment", "").strip()[:LONGEST_COMMENT]
    digest = request.POST.get("digest") or None
    form = _typed(request, approval_id, verdict)
    try:
        engine.decide(
            approval_id,
            by=access.person(request),
            verdict=verdict,
            comment=comment,
            digest=digest,
            data=None if form is None else form.data.get(DATA, {}),
        )
    except InvalidInput as error:
        if form is None:
            raise
        form.refuse(error.problems)
        context = _context(request, _found(approval_id), form)
        return _shown(request, context | {"comment": comment}, 422)
    if not getattr(request, "htmx", False):
        messages.success(request, _outcome(verdict))
        return redirect("approval", approval_id)
    return _shown(request, _context(request, _found(approval_id)))


def _shown(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    is_part = getattr(request, "htmx", False)
    name = "workflows/_decision.html" if is_part else "workflows/approval.html"
    return render(request, name, context, status=status)


def _typed(request: HttpRequest, approval_id: int, verdict: str) -> StartForm | None:
    """What was filled in, where the page that sent it had a form and approving asks for it."""
    if verdict != Decision.Verdict.APPROVE or "has_form" not in request.POST:
        return None
    filled = {name: value for name, value in request.POST.items() if name.startswith(f"{DATA}.")}
    return StartForm.typed(within(DATA, _found(approval_id).form), filled)


def _box(box: str, request: HttpRequest) -> QuerySet[Approval]:
    match box:
        case "done":
            rows = access.decided_by(request.user)
        case "all":
            rows = Approval.objects.filter(state=Approval.State.OPEN)
        case _:
            rows = access.waiting_for(request.user)
    return rows.select_related("execution__workflow", "execution__requested_by").defer(
        "payload",
        "form",
        "execution__variables",
        "execution__input",
        "execution__workflow__input_schema",
    )


def _by_due_time(rows: QuerySet[Approval]) -> paging.Fetch:
    """What is due first, first; then the newest of those that are never due."""

    def fetch(before: int | None, after: int | None, limit: int) -> list[Approval]:
        if after is not None:
            backwards = (F("due_at").desc(nulls_first=True), F("pk").asc())
            return list(rows.filter(_sooner_than(after)).order_by(*backwards)[:limit])
        left = rows if before is None else rows.filter(_later_than(before))
        return list(left.order_by(*BY_DUE_TIME)[:limit])

    return fetch


def _later_than(key: int) -> Q:
    due = _due_at(key)
    if due is None:
        return Q(due_at=None, pk__lt=key)
    return Q(due_at__gt=due) | Q(due_at=due, pk__lt=key) | Q(due_at=None)


def _sooner_than(key: int) -> Q:
    due = _due_at(key)
    if due is None:
        return Q(due_at__isnull=False) | Q(pk__gt=key)
    return Q(due_at__lt=due) | Q(due_at=due, pk__gt=key)


def _due_at(key: int) -> datetime | None:
    """When the approval with which another page ended is due; it may be closed by now."""
    return Approval.objects.filter(pk=key).values_list("due_at", flat=True).first()


def _found(approval_id: int) -> Approval:
    decisions = Prefetch("decisions", Decision.objects.select_related("user"))
    rows = Approval.objects.select_related(
        "execution__workflow", "execution__requested_by", "task"
    ).prefetch_related(decisions)
    one = rows.filter(pk=approval_id).first()
    if one is None:
        raise Http404
    return one


def _context(request: HttpRequest, one: Approval, form: StartForm | None = None) -> dict[str, Any]:
    """`form`: as it was typed and refused."""
    shown = form or (StartForm.blank(within(DATA, one.form)) if one.form else None)
    decisions = list(one.decisions.all())
    return {
        "approval": one,
        "form": shown,
        "fields": shown.fields[0].fields if shown else [],
        "decisions": decisions,
        "people": access.people(one),
        "mine": next((given for given in decisions if given.user_id == request.user.pk), None),
        "refusal": access.refusal(request.user, one),
        "missing": max(one.required - sum(d.verdict == "approve" for d in decisions), 0),
    }


def _outcome(verdict: str) -> str:
    return str(Decision.Verdict(verdict).label)
