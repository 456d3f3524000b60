"""The inbox, and one approval: what is decided, by whom, and the decision."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from workflows import access, engine
from workflows.models import Approval, Decision

from . import paging
from .refusals import answered

LONGEST_COMMENT = 4000


@require_safe
@access.requires(access.DECIDE, access.SEE)
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for the user, what the user has done, or everything that is open."""
    box = request.GET.get("box", "")
    box = box if box in ("done", "all") else "waiting"
    page = paging.page(_box(box, request), request.GET)
    is_part = getattr(request, "htmx", False)
    name = "workflows/_inbox_list.html" if is_part else "workflows/inbox.html"
    return render(request, name, {"page": page, "box": box})


@require_safe
@access.requires(access.DECIDE, access.SEE)
def approval(request: HttpRequest, approval_id: int) -> HttpResponse:
    """One approval; what is asked of whom never changes, the decisions do."""
    is_part = getattr(request, "htmx", False)
    name = "workflows/_decision.html" if is_part else "workflows/approval.html"
    return render(request, name, _context(request, _found(approval_id)))


@require_POST
@access.requires(access.DECIDE)
@answered
def approval_decide(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Approve or reject what was seen (`digest`), with a comment."""
    verdict = request.POST.get("verdict", "")
    comment = request.POST.get("comment", "").strip()[:LONGEST_COMMENT]
    digest = request.POST.get("digest") or None
    engine.decide(
        approval_id,
        by=access.person(request),
        verdict=verdict,
        comment=comment,
        digest=digest,
    )
    if not getattr(request, "htmx", False):
        messages.success(request, _outcome(verdict))
        return redirect("approval", approval_id)
    return render(request, "workflows/_decision.html", _context(request, _found(approval_id)))


def _box(box: str, request: HttpRequest) -> QuerySet[Approval]:
    match box:
        case "done":
            rows = access.decided_by(request.user)
        case "all":
            rows = Approval.objects.filter(state=Approval.State.OPEN)
        case _:
            rows = access.waiting_for(request.user)
    return rows.select_related("execution__workflow", "execution__requested_by").defer(
        "payload", "execution__variables", "execution__input", "execution__workflow__input_schema"
    )


def _found(approval_id: int) -> Approval:
    decisions = Prefetch("decisions", Decision.objects.select_related("user"))
    rows = Approval.objects.select_related(
        "execution__workflow", "execution__requested_by", "task"
    ).prefetch_related(decisions)
    one = rows.filter(pk=approval_id).first()
    if one is None:
        raise Http404
    return one


def _context(request: HttpRequest, one: Approval) -> dict[str, object]:
    decisions = list(one.decisions.all())
    return {
        "approval": one,
        "decisions": decisions,
        "people": access.people(one),
        "mine": next((given for given in decisions if given.user_id == request.user.pk), None),
        "refusal": access.refusal(request.user, one),
        "missing": max(one.required - sum(d.verdict == "approve" for d in decisions), 0),
    }


def _outcome(verdict: str) -> str:
    return str(Decision.Verdict(verdict).label)
