"""Using the admin as a browser does: what a page shows is sent back, with some fields changed."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages
from django.test import Client

from workflows.models import Workflow

LIST, ADD = "/admin/workflows/workflow/", "/admin/workflows/workflow/add/"
TASKS = "task_definitions"


def address(workflow: Workflow) -> str:
    return f"{LIST}{workflow.pk}/change/"


def filled(client: Client, url: str) -> dict[str, Any]:
    """The fields of a form page with what they hold."""
    page = client.get(url)
    assert page.status_code == 200
    forms = [page.context["adminform"].form]
    for shown in page.context["inline_admin_formsets"]:
        forms += [shown.formset.management_form, *shown.formset.forms]
    return {
        field.html_name: "" if field.value() is None else field.value()
        for form in forms
        for field in form
        if field.value() is not False
    }


def save(client: Client, workflow: Workflow, button: str = "_save", **changes: Any) -> Any:
    """Change fields of a workflow's page and press a button. A task's: t0__depends_on."""
    url = address(workflow)
    changed = {
        f"{TASKS}-{name[1:].replace('__', '-')}" if name[0] == "t" and "__" in name else name: value
        for name, value in changes.items()
    }
    return client.post(url, {**filled(client, url), **changed, button: "1"})


def new_task(place: int, **fields: Any) -> dict[str, Any]:
    """The fields of a task that was added on the page."""
    given = {
        "kind": "agent",
        "priority": 2,
        "join": "every",
        "input": "{}",
        "approval_required": 1,
        "approval_not_requester": "on",
        **fields,
    }
    return {f"{TASKS}-{place}-{name}": value for name, value in given.items()}


def said(response: Any) -> str:
    """The messages that the next page will show."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))
