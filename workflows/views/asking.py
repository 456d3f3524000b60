"""A verb that wants more than a click: the question, what will happen, and the answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise

from workflows import json_text

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What a dialog asks. `fields`: the template of its own fields, which see `values`."""

    title: str | Promise
    consequences: Sequence[str | Promise]
    button: str | Promise
    icon: str
    subject: str
    back: str
    fields: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    is_dangerous: bool = False
    is_wide: bool = False
    problems: Sequence[str | Promise] = ()


def ask(request: HttpRequest, question: Question, status: int = 200) -> HttpResponse:
    """The dialog for htmx, a page of its own for everybody else."""
    is_part = getattr(request, "htmx", False)
    page = "workflows/_ask.html" if is_part else "workflows/ask.html"
    return render(request, page, {"question": question}, status=status)


def ask_again(
    request: HttpRequest, question: Question, problems: Sequence[str | Promise]
) -> HttpResponse:
    """The dialog once more, with what was typed and why it was refused."""
    return ask(request, replace(question, problems=problems), status=422)


def done(request: HttpRequest, message: str, back: str, changed: Mapping[str, Any]) -> HttpResponse:
    """A toast, and parts that refresh themselves (`changed`); or the way back."""
    messages.success(request, message)
    if not getattr(request, "htmx", False):
        return redirect(back)
    response = render(request, "components/toasts_oob.html")
    response["HX-Trigger"] = json.dumps({"dialog-done": {}, "signalbox:changed": changed})
    return response


def moved_on(request: HttpRequest, message: str, to: str) -> HttpResponse:
    """To another page, which shows the message."""
    messages.success(request, message)
    if not getattr(request, "htmx", False):
        return redirect(to)
    return HttpResponse(status=204, headers={"HX-Redirect": to})


def reason(request: HttpRequest) -> str:
    """The reason typed, as it goes into the audit."""
    return request.POST.get("reason", "").strip().replace("\0", "")[:LONGEST_REASON]


def json_object(request: HttpRequest, name: str) -> dict[str, Any]:
    """The JSON object typed into a field; raises json_text.Malformed."""
    return json_text.parsed_object(request.POST.get(name, ""))
