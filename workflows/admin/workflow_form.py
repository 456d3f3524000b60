from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workflows.engine import drafts
from workflows.errors import DraftChanged
from workflows.models import Workflow

from .fields import ObjectField, WordsField

CHANGED_MEANWHILE = _(
    "This workflow has been changed since you opened it: %(changes)s. Nothing of what you typed is "
    "saved yet; it is still below. Open the workflow again beside this page to see what is new."
)
MOST_CHANGES = 5  # told in the refusal: the last ones


class WorkflowForm(forms.ModelForm):
    """A draft without its tasks. `revision`: that of the draft which is being edited."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Workflow
        fields = (
            "key",
            "name",
            "description",
            "triggers",
            "priority",
            "timeout_minutes",
            "variables",
            "input_schema",
            "retry_policy",
        )
        field_classes = {
            "triggers": WordsField,
            "input_schema": ObjectField,
            "variables": ObjectField,
            "retry_policy": ObjectField,
        }
        widgets = {"description": forms.Textarea({"rows": 2, "cols": 60})}
        help_texts = {
            "key": _("Programs start it by this name. Fixed once it is published."),
            "triggers": _(
                "Names of events that start it, separated by commas; from the next version on."
            ),
            "timeout_minutes": _("Empty: no limit."),
            "variables": _("A JSON object; the start input is laid over it."),
            "retry_policy": _(
                "max_retries, initial_delay, backoff_multiplier, max_delay, jitter; retry_on lists "
                'kinds of errors, by_kind gives single ones numbers of their own: {"http_503": '
                '{"max_retries": 8}}.'
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["revision"] = self.instance.revision if self.instance.pk else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk and cleaned.get("revision") is not None:
            self._check(cleaned["revision"])
        return cleaned

    def _check(self, revision: int) -> None:
        try:
            drafts.check(self.instance, revision)
        except DraftChanged as error:
            told = "; ".join(map(str, error.changes[-MOST_CHANGES:]))
            raise forms.ValidationError(
                CHANGED_MEANWHILE, code="changed", params={"changes": told}
            ) from error
