"""What the diagram in the browser asks for: a version's document, and what lies over it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from workflows import access
from workflows.audit import rebuild
from workflows.engine import hindsight, overlay, traces
from workflows.errors import Contradiction
from workflows.models import Execution, Version, Workflow

from .painting import painted
from .refusals import answered

MEDIA_TYPE = "application/xml; charset=utf-8"
FOR_GOOD = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"


@require_safe
@access.requires(access.SEE)
def version_diagram(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """A version's document; for good when its digest is in the address, as our pages write it."""
    found = Version.objects.select_related("workflow").defer("graph", "template")
    version = found.filter(workflow__key=key, number=min(number, 2**31 - 1), arranges=None).first()
    if version is None:
        raise Http404
    document = traces.document(version)
    is_named = request.GET.get("sha256") == document.sha256
    headers = {"Cache-Control": FOR_GOOD if is_named else ASK_AGAIN}
    return _unless_known(
        request,
        document.sha256,
        HttpResponse(document.content, content_type=MEDIA_TYPE, headers=headers),
    )


def address(workflow: Workflow, version: Version) -> str:
    """Where a browser finds a version's document; it may keep one that was published for good.

    One that has to be laid out first is not waited for here.
    """
    path = reverse("version_diagram", args=[workflow.key, version.number])
    digest = traces.digest(version)
    return f"{path}?sha256={digest}" if digest else path


@require_safe
@access.requires(access.SEE)
def execution_overlay(request: HttpRequest, execution_id: int) -> HttpResponse:
    """Where the tokens are now. Nothing is looked up for a browser that has this row's already."""
    seq = overlay.seq(execution_id)
    tag = f"{seq}-{get_language()}"
    known = get_conditional_response(request, etag=f'"{tag}"')
    if known is not None:
        return known
    run = _found(execution_id)
    told = painted(run, overlay.now(run, seq))
    return _unless_known(request, tag, JsonResponse(told, headers={"Cache-Control": ASK_AGAIN}))


@require_safe
@access.requires(access.AUDIT)
@answered
def execution_overlay_at(request: HttpRequest, execution_id: int, seq: int) -> HttpResponse:
    """Where the tokens were after audit row `seq`; after the last one that there is, at most."""
    run = _found(execution_id)
    seq = max(1, min(seq, overlay.seq(execution_id)))
    try:
        told = painted(run, hindsight.then(run, seq))
    except rebuild.Disagreement as problem:
        raise Contradiction(f"{Contradiction.__doc__} {problem}") from problem
    return JsonResponse(told, headers={"Cache-Control": ASK_AGAIN})


def _found(execution_id: int) -> Execution:
    rows = Execution.objects.select_related("version__workflow")
    one = rows.defer("version__graph", "version__template").filter(pk=execution_id).first()
    if one is None:
        raise Http404
    return one


def _unless_known(request: HttpRequest, tag: str, response: HttpResponse) -> HttpResponse:
    """The answer with its tag, or 304 without a body."""
    response["ETag"] = f'"{tag}"'
    return get_conditional_response(request, etag=f'"{tag}"', response=response) or response
