"""An operator begins one of the tasks that an ad-hoc sub-process offers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from workflows import access, engine
from workflows.engine import graphs
from workflows.errors import NotOffered
from workflows.graph.shape import Node
from workflows.models import Execution, Task

from .asking import Question, ask, done, reason
from .execution import found
from .refusals import answered
from .repairing import task_of


@require_http_methods(["GET", "HEAD", "POST"])
@access.requires(access.OPERATE)
@answered
def task_activate(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """Ask for, or begin, the task that `node` names."""
    execution = found(execution_id)
    task = task_of(execution, task_id)
    key = request.POST.get("node") or request.GET.get("node", "")
    if request.method != "POST":
        node = next((one for one in engine.offered(execution, task) if one.key == key), None)
        if node is None:
            raise NotOffered(f"“{key}” is not offered by “{task.name}” now.")
        return ask(request, _asked(execution, task, node))
    by = access.person(request)
    engine.activate(execution_id, task_id, key, by=by, reason=reason(request))
    told = _("“%(task)s” has begun.") % {"task": key}
    return done(
        request,
        f"{execution.workflow.name} {execution}: {told}",
        reverse("execution", args=[execution.pk]),
        {"executions": [execution.pk]},
    )


def _asked(execution: Execution, task: Task, node: Node) -> Question:
    lines = [_("It begins now, and what follows it within “%(scope)s” too.") % {"scope": task.name}]
    if node.kind == "agent":
        lines.append(_("An agent does its work as soon as one has room."))
    around = graphs.of(execution.version_id).nodes[task.node]
    if around.scope.get("completion"):
        lines.append(
            _("When it is done, “%(scope)s” ends if that is enough.") % {"scope": task.name}
        )
    return Question(
        _("Begin “%(task)s”?") % {"task": node.name},
        lines,
        _("Begin"),
        "play",
        f"{execution.workflow} {execution} · {task.name}",
        reverse("execution", args=[execution.pk]),
        fields="workflows/_ask_choice.html",
        values={"node": node.key},
    )
