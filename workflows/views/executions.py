"""The list of executions, and the rows of it that have changed."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workflows import access, charts
from workflows.engine import batches
from workflows.engine.filtering import SHOWN, Filter, key
from workflows.models import Approval, Execution, State, Workflow

from . import paging

MOST_ROWS = 100


@require_safe
@access.requires(access.SEE)
def executions(request: HttpRequest) -> HttpResponse:
    """The list; its filters, its place in history and nothing else are in the address."""
    asked = Filter.of(request.GET)
    page = paging.page(asked.fetch, request.GET)
    context = {
        "filter": asked,
        "page": page,
        "rows": rows(page.rows, request),
        "newest": page.rows[0].pk if page.rows and page.is_first else 0,
        "counts": _counts(asked),
        "states": State.choices,
        "bulk": _bulk(asked, request),
        "workflows": Workflow.objects.only("key", "name"),
    }
    is_part = getattr(request, "htmx", False) and request.htmx.target == "list"  # type: ignore[attr-defined]
    return render(
        request, "workflows/_list.html" if is_part else "workflows/executions.html", context
    )


@require_safe
@access.requires(access.SEE)
def executions_rows(request: HttpRequest) -> HttpResponse:
    """The rows of the executions in `ids`, each to be swapped for its old self."""
    words = request.GET.get("ids", "").split(",")[:MOST_ROWS]
    ids = [number for number in map(key, words) if number is not None]
    found = Execution.objects.filter(pk__in=ids).select_related("workflow").only(*SHOWN)
    found = found.with_doubt()
    context = {"rows": rows(list(found), request), "is_swap": True}
    return render(request, "workflows/_rows.html", context)


def rows(found: Sequence[Execution], request: HttpRequest) -> list[dict[str, object]]:
    """What the list shows of each execution, the action the user may take included."""
    ids = [execution.pk for execution in found]
    steps = charts.progress(ids) if ids else {}
    waiting = _approvals(ids, request)
    may_operate = request.user.has_perm(access.OPERATE)
    return [
        {
            "execution": execution,
            "progress": steps.get(execution.pk),
            "approval": waiting.get(execution.pk),
            "action": _action(execution, may_operate),
        }
        for execution in found
    ]


def _counts(asked: Filter) -> dict[str, int] | dict[str, str]:
    """Beside the states: how many there are of each, of the workflow asked for if any."""
    return charts.state_counts_of(asked.workflow.pk) if asked.workflow else charts.state_counts()


def _bulk(asked: Filter, request: HttpRequest) -> list[str]:
    """The verbs that can be applied to everything that the filter finds."""
    if not request.user.has_perm(access.OPERATE):
        return []
    states = batches.APPLIES_TO.items()
    return [str(verb) for verb, to in states if not asked.state or asked.state in to]


def _approvals(ids: Sequence[int], request: HttpRequest) -> dict[int, int]:
    """For each execution, the open approval that waits for this user."""
    if not ids or not request.user.has_perm(access.DECIDE):
        return {}
    asked = access.waiting_for(request.user).filter(execution__in=ids)
    return dict(asked.order_by().values_list("execution_id", "pk"))


def _action(execution: Execution, may_operate: bool) -> str:
    if not may_operate:
        return ""
    primary = {State.FAILED: "retry", State.PAUSED: "resume"}
    return primary.get(State(execution.state), "")


def waits_for_people(execution_id: int) -> list[Approval]:
    """The open approvals of an execution."""
    return list(Approval.objects.filter(execution=execution_id, state=Approval.State.OPEN))
