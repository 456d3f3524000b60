"""The workflows: what can be started, its diagram, its versions, and the start form."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from workflows import access, charts, engine
from workflows.engine import graphs, starts
from workflows.engine.filtering import key as number
from workflows.errors import IntakePaused, InvalidInput, UnknownWorkflow
from workflows.forms import StartForm
from workflows.models import Priority, Workflow

from . import overlaying
from .drawing import drawn
from .refusals import answered

VERSIONS_SHOWN = 50


@require_safe
@access.requires(access.SEE)
def workflows(request: HttpRequest) -> HttpResponse:
    """Every workflow with its last runs."""
    found = list(Workflow.objects.select_related("published").defer("published__graph"))
    runs = charts.latest_runs([workflow.pk for workflow in found])
    cards = [{"workflow": one, "runs": runs.get(one.pk, [])} for one in found]
    is_part = getattr(request, "htmx", False)
    name = "workflows/_workflow_cards.html" if is_part else "workflows/workflows.html"
    return render(request, name, {"cards": cards})


@require_safe
@access.requires(access.SEE)
def workflow(request: HttpRequest, key: str) -> HttpResponse:
    """One workflow: the published diagram, the facts, the versions; for htmx what may change."""
    one = found(key)
    shown = version_of(one, request.GET.get("version"))
    graph = graphs.of(shown.pk) if shown else None
    context = {
        "workflow": one,
        "shown": shown,
        "graph": graph,
        "drawing": drawn(shown.pk) if shown else None,
        "diagram": overlaying.address(one, shown) if shown else "",
        "versions": _versions(one)[:VERSIONS_SHOWN],
        "runs": charts.latest_runs([one.pk]).get(one.pk, []),
        "starters": one.starters.order_by("kind", "pk"),
    }
    is_part = getattr(request, "htmx", False)
    name = "workflows/_workflow_head.html" if is_part else "workflows/workflow.html"
    return render(request, name, context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.START)
@answered
def workflow_start(request: HttpRequest, key: str) -> HttpResponse:
    """The start form; starting leads to the execution's page."""
    one = found(key)
    if one.published_id is None:
        raise UnknownWorkflow
    if one.intake_paused_at is not None:
        raise IntakePaused(engine.intake_refusal(one))
    schema = graphs.of(one.published_id).input_schema
    if request.method != "POST":
        form = StartForm.blank(schema)
        return _form(request, one, form)
    form = StartForm.typed(schema, request.POST)
    if wanted := request.POST.get("switch"):
        return _switched(request, one, form, schema, wanted)
    return _started(request, one, form, schema)


def found(key: str) -> Workflow:
    """The workflow with a key, draft or published; raises Http404."""
    one = Workflow.objects.select_related("published", "intake_paused_by").defer("published__graph")
    first = one.filter(key=key).first()
    if first is None:
        raise Http404
    return first


def version_of(one: Workflow, asked: str | None) -> Any:
    """The version with a number, the published one if none is asked for; raises Http404."""
    wanted = number(asked)
    if wanted is None:
        return one.published
    found = _versions(one).filter(number=min(wanted, 2**31 - 1)).first()
    if found is None:
        raise Http404
    return found


def _started(request: HttpRequest, one: Workflow, form: StartForm, schema: Any) -> HttpResponse:
    if form.is_refused:
        _check_the_rest(form, schema)
    else:
        try:
            run = engine.start_workflow(
                one.key,
                form.data,
                by=access.person(request),
                priority=number(request.POST.get("priority")),
                idempotency_key=request.POST.get("idempotency_key", "").strip()[:255] or None,
                start=request.POST.get("start") or None,
            )
        except InvalidInput as error:
            form.refuse(error.problems)
        else:
            messages.success(request, _("%(run)s is started.") % {"run": f"{one.name} {run}"})
            return redirect("execution", run.pk)
    return _form(request, one, form, status=422)


def _check_the_rest(form: StartForm, schema: Any) -> None:
    """What could not be read is told together with everything else that is wrong."""
    try:
        engine.check_input(schema, form.data)
    except InvalidInput as error:
        form.refuse(error.problems)


def _switched(
    request: HttpRequest, one: Workflow, form: StartForm, schema: Any, wanted: str
) -> HttpResponse:
    """From fields to JSON or back, with what was typed; what cannot be read stays as it is."""
    if form.is_refused:
        return _form(request, one, form, status=422)
    return _form(request, one, StartForm.showing(schema, form.data, is_text=wanted == "json"))


def _form(request: HttpRequest, one: Workflow, form: StartForm, status: int = 200) -> HttpResponse:
    context = {
        "workflow": one,
        "form": form,
        "priorities": Priority.choices,
        "starts": starts.choices(graphs.of(one.published_id or 0)),
        "typed": request.POST,
    }
    return render(request, "workflows/start.html", context, status=status)


def _versions(one: Workflow) -> Any:
    published = one.versions.filter(arranges=None).select_related("published_by")
    return published.defer("graph", "template")
