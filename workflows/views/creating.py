"""A new workflow, by its name; the diagram editor opens on it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access
from workflows.engine.creating import create_workflow
from workflows.errors import DraftExists, InvalidDefinition

from .asking import moved_on


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.EDIT)
def workflow_new(request: HttpRequest) -> HttpResponse:
    """Ask for a name, make the draft, go and draw it. Without a key one is made of the name."""
    if request.method != "POST":
        return _form(request, [])
    name = request.POST.get("name", "").strip().replace("\0", "")
    key = request.POST.get("key", "").strip() or slugify(name).replace("-", "_")
    if missing := _missing(name, key):
        return _form(request, [missing], 422)
    try:
        workflow = create_workflow(key, name, by=access.person(request))
    except DraftExists as refused:
        return _form(request, [str(refused)], 422)
    except InvalidDefinition as refused:
        return _form(request, [one.message for one in refused.problems], 422)
    message = _("“%(name)s” is ready to be drawn.") % {"name": workflow}
    return moved_on(request, message, reverse("workflow_edit", args=[workflow.key]))


def _missing(name: str, key: str) -> str:
    if not name:
        return _("Give the workflow a name.")
    return "" if key else _("Give the workflow a key: none can be made of this name.")


def _form(request: HttpRequest, problems: list[str], status: int = 200) -> HttpResponse:
    is_part = getattr(request, "htmx", False)
    page = "workflows/editor/_new.html" if is_part else "workflows/editor/new.html"
    context = {"problems": problems, "typed": request.POST}
    return render(request, page, context, status=status)
