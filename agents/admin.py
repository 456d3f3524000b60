from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from agents import tools
from agents.executors import configuration
from agents.models import Agent
from agents.orchestrator import lanes, workforce
from workflows.admin.fields import ObjectField, WordsField
from workflows.engine import breakers
from workflows.models import AgentSlot

MOST_AT_A_TIME = 10_000


class AgentForm(forms.ModelForm):
    """An agent; what its configuration needs depends on its kind."""

    max_concurrent_tasks = forms.IntegerField(
        label=_("Tasks at a time"), min_value=1, max_value=MOST_AT_A_TIME, initial=1
    )

    breaker_failures = forms.IntegerField(
        label=_("Failures in a row that open its breaker"),
        min_value=0,
        max_value=breakers.MOST_FAILURES,
        initial=breakers.THRESHOLD,
        required=False,
        help_text=_("It is given no work then, until a trial. 0 turns the breaker off."),
    )
    breaker_cooldown_seconds = forms.IntegerField(
        label=_("Seconds until a trial"),
        min_value=1,
        max_value=breakers.LONGEST_COOLDOWN,
        initial=breakers.COOLDOWN_SECONDS,
        required=False,
        help_text=_("Each trial that fails doubles them, up to ten minutes."),
    )

    class Meta:
        model = Agent
        fields = (
            "key",
            "name",
            "description",
            "role",
            "capabilities",
            "max_concurrent_tasks",
            "status",
            "kind",
            "config",
            "breaker_failures",
            "breaker_cooldown_seconds",
        )
        field_classes = {"capabilities": WordsField, "config": ObjectField}
        widgets = {"description": forms.Textarea({"rows": 2, "cols": 60})}
        help_texts = {
            "key": _("Workflows and the history name it by this; fixed once it is registered."),
            "capabilities": _("Separated by commas; a task goes to agents that have all it needs."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields:
            self.fields["config"].help_text = _now(
                'Python tool: {"tool": name}, with one of these names: %(tools)s. '
                "HTTP API: url, and if need be method, headers, body, accept, timeout_seconds "
                "and idempotent."
            ) % {"tools": ", ".join(tools.names())}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("breaker_failures", "breaker_cooldown_seconds"):
            if name in cleaned and cleaned[name] is None:
                cleaned[name] = getattr(self.instance, name)
        if "kind" in cleaned and "config" in cleaned:
            for problem in configuration.problems(cleaned["kind"], cleaned["config"]):
                self.add_error("config", problem)
        return cleaned


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin):
    """Every change is recorded, and dispatch follows it, in the transaction that saves it."""

    form = AgentForm
    actions = ("set_active", "set_offline")
    list_display = ("name", "key", "kind", "role", "can", "load", "status")
    list_filter = ("status", "kind", "role")
    search_fields = ("key", "name", "description")
    list_per_page = 50
    fieldsets = (
        (None, {"fields": (("key", "name"), "description", ("status", "max_concurrent_tasks"))}),
        (_("What it can do"), {"fields": (("role", "capabilities"),)}),
        (_("How it is reached"), {"fields": ("kind", "config")}),
        (
            _("When it fails again and again"),
            {"fields": (("breaker_failures", "breaker_cooldown_seconds"),)},
        ),
    )

    @admin.display(description=_("capabilities"))
    def can(self, agent: Agent) -> str:
        return ", ".join(agent.capabilities)

    @admin.display(description=_("load"), ordering="busy")
    def load(self, agent: Any) -> str:
        return f"{agent.busy} / {agent.max_concurrent_tasks}"

    @admin.action(description=_("Set the selected agents active"), permissions=["change"])
    def set_active(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self._set(request, queryset, Agent.Status.ACTIVE)

    @admin.action(description=_("Set the selected agents offline"), permissions=["change"])
    def set_offline(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        self._set(request, queryset, Agent.Status.OFFLINE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        slots = AgentSlot.objects.filter(workforce.TAKEN, agent_key=OuterRef("key"))
        busy = slots.order_by().values("agent_key").annotate(count=Count("pk")).values("count")
        return super().get_queryset(request).annotate(busy=Coalesce(Subquery(busy), 0))

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        return ("key",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        if not change:
            obj.save()
            workforce.changed(obj, by=_person(request), kind="agent.registered")
        elif form.changed_data:
            # Only these: a heartbeat may have come since the page was read.
            obj.save(update_fields=form.changed_data)
            workforce.changed(obj, by=_person(request))

    def delete_model(self, request: HttpRequest, obj: Agent) -> None:
        with transaction.atomic():
            workforce.changed(obj, by=_person(request), kind="agent.removed")
            super().delete_model(request, obj)
            lanes.forget_agent(obj.key)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        for agent in queryset:
            self.delete_model(request, agent)

    def _set(self, request: HttpRequest, chosen: QuerySet[Agent], status: str) -> None:
        with transaction.atomic():
            agents = list(chosen.exclude(status=status).order_by("key"))
            for agent in agents:
                agent.status = status
                agent.save(update_fields=["status"])
                workforce.changed(agent, by=_person(request))
        text = ngettext("%(count)d agent changed.", "%(count)d agents changed.", len(agents))
        self.message_user(request, text % {"count": len(agents)}, messages.SUCCESS)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)
