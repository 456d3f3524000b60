from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from workflows import access, engine
from workflows.engine import drafts
from workflows.errors import InvalidDefinition
from workflows.graph.validation import Problem
from workflows.models import AgentSlot, TaskDefinition, Workflow

from . import problems
from .tasks import TaskInline
from .triggers import TriggerInline
from .workflow_form import WorkflowForm


class WorkflowList(ChangeList):
    """Loads what the column “draft” looks at with one query for the page."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        found = super().get_queryset(request, *args, **kwargs)
        light = found.defer("published__graph", "published__template", "diagram__content")
        return light.prefetch_related("task_definitions")


@admin.register(Workflow)
class WorkflowAdmin(admin.ModelAdmin):
    """A draft with its tasks on one page. It may be saved unfinished; publishing it may not."""

    form = WorkflowForm
    inlines = (TaskInline, TriggerInline)
    actions = ("publish",)
    list_display = ("name", "key", "version", "draft", "updated_at")
    list_filter = ("priority",)
    list_select_related = ("published", "diagram")
    list_per_page = 50
    search_fields = ("key", "name", "description")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("key", "name"),
                    "description",
                    ("triggers", "priority", "timeout_minutes"),
                )
            },
        ),
        (
            _("Variables, input and retries"),
            {
                "classes": ("collapse",),
                "fields": (
                    "variables",
                    "input_schema",
                    "retry_policy",
                ),
            },
        ),
    )

    @admin.display(description=_("version"), ordering="published__number", empty_value="–")
    def version(self, workflow: Workflow) -> int | None:
        return workflow.published.number if workflow.published else None

    @admin.display(description=_("draft"))
    def draft(self, workflow: Workflow) -> str:
        """Whether it could be published, and whether there is a reason to."""
        count = len(engine.problems(workflow))
        if count:
            return ngettext("%(count)d problem", "%(count)d problems", count) % {"count": count}
        if workflow.published is None:
            return _now("Not published yet")
        is_published = engine.to_publish(workflow).sha256() == workflow.published.sha256
        return _now("Published") if is_published else _now("Has changes to publish")

    @admin.action(description=_("Publish the selected workflows"), permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        for workflow in queryset:
            self._publish(request, workflow)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(access.PUBLISH)

    def has_delete_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        """What has been published stays: its runs and its history name it."""
        is_kept = obj is not None and obj.versions.exists()
        return not is_kept and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        return ("key",) if obj is not None and obj.published_id else ()

    def get_inlines(self, request: HttpRequest, obj: Workflow | None) -> Any:
        """Triggers are added to what is there: they are at work as soon as they are saved."""
        return self.inlines if obj is not None else (TaskInline,)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WorkflowList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Workflow | None:
        """Locked while it is being saved, so that two people's changes cannot mix."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        return Workflow.objects.select_for_update(of=("self",)).filter(pk=found.pk).first()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may_publish = self.has_publish_permission(request)
        if "_publish" in request.POST and not may_publish:
            raise PermissionDenied
        extra = {
            **(extra_context or {}),
            "may_publish": may_publish,
            "show_save_and_add_another": False,
        }
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        workflow = kwargs.get("obj")
        agents = AgentSlot.objects.filter(is_retired=False).order_by("agent_key")
        context["known_agents"] = agents.values_list("agent_key", flat=True).distinct()
        if workflow is not None and not context["adminform"].form.is_bound:
            context["problems"] = _shown(workflow, context)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The last step of saving: what has changed goes to the audit in the same transaction."""
        super().save_related(request, form, formsets, change)
        kind, fields = "workflow.changed", _changed(form, formsets)
        if not change:
            kind = "workflow.created"
        if fields or not change:
            drafts.changed(form.instance, by=_person(request), fields=fields, kind=kind)

    def delete_model(self, request: HttpRequest, obj: Workflow) -> None:
        with transaction.atomic():
            drafts.changed(obj, by=_person(request), kind="workflow.deleted")
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        for workflow in queryset:
            self.delete_model(request, workflow)

    def response_add(
        self, request: HttpRequest, obj: Workflow, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_publish" in request.POST:
            return self._published(request, obj)
        response = super().response_add(request, obj, post_url_continue)
        self._warn(request, obj)
        return response

    def response_change(self, request: HttpRequest, obj: Workflow) -> HttpResponse:
        if "_publish" in request.POST:
            return self._published(request, obj)
        response = super().response_change(request, obj)
        self._warn(request, obj)
        return response

    def _published(self, request: HttpRequest, workflow: Workflow) -> HttpResponse:
        self._publish(request, workflow, request.POST.get("_comment", "")[:500])
        return HttpResponseRedirect(reverse("admin:workflows_workflow_change", args=[workflow.pk]))

    def _publish(self, request: HttpRequest, workflow: Workflow, comment: str = "") -> None:
        before = workflow.published_id
        try:
            version = engine.publish(workflow, by=_person(request), comment=comment.strip())
        except InvalidDefinition as refused:
            head = _now("“%(name)s” was not published.") % {"name": workflow}
            self._say(request, messages.ERROR, head, workflow, refused.problems)
            return
        if version.pk == before:
            text = _now("“%(name)s” has not changed since version %(number)d.")
        else:
            text = _now("“%(name)s” is published as version %(number)d.")
        self.message_user(
            request, text % {"name": workflow, "number": version.number}, messages.SUCCESS
        )

    def _warn(self, request: HttpRequest, workflow: Workflow) -> None:
        found = engine.problems(workflow)
        if found:
            head = _now("“%(name)s” is saved as a draft. To be published it needs more.")
            self._say(request, messages.WARNING, head % {"name": workflow}, workflow, found)

    def _say(
        self,
        request: HttpRequest,
        level: int,
        head: str,
        workflow: Workflow,
        found: list[Problem],
    ) -> None:
        text = format_html("{}{}", head, problems.listed(workflow, found))
        self.message_user(request, text, level)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _shown(workflow: Workflow, context: dict[str, Any]) -> list[problems.Told]:
    """The draft's problems, each also said at its field of the page that is being built."""
    found = engine.problems(workflow)
    problems.show_at_fields(context["adminform"].form, [p for p in found if not p.element])
    anchors = {}
    for formset in (shown.formset for shown in context["inline_admin_formsets"]):
        for form in formset.initial_forms if formset.model is TaskDefinition else ():
            key = form.instance.key
            anchors[key] = form.prefix
            problems.show_at_fields(form, [p for p in found if p.element == key])
    return problems.told(workflow, found, anchors)


def _changed(form: Any, formsets: Iterable[Any]) -> list[str]:
    """The names of what has changed, as `drafts.changed` takes them."""
    names = [name for name in form.changed_data if name != "revision"]
    for rows in formsets:
        names += [f"{_element(row)} added" for row in rows.new_objects]
        names += [f"{_element(row)} deleted" for row in rows.deleted_objects]
        for row, fields in rows.changed_objects:
            columns = dict.fromkeys(name.replace("approval_", "approval.") for name in fields)
            names += [f"{_element(row)}.{name}" for name in columns]
    return names


def _element(row: Any) -> str:
    """A task by its key; a trigger, which has none, by what it is about."""
    is_task = isinstance(row, TaskDefinition)
    return f"tasks.{row.key}" if is_task else f"triggers.{row.kind} {row.subject}"
