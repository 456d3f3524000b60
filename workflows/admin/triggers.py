"""The triggers of a workflow, edited on its page; they are at work as soon as they are saved."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from workflows.models import Trigger

from .trigger_form import TriggerForm, TriggerFormSet


class TriggerInline(admin.StackedInline):
    model = Trigger
    form = TriggerForm
    formset = TriggerFormSet
    template = "admin/workflows/triggers.html"
    ordering = ("id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "event", "after", "cron"),
                    ("zone", "catch_up"),
                    "states",
                    "filter",
                    "mapping",
                )
            },
        ),
    )
    read_only_fieldsets = ((None, {"fields": (("kind", "config"),)}),)

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        return self.fieldsets if may_change else self.read_only_fieldsets
