"""The sections of the desk, as far as the user may enter them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from workflows import access

register = template.Library()
MOST = 99


@dataclass(frozen=True, slots=True)
class Section:
    """A page in the side bar: `key` follows g on the keyboard; `path` is what it covers."""

    route: str
    label: str | Promise
    icon: str
    key: str
    permissions: tuple[str, ...]
    covers: tuple[str, ...]


SECTIONS = (
    Section("home", _("Home"), "house", "h", access.ANY_ROLE, ()),
    Section("executions", _("Executions"), "activity", "e", (access.SEE,), ("/executions/",)),
    Section(
        "inbox", _("Inbox"), "inbox", "i", (access.DECIDE, access.SEE), ("/inbox/", "/approvals/")
    ),
    Section("workflows", _("Workflows"), "workflow", "w", (access.SEE,), ("/workflows/",)),
    Section("decisions", _("Decision tables"), "table-2", "d", (access.SEE,), ("/decisions/",)),
    Section("triggers", _("Triggers"), "zap", "t", (access.SEE,), ("/triggers/",)),
    Section("incidents", _("Incidents"), "triangle-alert", "n", (access.SEE,), ("/incidents/",)),
    Section("batches", _("Batches"), "layers", "b", (access.SEE,), ("/batches/",)),
    Section("agents", _("Agents"), "bot", "a", (access.SEE,), ("/agents/",)),
    Section("audit", _("Audit"), "scroll-text", "l", (access.AUDIT,), ("/audit/",)),
)


@register.simple_tag(takes_context=True)
def sections(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sections the user may enter, each with its address and whether it is the current one."""
    request = context["request"]
    shown = [
        _shown(section, reverse(section.route), request.path)
        for section in SECTIONS
        if access.may_any(request.user, section.permissions)
    ]
    return shown + _extras(request)


@register.simple_tag(takes_context=True)
def inbox_count(context: Mapping[str, Any]) -> int:
    """How many approvals wait for the user, counted up to a hundred."""
    user = context["request"].user
    if not user.has_perm(access.DECIDE):
        return 0
    return access.waiting_for(user).order_by()[: MOST + 1].count()


def _shown(section: Section, url: str, path: str) -> dict[str, Any]:
    is_current = path == url or path.startswith(section.covers or ("\0",))
    return {
        "url": url,
        "label": section.label,
        "icon": section.icon,
        "key": section.key,
        "route": section.route,
        "is_current": is_current,
    }


def _extras(request: Any) -> list[dict[str, Any]]:
    found = []
    if settings.DEMO and access.may_any(request.user, (access.SEE,)):
        found.append(Section("outbox", _("Outbox"), "mail", "o", (), ("/outbox/",)))
        found.append(Section("partners", _("Partners"), "boxes", "p", (), ("/partners/",)))
    if request.user.is_staff:
        found.append(Section("admin:index", _("Administration"), "settings", "s", (), ("/admin/",)))
    return [
        _shown(section, url, request.path) for section in found if (url := _address(section.route))
    ]


def _address(route: str) -> str:
    try:
        return reverse(route)
    except NoReverseMatch:
        return ""
