from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workflows.engine import schedules, trigger_settings
from workflows.models import State, Trigger, Workflow

from .fields import AssignmentsField, Words

FIELDS = ("event", "cron", "zone", "catch_up", "workflow", "states", "filter", "mapping")
CATCH_UP = (
    (trigger_settings.SKIP, _("skip: what was missed is passed over")),
    (trigger_settings.ONCE, _("once: it runs once, late")),
)
# A field of the trigger's own is called so too.
RENAMED = {"workflow": "after"}
FIXED = ("kind", "event", "cron", "zone", "catch_up", "after", "states")  # of a start


class TriggerForm(forms.ModelForm):
    """One trigger. Its settings have fields of their own and are kept in one column."""

    event = forms.CharField(
        label=_("Event"), required=False, max_length=trigger_settings.MAX_NAME, widget=Words
    )
    cron = forms.CharField(
        label=_("Cron"),
        required=False,
        widget=Words({"placeholder": "30 7 * * MON-FRI"}),
        help_text=_("Minute, hour, day of the month, month, day of the week."),
    )
    zone = forms.CharField(
        label=_("Time zone"),
        required=False,
        widget=Words({"placeholder": "Europe/Berlin"}),
        help_text=_("Empty: UTC."),
    )
    catch_up = forms.ChoiceField(
        label=_("When no worker was there"), required=False, choices=CATCH_UP
    )
    after = forms.ChoiceField(label=_("After"), required=False)
    states = forms.MultipleChoiceField(
        label=_("Has ended as"),
        required=False,
        choices=[(state, State(state).label) for state in trigger_settings.STATES],
        widget=forms.CheckboxSelectMultiple,
    )
    filter = forms.CharField(
        label=_("Only if"),
        required=False,
        widget=Words({"placeholder": "total > 500"}),
        help_text=_("CEL over what came; empty: always."),
    )
    mapping = AssignmentsField(
        label=_("Input"),
        required=False,
        help_text=_(
            "One per line: name = CEL over what came. Empty: all that came; of a schedule, nothing."
        ),
    )

    class Meta:
        model = Trigger
        fields = ("kind",)

    def __init__(self, *args: Any, workflows: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FIXED if self.is_start else ():
            self.fields[name].disabled = True
        known: Any = self.fields["after"]
        known.choices = [("", "—"), *workflows]
        for name in FIELDS:
            shown = RENAMED.get(name, name)
            default = trigger_settings.DEFAULTS.get(self.instance.kind, {}).get(name)
            fallback = {"states": ["completed"], "mapping": {}}.get(name, "")
            present = self.instance.config.get(name, default)
            self.initial.setdefault(shown, fallback if present is None else present)

    @property
    def flaws(self) -> int:
        """How much is said against it on this page."""
        return sum(len(notes) for notes in self.errors.values())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if kind and not self.errors:
            config = self._of_start(cleaned) if self.is_start else _config(kind, cleaned)
            for problem in trigger_settings.problems(kind, config):
                self.add_error(RENAMED.get(problem.field, problem.field), problem.message)
            self.instance.config = config
        return cleaned

    @property
    def is_start(self) -> bool:
        """Whether the published version makes it, of an event that begins the process."""
        return bool(self.instance.pk and self.instance.config.get("start"))

    def _of_start(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """What people may change of it: the rest is the version's."""
        config = {**self.instance.config, "mapping": cleaned.get("mapping") or {}}
        if config.get("by") in ("message", "signal"):
            config["filter"] = (cleaned.get("filter") or "").strip()
        return config

    def save(self, commit: bool = True) -> Trigger:
        """Only what is edited here is written: a worker or an operator may have been faster."""
        schedules.plan(self.instance)
        if commit and self.instance.pk:
            self.instance.save(update_fields=["kind", "config", "next_due_at"])
            return self.instance
        saved: Trigger = super().save(commit)
        return saved


class TriggerFormSet(forms.BaseInlineFormSet):
    """The triggers of a workflow; those that its list of names makes are kept by that list."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "workflows": self._workflows()}

    def clean(self) -> None:
        super().clean()
        for form in self.deleted_forms:
            trigger = form.instance
            if trigger.config.get("start"):
                text = _("“%(trigger)s” comes from a start of the process: take its event away "
                         "there and publish, or pause it.")  # fmt: skip
                raise forms.ValidationError(text, params={"trigger": trigger})
            if trigger.is_defined and trigger.config.get("event") in (self.instance.triggers or ()):
                text = _("“%(trigger)s” comes from the list of names above: take its name away "
                         "there, and publish.")  # fmt: skip
                raise forms.ValidationError(text, params={"trigger": trigger})

    def _workflows(self) -> list[tuple[str, str]]:
        if not hasattr(self, "_known"):
            self._known = [(one.key, str(one)) for one in Workflow.objects.only("key", "name")]
        return self._known


def _config(kind: str, cleaned: dict[str, Any]) -> dict[str, Any]:
    """What was typed into the fields of this kind; an empty one is its default."""
    config = {}
    for name, default in trigger_settings.DEFAULTS[kind].items():
        typed = cleaned.get(RENAMED.get(name, name))
        typed = typed.strip() if isinstance(typed, str) else typed
        has_default = name in ("zone", "catch_up", "mapping")
        config[name] = default if has_default and not typed else typed
    return config
