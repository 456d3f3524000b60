from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from workflows import json_text
from workflows.models import Version


@admin.register(Version)
class VersionAdmin(admin.ModelAdmin):
    """What was published, to read: a version never changes."""

    list_display = ("__str__", "workflow", "number", "published_at", "published_by", "comment")
    list_filter = ("workflow",)
    list_select_related = ("workflow", "published_by")
    ordering = ("-id",)
    show_full_result_count = False
    fields = ("workflow", "number", "comment", "published_at", "published_by", "sha256", "graph_")

    @admin.display(description=_("graph"))
    def graph_(self, version: Version) -> SafeString:
        return format_html('<pre class="code">{}</pre>', json_text.pretty(version.graph))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Version]:
        return super().get_queryset(request).filter(arranges=None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Version | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Version | None = None) -> bool:
        return False
