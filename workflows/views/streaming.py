"""The address of the live stream. Under ASGI `workflows.live` answers before Django is asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from workflows import access


@require_safe
@access.requires(*access.ANY_ROLE)
def live(request: HttpRequest) -> HttpResponse:
    """A server without ASGI has no stream: 204 tells the browser not to ask again."""
    return HttpResponse(status=204)
