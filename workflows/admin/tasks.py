"""The tasks of a draft, edited on their workflow's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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

from workflows.engine.definitions import dependencies
from workflows.models import TaskDefinition

from .fields import AssignmentsField, DependenciesField, ObjectField, Words, WordsField

APPROVAL: dict[str, Any] = {
    "title": "", "groups": [], "users": [], "required": 1, "not_requester": True
}
ROLES = (
    ("", _("any role")), ("coordinator", _("Coordinator")), ("worker", _("Worker")),
    ("reviewer", _("Reviewer")), ("supervisor", _("Supervisor")),
)


class TaskForm(forms.ModelForm):
    """One task. What is asked in an approval has fields of its own and is kept in one column."""

    position = forms.IntegerField(
        label=_("Position"), required=False, min_value=1, max_value=1_000_000,
        widget=forms.NumberInput({"placeholder": _("last")}),
    )
    role = forms.ChoiceField(label=_("Role"), required=False)
    approval_title = forms.CharField(label=_("Question"), required=False, max_length=300)
    approval_groups = forms.MultipleChoiceField(
        label=_("Groups"), required=False, widget=forms.CheckboxSelectMultiple
    )
    approval_users = WordsField(label=_("Users"), required=False)
    approval_required = forms.IntegerField(
        label=_("Approvals required"), required=False, min_value=1, max_value=1000
    )
    approval_not_requester = forms.BooleanField(
        label=_("Not by the person who started it"), required=False
    )

    class Meta:
        model = TaskDefinition
        fields = (
            "position", "key", "name", "kind", "description", "capabilities", "role", "agent_key",
            "depends_on", "join", "priority", "max_retries", "timeout_seconds", "input",
            "output_mapping",
        )
        field_classes = {
            "capabilities": WordsField, "depends_on": DependenciesField, "input": ObjectField,
            "output_mapping": AssignmentsField,
        }
        widgets = {
            "agent_key": Words({"list": "known-agents"}),
            "description": forms.Textarea({"rows": 2, "cols": 60}),
        }
        help_texts = {
            "capabilities": _("Separated by commas; the agent needs all of them."),
            "agent_key": _("An agent's key, instead of a role and capabilities."),
            "depends_on": _("One per line: key, or key when condition (CEL)."),
            "output_mapping": _("One per line: variable = CEL over “output” and the variables."),
            "input": _("A JSON object, laid over the variables."),
            "max_retries": _("Empty: as the workflow says."),
        }

    def __init__(self, *args: Any, groups: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = {**APPROVAL, **(self.instance.approval or {})}
        for name in APPROVAL:
            self.initial.setdefault(f"approval_{name}", asked[name])
        # People count from one.
        self.initial["position"] = self.instance.position + 1 if self.instance.pk else None
        self._choices("role").choices = _with(ROLES, self.instance.role)
        named = dict.fromkeys([*groups, *map(str, asked["groups"])])
        self._choices("approval_groups").choices = [(name, name) for name in named]

    @property
    def who(self) -> str:
        """Who does it, for the row's heading."""
        task = self.instance
        if task.kind == TaskDefinition.Kind.HUMAN:
            return ", ".join([*task.approval.get("groups", []), *task.approval.get("users", [])])
        return task.agent_key or ", ".join(map(str, [task.role, *task.capabilities])).strip(", ")

    @property
    def after(self) -> str:
        """What it comes after, for the row's heading."""
        return ", ".join(dict.fromkeys(key for key, when in dependencies(self.instance)))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("position") is not None:
            cleaned["position"] -= 1
        if not any(name.startswith("approval_") for name in self.errors):
            self.instance.approval = self._approval(cleaned)
        return cleaned

    def validate_constraints(self) -> None:
        """Keys are compared by the form set: among what is sent, not with what is replaced."""

    def _approval(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """What was stored, with what is new or not as by default."""
        kept = dict(self.instance.approval or {})
        for name, default in APPROVAL.items():
            value = cleaned.get(f"approval_{name}")
            value = default if value is None else value
            if name in kept or value != default:
                kept[name] = value
        return kept

    def _choices(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 for the type checker
        return field


class TaskFormSet(forms.BaseInlineFormSet):
    """Tasks may swap their keys, and a new one may take the key of one that goes."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "groups": self._groups}

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
            form.instance.pk for form in self.initial_forms
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
    extra = 0
    fieldsets = (
        (None, {"fields": (
            ("position", "key", "name", "kind"),
            "description",
            ("capabilities", "role", "agent_key"),
            ("depends_on", "join"),
            ("input", "output_mapping"),
            ("priority", "max_retries", "timeout_seconds"),
        )}),
        (_("Approval"), {"classes": ("approval",), "fields": (
            ("approval_title", "approval_required"),
            ("approval_groups", "approval_users"),
            "approval_not_requester",
        )}),
    )
    read_only_fieldsets = (
        *fieldsets[:1], (_("Approval"), {"classes": ("approval",), "fields": ("approval",)})
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        return self.fieldsets if may_change else self.read_only_fieldsets


def _is_filled(form: Any) -> bool:
    return bool(getattr(form, "cleaned_data", None))


def _goes(form: Any) -> bool:
    return bool(form.cleaned_data.get(DELETION_FIELD_NAME))


def _with(choices: Iterable[tuple[str, Any]], present: str) -> list[tuple[str, Any]]:
    """The choices, and what is stored although it is none of them."""
    known = list(choices)
    return known if present in dict(known) else [*known, (present, present)]
