"""Forms that human tasks share: what is saved is a new version, earlier ones stay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workflows import access, engine
from workflows.engine import approval_forms, shared_forms
from workflows.errors import UnknownForm
from workflows.models import Form

from .fields import ObjectField


class SharedFormForm(forms.ModelForm):
    """A form's key and title, and the fields of its newest version."""

    schema = ObjectField(
        label=_("Fields (JSON Schema)"),
        help_text=_("A JSON Schema of type object: each of its properties is a field."),
    )

    class Meta:
        model = Form
        fields = ("key", "title")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            try:
                self.initial["schema"] = shared_forms.latest(self.instance.key).schema
            except UnknownForm:
                self.initial["schema"] = {}

    def clean_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = self.cleaned_data["schema"]
        if wrong := approval_forms.problem(schema):
            raise ValidationError(wrong)
        if not schema:
            raise ValidationError(_("Name at least one field."))
        return schema


@admin.register(Form)
class FormAdmin(admin.ModelAdmin):
    """Who may edit workflows may edit the forms that their steps share."""

    form = SharedFormForm
    list_display = ("title", "key", "version", "created_at")
    search_fields = ("key", "title")
    fields = ("key", "title", "schema")

    @admin.display(description=_("version"))
    def version(self, form: Form) -> int:
        return shared_forms.latest(form.key).number

    def get_readonly_fields(self, request: HttpRequest, obj: Form | None = None) -> Any:
        """Workflows name a form by its key: it stays."""
        return ("key",) if obj else ()

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Form:
        """The engine keeps it, in one transaction with its audit row."""
        one, cleaned = form.save(commit=False), form.cleaned_data
        by = access.person(request)
        version = engine.register_form(one.key, cleaned["schema"], title=cleaned["title"], by=by)
        return version.form

    def save_model(self, request: HttpRequest, obj: Form, form: Any, change: bool) -> None:
        """It is kept already."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit says who has made which version."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit says who has made which version."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(access.EDIT)

    def has_view_permission(self, request: HttpRequest, obj: Form | None = None) -> bool:
        return request.user.has_perm(access.EDIT)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(access.EDIT)

    def has_change_permission(self, request: HttpRequest, obj: Form | None = None) -> bool:
        return request.user.has_perm(access.EDIT)

    def has_delete_permission(self, request: HttpRequest, obj: Form | None = None) -> bool:
        return False  # published versions name it
