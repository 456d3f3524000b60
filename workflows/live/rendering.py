"""When the answering of a page began: what has changed since then it may not show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from workflows import clock

RECEIVED_AT = "RECEIVED_AT"  # in request.META: seconds since 1970, by this host's clock


def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Notes it before anything is read; the page tells it to /live/ as `since`."""

    def noted(request: HttpRequest) -> Any:
        request.META[RECEIVED_AT] = f"{clock.now().timestamp():.3f}"
        return get_response(request)

    return noted
