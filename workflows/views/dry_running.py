"""Dry runs: a draft or version is stepped by hand; all there is of one is in its page's form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine, json_text
from workflows.engine import approval_forms, graphs, starts
from workflows.engine.filtering import key as number
from workflows.errors import InvalidInput, WorkflowError
from workflows.forms import StartForm
from workflows.graph import structure
from workflows.graph.dry_run import Choice, Run
from workflows.graph.rehearsal import play
from workflows.graph.shape import Graph, Node
from workflows.models import Workflow

from .dry_run_page import form_of, shown
from .modelling import found, version_of
from .refusals import answered
from .repairing import listed

SALT = "workflows.dry_run"
LONGEST = 500_000  # characters of what was put in and chosen
LONGEST_NOTE = 1_000


@dataclass(frozen=True, slots=True)
class Begun:
    """How a run begins: its input, and the start whose event has brought it, if one has."""

    input: Mapping[str, Any]
    at: int | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.EDIT, access.START)
@answered
def workflow_dry_run(request: HttpRequest, key: str) -> HttpResponse:
    """The form of the input, then step by step; `version` for one that is published."""
    one = found(key)
    graph, problems, context = _graph(request, one)
    if graph is None:
        return _page(request, context | {"problems": problems})
    if request.method != "POST" or request.POST.get("do") == "restart":
        return _page(request, context | {"form": StartForm.blank(graph.input_schema)})
    if "run" not in request.POST:
        return _begun(request, graph, context)
    return _stepped(request, graph, context)


def _graph(request: HttpRequest, one: Workflow) -> tuple[Graph | None, list[Any], dict[str, Any]]:
    """The graph to be played, or what is wrong with the draft; and what every page of it shows."""
    wanted = number(request.GET.get("version"))
    may_edit = request.user.has_perm(access.EDIT)
    if wanted is None and not may_edit:
        if one.published is None:
            raise Http404
        wanted = one.published.number
    version = version_of(one, str(wanted)) if wanted is not None else None
    context = {"workflow": one, "version": version, "may_edit": may_edit}
    problems = [] if version is not None else engine.problems(one)
    if problems:
        return None, problems, context
    graph = engine.to_publish(one) if version is None else graphs.of(version.pk)
    return graph, [], context | {"starts": _starts(graph)}


def _starts(graph: Graph) -> list[Node]:
    """The starts that an event begins, for who begins a run at one."""
    return [graph.nodes[place] for place in structure.of(graph).event_starts]


def _begun(request: HttpRequest, graph: Graph, context: dict[str, Any]) -> HttpResponse:
    """The first page of a run; for an input that is refused, its form once more."""
    form = StartForm.typed(graph.input_schema, request.POST)
    context |= {"start": request.POST.get("start_at", "")}
    if wanted := request.POST.get("switch"):
        if not form.is_refused:
            form = StartForm.showing(graph.input_schema, form.data, is_text=wanted == "json")
        return _page(request, context | {"form": form}, 422 if form.is_refused else 200)
    if not form.is_refused:
        try:
            engine.check_input(graph.input_schema, form.data)
        except InvalidInput as error:
            form.refuse(error.problems)
    at = None
    try:
        at = starts.place(graph, context["workflow"].key, context["start"] or None)
    except InvalidInput as error:
        form.refuse(error.problems)
    if form.is_refused:
        return _page(request, context | {"form": form}, 422)
    return _run_page(request, graph, context, Begun(form.data, at), [])


def _stepped(request: HttpRequest, graph: Graph, context: dict[str, Any]) -> HttpResponse:
    """The run after one choice more, or one less; unchanged, with the reason, if it is refused."""
    kept = _kept(request.POST["run"], graph)
    if kept is None:
        form = StartForm.blank(graph.input_schema)
        text = _("The workflow has changed since this dry run began. Begin again.")
        return _page(request, context | {"form": form, "notice": text}, 409)
    begun, choices = kept
    if request.POST.get("do") == "back":
        return _run_page(request, graph, context, begun, choices[:-1])
    try:
        chosen = _choice(request.POST, partial(play, graph, begun.input, choices, begun.at))
        return _run_page(request, graph, context, begun, [*choices, chosen])
    except (WorkflowError, json_text.Malformed) as error:
        context |= {"refused": listed(error), "typed": request.POST}
        return _run_page(request, graph, context, begun, choices, 422)


def _choice(posted: QueryDict, played: Callable[[], Run]) -> Choice:
    """What a button of the page says; raises InvalidInput, json_text.Malformed."""
    what, _colon, place = posted.get("do", "").partition(":")
    target, _colon, node = place.partition(":")
    if not target.isdecimal() or len(target) > 9:
        raise InvalidInput([_("Choose what happens next.")])
    seq = int(target)
    match what:
        case "complete":
            return Choice("complete", seq, _object(posted, f"output-{seq}"))
        case "happen":
            return Choice("happen", seq, _object(posted, f"payload-{seq}"))
        case "approve" | "reject":
            note = posted.get(f"comment-{seq}", "")[:LONGEST_NOTE]
            output = {"decision": what, "comment": note, "decided_by": "dry run"}
            return Choice("complete", seq, output | _filled(posted, played(), seq, what))
        case "activate" if node.isdecimal():
            return Choice("activate", seq, {"node": int(node[:9])})
        case "fail":
            kind = posted.get(f"kind-{seq}", "").strip()[:100] or "error"
            message = posted.get(f"message-{seq}", "").strip()[:LONGEST_NOTE]
            return Choice("fail", seq, {"kind": kind, "message": message or kind})
    raise InvalidInput([_("Choose what happens next.")])


def _filled(posted: QueryDict, run: Run, seq: int, what: str) -> dict[str, Any]:
    """What the form of an approval adds to its output; raises InvalidInput for what misses it."""
    step = run.steps.get(seq)
    form = approval_forms.of(run.node(step).approval) if step is not None else {}
    if step is None or not form:
        return {}
    given = {name: str(value) for name, value in posted.items()}
    typed = form_of(run.node(step), seq, given) if what == "approve" else None
    if typed is None:
        return approval_forms.output(form, {})
    if typed.is_refused:
        bad = [one for one in typed.fields[0].fields if one.error]
        raise InvalidInput([*typed.errors, *(f"{one.label}: {one.error}" for one in bad)])
    return approval_forms.output(form, typed.data.get(f"data-{seq}", {}))


def _object(posted: QueryDict, name: str) -> dict[str, Any]:
    return json_text.parsed_object(posted.get(name, ""))


def _run_page(
    request: HttpRequest,
    graph: Graph,
    context: dict[str, Any],
    begun: Begun,
    choices: list[Choice],
    status: int = 200,
) -> HttpResponse:
    run = play(graph, begun.input, choices, begun.at)
    kept = _signed(graph, begun, choices)
    page = {"run": run, "kept": kept, "count": len(choices), **shown(run, context.get("typed"))}
    return _page(request, context | page, status)


def _signed(graph: Graph, begun: Begun, choices: list[Choice]) -> str:
    """All that a run is made of, for the page to give back."""
    state = [graph.sha256(), dict(begun.input), begun.at, [one.to_json() for one in choices]]
    if len(json.dumps(state, ensure_ascii=False)) > LONGEST:
        raise InvalidInput([_("This dry run has become too large. Begin again with less.")])
    return signing.dumps(state, salt=SALT, compress=True)


def _kept(text: str, graph: Graph) -> tuple[Begun, list[Choice]] | None:
    """The input and choices that a page gives back; None if they are of another graph."""
    try:
        sha256, input, at, choices = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return None
    if sha256 != graph.sha256():
        return None
    return Begun(input, at), [Choice(what, target, data) for what, target, data in choices]


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    is_part = getattr(request, "htmx", False)
    name = "workflows/_dry_run.html" if is_part else "workflows/dry_run.html"
    return render(request, name, context, status=status)
