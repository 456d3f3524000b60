"""BPMN files: one that is uploaded becomes a draft, and drafts and versions are downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from workflows import access, engine
from workflows.engine.filtering import key as number
from workflows.engine.importing import Import
from workflows.errors import InvalidForm, UnknownVersion, WorkflowError, status
from workflows.graph.validation import Problem
from workflows.models import LARGEST_DIAGRAM

from .modelling import found
from .refusals import answered

MEDIA_TYPE = "application/bpmn+xml"
FORM = ".form"
MOST_SHOWN = 200  # findings on the page


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.EDIT)
def workflow_import(request: HttpRequest) -> HttpResponse:
    """The form with a file, which may be a form of Camunda too; what came of it, for htmx without
    the form."""
    if request.method != "POST":
        return _page(request, {})
    content, refused = _content(request)
    if refused:
        return _page(request, {"refused": refused}, 422)
    if (name := _name(request)).lower().endswith(FORM):
        return _form(request, content, name)
    wants_publishing = bool(request.POST.get("publish"))
    if wants_publishing and not request.user.has_perm(access.PUBLISH):
        return _page(request, {"refused": _("Your role does not publish workflows.")}, 403)
    try:
        done = engine.import_bpmn(
            content,
            key=request.POST.get("key", "").strip() or None,
            by=access.person(request),
            strict=bool(request.POST.get("strict")),
            process=request.POST.get("process", "").strip() or None,
            publish=wants_publishing,
            replace=bool(request.POST.get("replace")),
        )
    except WorkflowError as error:
        return _page(request, _told(error), status(error))
    told = {"done": done, "findings": done.findings, "others": _others(done)}
    return _page(request, told)


def _form(request: HttpRequest, content: bytes, name: str) -> HttpResponse:
    """A form that steps share, under the key that was typed or its own."""
    try:
        done = engine.import_form(
            content,
            key=request.POST.get("key", "").strip() or None,
            by=access.person(request),
            name=name,
        )
    except InvalidForm as error:
        return _page(request, _told(error), status(error))
    return _page(request, {"shared_form": done})


@require_safe
@access.requires(access.SEE)
@answered
def workflow_bpmn(request: HttpRequest, key: str) -> HttpResponse:
    """The document of the draft, or of the version that is asked for."""
    one = found(key)
    wanted = number(request.GET.get("version")) if "version" in request.GET else None
    if "version" in request.GET and wanted is None:
        raise Http404
    try:
        content = engine.export_bpmn(one.key, min(wanted, 2**31 - 1) if wanted else None)
    except UnknownVersion:
        raise Http404 from None
    name = f"{one.key}-v{wanted}.bpmn" if wanted else f"{one.key}.bpmn"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=MEDIA_TYPE, headers=headers)


def _content(request: HttpRequest) -> tuple[bytes, str]:
    """The file, or why there is none."""
    file = request.FILES.get("file")
    if file is None:
        return b"", _("Choose a BPMN file first.")
    if (file.size or 0) > LARGEST_DIAGRAM:
        words = _("The file has %(size)d bytes; at most %(most)d are read. Choose a smaller one.")
        return b"", words % {"size": file.size, "most": LARGEST_DIAGRAM}
    return file.read(), ""


def _name(request: HttpRequest) -> str:
    file = request.FILES.get("file")
    return (file.name or "") if file is not None else ""


def _others(done: Import) -> list[str]:
    """What keeps the draft from being published beside the findings, by the names of tasks."""
    names = {task.key: str(task) for task in done.workflow.task_definitions.all()}
    named = [
        replace(one, element=names.get(one.element, one.element))
        for one in done.problems
        if one.field != "diagram"
    ]
    return [str(one) for one in named]


def _told(error: WorkflowError) -> dict[str, Any]:
    problems: list[Any] = list(getattr(error, "problems", ()))
    findings = list(getattr(error, "findings", ()))
    told = problems if not findings else []
    return {
        "refused": str(error) if not problems else (type(error).__doc__ or "").strip(),
        "reasons": [_reason(one) for one in told][:MOST_SHOWN],
        "findings": findings,
    }


def _reason(problem: Any) -> str:
    """A problem in words; the element leads where the words do not name it."""
    if not isinstance(problem, Problem):
        return getattr(problem, "message", str(problem))
    if problem.field != "diagram":
        return str(problem)
    if not problem.element or problem.element in problem.message:
        return problem.message
    return f"“{problem.element}”: {problem.message}"


def _page(request: HttpRequest, told: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """For htmx a refusal is always 422: others become toasts and the reasons would be lost."""
    context = {"most": MOST_SHOWN, "limit": LARGEST_DIAGRAM, "typed": request.POST, **told}
    if getattr(request, "htmx", False):
        shown = 200 if status == 200 else 422
        return render(request, "workflows/_import_result.html", context, status=shown)
    return render(request, "workflows/import.html", context, status=status)
