from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from workflows import access
from workflows.engine import api_tokens
from workflows.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Who has API tokens, and their end. They are made by `manage.py create_token`."""

    actions = ("revoke",)
    list_display = (
        "__str__",
        "user",
        "name",
        "scopes_",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_display_links = None
    list_filter = ("user",)
    list_select_related = ("user",)
    search_fields = ("prefix", "name", "user__username")
    show_full_result_count = False
    fields = ("user", "name", "prefix", "scopes_", "created_at", "expires_at", "revoked_at")

    @admin.display(description=_("scopes"))
    def scopes_(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.action(description=_("Revoke the chosen API tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        by = access.person(request)
        count = sum(api_tokens.revoke(token, by=by) for token in chosen.select_related("user"))
        told = ngettext("%(count)d token is revoked.", "%(count)d tokens are revoked.", count)
        messages.success(request, told % {"count": count})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workflows.revoke_apitoken")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False
