"""What keeps a draft from being published, told where it can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm
from django.forms.utils import ErrorList
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from workflows.graph.validation import Problem
from workflows.models import Workflow

MOST = 50
ELSEWHERE = {"approval": "approval_groups"}


@dataclass(frozen=True, slots=True)
class Told:
    """A problem as a page says it: the task's name ("" for the workflow) and where to go."""

    where: str
    message: str
    anchor: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def told(workflow: Workflow, found: Iterable[Problem], anchors: dict[str, str]) -> list[Told]:
    """The problems with the names of their tasks; `anchors`: ids on the page by task key."""
    names = {task.key: str(task) for task in workflow.task_definitions.all()}
    return [
        Told(
            names.get(problem.element, problem.element),
            problem.message,
            anchors.get(problem.element, ""),
        )
        for problem in found
    ]


def listed(workflow: Workflow, found: Sequence[Problem]) -> SafeString:
    """The problems as a list for a message, at most fifty of them."""
    rows = [(str(problem),) for problem in told(workflow, found[:MOST], {})]
    if len(found) > MOST:
        rows.append((_("… and %(count)d more.") % {"count": len(found) - MOST},))
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows))


def show_at_fields(form: BaseForm, found: Iterable[Problem]) -> None:
    """Say each problem at its field of a form that was not sent yet."""
    for problem in found:
        name = ELSEWHERE.get(problem.field, problem.field)
        if name in form.fields:
            notes: Any = form.errors.setdefault(name, _notes(form))
            notes.append(problem.message)


def _notes(form: BaseForm) -> ErrorList:
    return ErrorList(error_class="problem", renderer=form.renderer)
