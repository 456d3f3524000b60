"""The diagram editor: its page, the draft's document, saving, checking and publishing it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from workflows import access, engine, errors
from workflows.bpmn import keys
from workflows.engine import checking, graphs
from workflows.engine.filtering import key as number
from workflows.graph import expressions
from workflows.models import LARGEST_DIAGRAM, DecisionTable, Form, Workflow

from . import diagram_texts
from .asking import done
from .comparing import Changes, changes, drafted
from .modelling import found
from .refusals import answered

ID = re.compile(rb"""\sid=["']([^"'<>]+)["']""")


@require_safe
@access.requires(access.SEE, access.EDIT)
@answered
def workflow_edit(request: HttpRequest, key: str) -> HttpResponse:
    """The editor; for those who may not edit, to look at. For htmx what is published."""
    workflow = found(key)
    if getattr(request, "htmx", False):
        return render(request, "workflows/editor/_published.html", {"workflow": workflow})
    context = {
        "workflow": workflow,
        "may_edit": access.may_any(request.user, (access.EDIT,)),
        "may_publish": access.may_any(request.user, (access.PUBLISH,)),
        "groups": Group.objects.order_by("name").values_list("name", flat=True),
        "callable": Workflow.objects.filter(published__isnull=False).only("key", "name"),
        "forms": Form.objects.order_by("title").only("key", "title"),
        "tables": DecisionTable.objects.order_by("name").only("key", "name"),
        "agents_url": _agents_url(),
        "roles": diagram_texts.ROLES,
        "addable": diagram_texts.addable(),
        "kind_names": diagram_texts.kinds(),
        "kinds": json.dumps(diagram_texts.kinds()),
        "tree_texts": json.dumps(diagram_texts.tree()),
        "workforce_texts": json.dumps(diagram_texts.workforce()),
        "diagram_texts": diagram_texts.drawing(),
    }
    return render(request, "workflows/editor/edit.html", context)


@require_GET
@access.requires(access.SEE, access.EDIT)
@answered
def workflow_draft_state(request: HttpRequest, key: str) -> HttpResponse:
    """The draft's document with its revision and problems; with `brief` the revision alone."""
    workflow = found(key)
    if "brief" in request.GET:
        return JsonResponse({"revision": workflow.revision})
    document = engine.diagram_of(workflow, drawn=True)
    told = _problems(document, *checking.draft(workflow))
    answer = {"xml": document.decode(), "revision": workflow.revision, "problems": told}
    return JsonResponse(answer)


@require_POST
@access.requires(access.EDIT)
def workflow_save(request: HttpRequest, key: str) -> HttpResponse:
    """The autosave. 409 says who has changed the draft meanwhile, 422 what no draft can hold."""
    workflow, data = found(key), _document(request)
    revision = number(request.POST.get("revision"))
    if data is None or revision is None:
        return _unreadable(_("Send the document as “xml” and the draft's “revision”."))
    try:
        saved = engine.save_diagram(workflow, data, by=access.person(request), revision=revision)
    except errors.DraftChanged as refused:
        return _changed_meanwhile(workflow, refused)
    except errors.Listed as refused:
        return JsonResponse({"problems": diagram_texts.shown(refused.problems)}, status=422)
    told = _problems(data, saved.problems, saved.findings)
    return JsonResponse({"revision": saved.revision, "problems": told})


@require_POST
@access.requires(access.EDIT)
def workflow_problems(request: HttpRequest, key: str) -> HttpResponse:
    """What keeps a document from being published as this workflow; nothing is stored."""
    workflow, data = found(key), _document(request)
    if data is None:
        return _unreadable(_("Send the document as “xml”."))
    try:
        told = _problems(data, *checking.document(workflow, data))
    except errors.Listed as refused:
        told = diagram_texts.shown(refused.problems)
    return JsonResponse({"problems": told})


@require_POST
@access.requires(access.EDIT)
def expression_check(request: HttpRequest, key: str) -> HttpResponse:
    """What is wrong with a CEL expression that is being typed; "" when nothing is."""
    try:
        expressions.compiled(request.POST.get("source", ""))
    except errors.InvalidExpression as wrong:
        return JsonResponse({"problem": str(wrong)})
    return JsonResponse({"problem": ""})


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.PUBLISH)
@answered
def workflow_publish(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for a comment and show what changes, then publish the draft that was shown."""
    workflow = found(key)
    revision = number(request.POST.get("revision", request.GET.get("revision")))
    if request.method != "POST":
        return _ask(request, workflow, problems=engine.problems(workflow))
    comment = request.POST.get("comment", "").strip().replace("\0", "")[:500]
    try:
        version = engine.publish(
            workflow, by=access.person(request), comment=comment, revision=revision
        )
    except (errors.InvalidDefinition, errors.DraftChanged) as refused:
        return _ask(request, found(key), problems=_listed(refused), status=422)
    told = _("“%(name)s” is published as version %(number)d.")
    message = told % {"name": workflow, "number": version.number}
    back = reverse("workflow_edit", args=[workflow.key])
    return done(request, message, back, {"topics": ["workflows"]})


def _ask(
    request: HttpRequest, workflow: Workflow, *, problems: Sequence[Any], status: int = 200
) -> HttpResponse:
    context = {
        "workflow": workflow,
        "revision": workflow.revision,
        "problems": problems,
        "changes": _changes(workflow),
        "comment": request.POST.get("comment", ""),
    }
    is_part = getattr(request, "htmx", False)
    page = "workflows/editor/_publish.html" if is_part else "workflows/editor/publish.html"
    return render(request, page, context, status=status)


def _changes(workflow: Workflow) -> Changes | None:
    """What is new since the published version; None without one."""
    if workflow.published_id is None:
        return None
    return changes(graphs.of(workflow.published_id), drafted(workflow))


def _problems(
    document: bytes, problems: Sequence[Any], findings: Sequence[Any]
) -> list[dict[str, str]]:
    """For the editor's list: what keeps it from being published first, then what is to be known.

    Elements are named by their ids, also where a task's key is another form of one.
    """
    ids = {keys.key(one): one for one in map(bytes.decode, ID.findall(document))}
    drawn = [
        {
            "element": one.element_id,
            "field": "diagram",
            "message": one.what,
            "severity": "note" if one.severity == "note" else "problem",
        }
        for one in findings
    ]
    others = diagram_texts.shown(one for one in problems if one.field != "diagram")
    told = sorted([*others, *drawn], key=lambda one: one["severity"] == "note")
    return [{**one, "element": ids.get(one["element"], one["element"])} for one in told]


def _changed_meanwhile(workflow: Workflow, refused: errors.DraftChanged) -> HttpResponse:
    workflow.refresh_from_db(fields=["revision"])
    told = [str(change) for change in refused.changes] or [str(refused)]
    return JsonResponse({"revision": workflow.revision, "changes": told}, status=409)


def _listed(refused: errors.WorkflowError) -> Sequence[Any]:
    return getattr(refused, "problems", None) or [str(refused)]


def _unreadable(message: str) -> HttpResponse:
    told: Mapping[str, str] = {"element": "", "field": "", "message": message}
    return JsonResponse({"problems": [told]}, status=422)


def _document(request: HttpRequest) -> bytes | None:
    """The document that was sent, as a field or a file; one byte more than may be is enough."""
    if (sent := request.POST.get("xml")) is not None:
        return sent.encode()
    upload = request.FILES.get("xml")
    return upload.read(LARGEST_DIAGRAM + 1) if upload else None


def _agents_url() -> str:
    """Where the registered agents are listed, if this installation has any."""
    try:
        return reverse("agent_choices")
    except NoReverseMatch:
        return ""
