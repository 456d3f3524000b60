"""Form fields for JSON columns, edited as text that a person can write."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from workflows import json_text

from . import wording

FEWEST_ROWS, MOST_ROWS = 2, 24


class Code(forms.Textarea):
    """A monospaced text area that is as high as what it holds."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "code", "spellcheck": "false", "cols": "60", **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        lines = str(value or "").count("\n") + 1
        context["widget"]["attrs"]["rows"] = max(FEWEST_ROWS, min(lines, MOST_ROWS))
        return context


class Words(forms.TextInput):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "vTextField words", "autocapitalize": "none", **(attrs or {})})


class TextField(forms.JSONField):
    """Shows a JSON column as text and reads it back; a subclass says how."""

    widget: type[forms.Widget] = Code

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "show_hidden_initial": False})

    def read(self, text: str) -> Any:
        raise NotImplementedError

    def written(self, value: Any) -> str:
        raise NotImplementedError

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else self.written(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data

    def to_python(self, value: Any) -> Any:
        try:
            return self.read(value or "")
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            before, now = self.read(self.prepare_value(initial) or ""), self.read(data or "")
        except ValueError:
            return True
        # As text, because 1 == True in Python and not in JSON.
        return json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True)


class ObjectField(TextField):
    """A JSON object."""

    def read(self, text: str) -> Any:
        return json_text.parsed_object(text)

    def written(self, value: Any) -> str:
        return json_text.pretty({} if value is None else value)


class WordsField(TextField):
    """A list of words, separated by commas."""

    widget = Words

    def read(self, text: str) -> Any:
        return wording.words(text)

    def written(self, value: Any) -> str:
        return wording.written_words(value or [])


class DependenciesField(TextField):
    """What a task comes after, one per line."""

    def read(self, text: str) -> Any:
        return wording.dependencies(text)

    def written(self, value: Any) -> str:
        return wording.written_dependencies(value or [])


class AssignmentsField(TextField):
    """`variable = expression`, one per line."""

    def read(self, text: str) -> Any:
        return wording.assignments(text)

    def written(self, value: Any) -> str:
        return wording.written_assignments(value or {})
