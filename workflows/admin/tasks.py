"""The tasks of a draft, edited on their workflow's page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from workflows.models import Form, TaskDefinition

from .task_form import TaskForm


class TaskFormSet(forms.BaseInlineFormSet):
    """Tasks may swap their keys, and a new one may take the key of one that goes."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        given = {"groups": self._groups, "shared_forms": self._shared_forms}
        return {**super().get_form_kwargs(index), **given}

    def validate_unique(self) -> None:
        keys = [(form, form.cleaned_data.get("key")) for form in self._kept()]
        counts = Counter(key for _form, key in keys)
        for form, key in keys:
            if key and counts[key] > 1:
                form.add_error("key", _now("Another task has this key."))
        if any(count > 1 for key, count in counts.items() if key):
            raise forms.ValidationError(_now("Two tasks have the same key."))

    def clean(self) -> None:
        super().clean()
        self._place()

    def save_existing_objects(self, commit: bool = True) -> list[TaskDefinition]:
        if commit:
            self._free_keys()
        return super().save_existing_objects(commit)

    @cached_property
    def _groups(self) -> list[str]:
        return list(Group.objects.order_by("name").values_list("name", flat=True))

    @cached_property
    def _shared_forms(self) -> list[tuple[str, str]]:
        return list(Form.objects.order_by("title").values_list("key", "title"))

    def _kept(self) -> list[Any]:
        return [form for form in self.forms if _is_filled(form) and not _goes(form)]

    def _place(self) -> None:
        """Tasks without a position go to the end, in their order."""
        kept = self._kept()
        given = [form.cleaned_data.get("position") for form in kept]
        free = 1 + max((place for place in given if place is not None), default=-1)
        for form, place in zip(kept, given, strict=True):
            if place is None:
                form.instance.position = free
                free += 1

    def _free_keys(self) -> None:
        moved = [
            form.instance.pk
            for form in self.initial_forms
            if "key" in form.changed_data or _goes(form)
        ]
        TaskDefinition.objects.filter(pk__in=moved).update(
            key=Concat(Value("~"), Cast("pk", CharField()))
        )


class TaskInline(admin.StackedInline):
    model = TaskDefinition
    form = TaskForm
    formset = TaskFormSet
    template = "admin/workflows/tasks.html"
    ordering = ("position", "id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("position", "key", "name", "kind"),
                    "description",
                    ("capabilities", "role", "agent_key"),
                    ("depends_on", "join"),
                    ("input", "output_mapping"),
                    ("priority", "max_retries", "timeout_seconds"),
                )
            },
        ),
        (
            _("Event, loop and sub-process"),
            {
                "fields": (
                    ("parent", "attached_to", "compensates"),
                    ("event", "loop", "calls", "scope", "decision"),
                )
            },
        ),
        (
            _("Approval"),
            {
                "classes": ("approval",),
                "fields": (
                    ("approval_title", "approval_required"),
                    ("approval_groups", "approval_users"),
                    "approval_not_requester",
                    ("approval_due", "approval_follow_up"),
                    "approval_form",
                ),
            },
        ),
    )
    read_only_fieldsets = (
        *fieldsets[:2],
        (_("Approval"), {"classes": ("approval",), "fields": ("approval",)}),
    )

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        return self.fieldsets if may_change else self.read_only_fieldsets


def _is_filled(form: Any) -> bool:
    return bool(getattr(form, "cleaned_data", None))


def _goes(form: Any) -> bool:
    return bool(form.cleaned_data.get(DELETION_FIELD_NAME))
