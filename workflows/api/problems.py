"""Every refusal of the API as application/problem+json (RFC 9457); never a page, never a trace."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from workflows import errors
from workflows.graph.validation import Problem as Flaw

from .bodies import LARGEST, TooLarge

ROOT = "/api/"
MEDIA_TYPE = "application/problem+json"
MOST_ERRORS, LONGEST_ERROR = 500, 500  # listed, and characters of each
SENTENCES = {
    400: "The request is not understood.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    408: "The body took too long to arrive.",
    413: f"The body is larger than {LARGEST} bytes.",
    429: "Too many streams of this user are open.",
    500: "Something went wrong here. It is in the server's log.",
    503: "The server has no room or is about to stop. Try again in a few seconds.",
}

log = logging.getLogger(__name__)


class Detail(Schema):
    """One thing to mend: its place in the request, and what is wrong there."""

    field: str
    detail: str


class Problem(Schema):
    """RFC 9457. `type` is about:blank when the status says it all."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Detail]


@dataclass(eq=False)
class Refusal(Exception):
    """The request is refused with this status and these words."""

    status: int
    detail: str = ""
    kind: str = ""
    title: str = ""
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, instance: str) -> dict[str, Any]:
        """The Problem of the request to the address `instance`."""
        return {
            "type": f"urn:signalbox:problem:{self.kind}" if self.kind else "about:blank",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail or SENTENCES.get(self.status, ""),
            "instance": instance,
            "errors": list(self.errors),
        }

    def response(self, instance: str) -> HttpResponse:
        """The same as an answer of Django's."""
        content = json.dumps(self.document(instance))
        return HttpResponse(
            content, status=self.status, content_type=MEDIA_TYPE, headers=dict(self.headers)
        )


def answers(*statuses: int) -> dict[int, type[Schema]]:
    """The problems that an operation may answer, for its declaration; 401 and 403 always."""
    return dict.fromkeys((400, 401, 403, *statuses), Problem)


def install(api: NinjaAPI) -> None:
    """Turns what is raised in an operation into problems."""
    handlers: dict[type[Exception], Callable[..., Refusal]] = {
        Refusal: lambda error: error,
        errors.WorkflowError: of_engine,
        ValidationError: _of_validation,
        HttpError: _of_reading,
        RequestDataTooBig: lambda _: Refusal(413),
        Http404: lambda _: Refusal(404),
    }
    for kind, refusal in handlers.items():
        api.add_exception_handler(kind, _answering(refusal))
    api.add_exception_handler(Exception, _let_through)


def of_engine(error: errors.WorkflowError) -> Refusal:
    """A refusal of the engine: its class is the type of the problem."""
    kind = type(error)
    return Refusal(
        errors.status(error),
        (kind.__doc__ or "").strip() if isinstance(error, errors.Listed) else str(error),
        re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower(),
        (kind.__doc__ or "").strip().rstrip("."),
        _listed(getattr(error, "problems", ())),
    )


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """What Django itself refuses under /api/ (no such address, method, host) becomes a problem."""
    if iscoroutinefunction(get_response):

        async def handle(request: HttpRequest) -> Any:
            return _converted(request, await get_response(request))

        return handle

    return lambda request: _converted(request, get_response(request))


def _answering(refusal: Callable[..., Refusal]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda request, error: refusal(error).response(request.path)


def _let_through(request: HttpRequest, error: Any) -> HttpResponse:
    """Django logs it; the middleware answers without a trace, with DEBUG too."""
    raise error


def _of_validation(error: ValidationError) -> Refusal:
    found = [{"field": _place(flaw["loc"]), "detail": str(flaw["msg"])} for flaw in error.errors]
    return Refusal(
        422,
        "The request does not match what this address takes.",
        "invalid-request",
        "Invalid request",
        _shortened(found),
    )


def _of_reading(error: HttpError) -> Refusal:
    cause = error.__cause__
    if isinstance(cause, TooLarge):
        return Refusal(413)
    if isinstance(cause, ValueError):
        return Refusal(400, f"The body is not JSON: {cause}", "malformed-body", "Malformed body")
    return Refusal(error.status_code)


def _listed(problems: Iterable[Any]) -> list[dict[str, str]]:
    return _shortened([dict(zip(("field", "detail"), _told(one), strict=True)) for one in problems])


def _told(problem: Any) -> tuple[str, str]:
    """Place and words of a flaw of a definition, or of the engine's "place: words"."""
    if isinstance(problem, Flaw):
        return ".".join(filter(None, [problem.element, problem.field])), problem.message
    place, colon, words = str(problem).partition(": ")
    return (place, words) if colon and " " not in place else ("", str(problem))


def _shortened(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {name: text[:LONGEST_ERROR] for name, text in one.items()} for one in found[:MOST_ERRORS]
    ]


def _place(loc: Sequence[Any]) -> str:
    """("body", "payload", "priority") -> "body.priority"."""
    source, *rest = loc
    inner = rest[1:] if source == "body" else rest
    return ".".join(str(part) for part in [source, *inner])


def _converted(request: HttpRequest, response: Any) -> Any:
    if not request.path.startswith(ROOT):
        return response
    response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code < 400 or response.headers.get("Content-Type") == MEDIA_TYPE:
        return response
    kept = {name: response.headers[name] for name in ("Allow",) if name in response.headers}
    kept["Cache-Control"] = "no-store"
    return Refusal(response.status_code, headers=kept).response(request.path)
