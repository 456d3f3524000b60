"""Turns a refusal of the engine into 403, 404, 409 or 422: a toast for htmx, a page otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from workflows import errors

STATUS: dict[type[errors.WorkflowError], int] = {
    errors.NotAllowed: 403,
    errors.UnknownWorkflow: 404,
    errors.UnknownExecution: 404,
    errors.UnknownTask: 404,
    errors.UnknownVersion: 404,
    errors.UnknownBatch: 404,
    errors.UnknownApproval: 404,
    errors.Listed: 422,
    errors.InvalidExpression: 422,
}
TO_TOASTS = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}


def answered(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Lets a view call the engine without minding its refusals."""

    @wraps(view)
    def safe(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except errors.WorkflowError as error:
            return refused(request, error)

    return safe


def refused(request: HttpRequest, error: errors.WorkflowError) -> HttpResponse:
    """The answer that tells the user why it was not done."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 409)
    if getattr(request, "htmx", False):
        messages.error(request, str(error))
        response = render(request, "components/toasts.html", status=status)
        for name, value in TO_TOASTS.items():
            response[name] = value
        return response
    context = {"status": status, "reason": str(error), "back": _back(request)}
    return render(request, "refused.html", context, status=status)


def _back(request: HttpRequest) -> str:
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()})
    return came_from if is_ours else "/"
