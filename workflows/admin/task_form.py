from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from workflows.engine.ways import dependencies
from workflows.graph.validation import TIMES
from workflows.models import TaskDefinition

from .fields import AssignmentsField, DependenciesField, ObjectField, Words, WordsField

APPROVAL: dict[str, Any] = {
    "title": "",
    "groups": [],
    "users": [],
    "required": 1,
    "not_requester": True,
    "due": "",
    "follow_up": "",
}
DRAWN = ""  # the form is the step's own, if it has any
ROLES = (
    ("", _("any role")),
    ("coordinator", _("Coordinator")),
    ("worker", _("Worker")),
    ("reviewer", _("Reviewer")),
    ("supervisor", _("Supervisor")),
)


class TaskForm(forms.ModelForm):
    """One task. What is asked in an approval has fields of its own and is kept in one column."""

    position = forms.IntegerField(
        label=_("Position"),
        required=False,
        min_value=1,
        max_value=1_000_000,
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
    approval_due = forms.CharField(
        label=_("Due"),
        required=False,
        max_length=1000,
        help_text=_("PT4H, P2D; 2026-05-01T09:00:00+02:00; or CEL over the variables."),
    )
    approval_follow_up = forms.CharField(
        label=_("Follow-up"),
        required=False,
        max_length=1000,
        help_text=_("When to look at it again, said in the same way."),
    )
    approval_form = forms.ChoiceField(label=_("Form"), required=False)

    class Meta:
        model = TaskDefinition
        fields = (
            "position",
            "key",
            "name",
            "kind",
            "description",
            "capabilities",
            "role",
            "agent_key",
            "depends_on",
            "join",
            "priority",
            "max_retries",
            "timeout_seconds",
            "input",
            "output_mapping",
            "parent",
            "attached_to",
            "compensates",
            "event",
            "loop",
            "calls",
            "scope",
            "decision",
        )
        field_classes = {
            "capabilities": WordsField,
            "depends_on": DependenciesField,
            "input": ObjectField,
            "event": ObjectField,
            "loop": ObjectField,
            "calls": ObjectField,
            "scope": ObjectField,
            "decision": ObjectField,
            "output_mapping": AssignmentsField,
        }
        widgets = {
            "agent_key": Words({"list": "known-agents"}),
            "description": forms.Textarea({"rows": 2, "cols": 60}),
        }
        help_texts = {
            "capabilities": _("Separated by commas; the agent needs all of them."),
            "agent_key": _("An agent's key, instead of a role and capabilities."),
            "depends_on": _("One per line: key, key when condition (CEL), or key otherwise."),
            "output_mapping": _("One per line: variable = CEL over “output” and the variables."),
            "input": _("A JSON object, laid over the variables."),
            "max_retries": _("Empty: as the workflow says."),
        }

    def __init__(
        self,
        *args: Any,
        groups: Iterable[str] = (),
        shared_forms: Iterable[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        asked = {**APPROVAL, **(self.instance.approval or {})}
        for name in APPROVAL:
            self.initial.setdefault(f"approval_{name}", asked[name])
        form = asked.get("form")
        shared = form if isinstance(form, str) else DRAWN
        self.initial.setdefault("approval_form", shared)
        self._choices("approval_form").choices = _with(
            [(DRAWN, _("the one drawn at the step, if any")), *shared_forms], shared
        )
        # People count from one.
        self.initial["position"] = self.instance.position + 1 if self.instance.pk else None
        self._choices("role").choices = _with(ROLES, self.instance.role)
        named = dict.fromkeys([*groups, *map(str, asked["groups"] or ())])
        self._choices("approval_groups").choices = [(name, name) for name in named]

    @property
    def who(self) -> str:
        """Who does it, for the row's heading."""
        task = self.instance
        if task.kind == TaskDefinition.Kind.HUMAN:
            asked = (task.approval.get(name) or () for name in ("groups", "users"))
            return ", ".join(str(one) for some in asked for one in some)
        return task.agent_key or ", ".join(map(str, [task.role, *task.capabilities])).strip(", ")

    @property
    def after(self) -> str:
        """What it comes after, for the row's heading."""
        return ", ".join(dict.fromkeys(key for key, when in dependencies(self.instance)))

    @property
    def flaws(self) -> int:
        """How much is said against it on this page."""
        return sum(len(notes) for notes in self.errors.values())

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
        wanted = cleaned.get("approval_form") or DRAWN
        if wanted != DRAWN:
            kept["form"] = wanted
        elif isinstance(kept.get("form"), str):
            del kept["form"]
        for name, default in APPROVAL.items():
            value = cleaned.get(f"approval_{name}")
            value = default if value is None else value
            if name in TIMES and not value:
                kept.pop(name, None)
            elif name in kept or value != default:
                kept[name] = value
        return kept

    def _choices(self, name: str) -> forms.ChoiceField:
        return cast(forms.ChoiceField, self.fields[name])


def _with(choices: Iterable[tuple[str, Any]], present: str) -> list[tuple[str, Any]]:
    """The choices, and what is stored although it is none of them."""
    known = list(choices)
    return known if present in dict(known) else [*known, (present, present)]
