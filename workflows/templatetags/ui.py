"""Icons, states, times and numbers as the pages write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zipfile import ZipFile

from django import template
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from workflows import clock
from workflows.graph.retry import IN_DOUBT
from workflows.models import Priority, State

register = template.Library()

ICONS = (
    "activity",
    "arrow-down",
    "arrow-right",
    "arrow-up",
    "ban",
    "bot",
    "boxes",
    "braces",
    "calendar-clock",
    "check",
    "chevron-down",
    "chevron-right",
    "chevrons-right",
    "circle-check",
    "circle-dashed",
    "circle-pause",
    "circle-play",
    "circle-question-mark",
    "circle-slash",
    "circle-x",
    "crosshair",
    "clock",
    "clock-alert",
    "download",
    "footprints",
    "git-branch",
    "git-compare",
    "git-fork",
    "hash",
    "heart-pulse",
    "history",
    "house",
    "inbox",
    "info",
    "keyboard",
    "languages",
    "layers",
    "loader-circle",
    "log-out",
    "mail",
    "maximize",
    "menu",
    "monitor",
    "moon",
    "package-check",
    "pause",
    "pencil",
    "play",
    "plug",
    "plug-zap",
    "plus",
    "radio",
    "redo-2",
    "rotate-cw",
    "route",
    "scroll-text",
    "search",
    "settings",
    "shield-alert",
    "shield-check",
    "step-back",
    "step-forward",
    "sun",
    "table-2",
    "timer",
    "trash-2",
    "triangle-alert",
    "upload",
    "undo-2",
    "unplug",
    "user",
    "user-check",
    "users",
    "workflow",
    "x",
    "zap",
    "zoom-in",
    "zoom-out",
)
STATE_ICONS = {
    "pending": "circle-dashed",
    "running": "loader-circle",
    "paused": "circle-pause",
    "completed": "circle-check",
    "failed": "circle-x",
    "cancelled": "circle-slash",
    "open": "circle-pause",
    "approved": "circle-check",
    "rejected": "circle-x",
    "active": "circle-check",
    "offline": "circle-slash",
    "lost": "circle-x",
    "refused": "circle-slash",
    "approve": "circle-check",
    "reject": "circle-x",
    "waiting": "circle-dashed",
    "started": "circle-check",
    "filtered": "circle-slash",
    "skipped": "circle-slash",
    "invalid": "circle-x",
    IN_DOUBT: "circle-question-mark",
}
LABELS = {str(value): label for value, label in State.choices} | {IN_DOUBT: _lazy("In doubt")}


@register.simple_tag
@cache
def sprite() -> SafeString:
    """Every icon once, to be referred to by `icon`."""
    # The library's own tag opens its archive anew for each icon: most of a second in all.
    with resources.files("lucide").joinpath("lucide.zip").open("rb") as file, ZipFile(file) as all_:
        symbols = "".join(_symbol(name, all_.read(f"{name}.svg").decode()) for name in ICONS)
    return mark_safe(f'<svg class="sprite" aria-hidden="true">{symbols}</svg>')  # noqa: S308


@register.simple_tag
@cache
def icon(name: str, extra: str = "") -> SafeString:
    """One icon, decorative: the text beside it says what it means."""
    if name not in ICONS:
        raise template.TemplateSyntaxError(f"No icon “{name}” in the sprite.")
    return format_html(
        '<svg class="i{}" aria-hidden="true"><use href="#i-{}"/></svg>',
        f" {extra}" if extra else "",
        name,
    )


@register.filter
def state_icon(state: str) -> str:
    return STATE_ICONS.get(state, "circle-dashed")


@register.filter
def state_label(state: str) -> str:
    return str(LABELS.get(state, state))


@register.simple_tag
def badge(state: str, label: str = "") -> SafeString:
    """A state in its colour, with its icon and its name."""
    return format_html(
        '<span class="badge" data-state="{}">{}{}</span>',
        state,
        icon(state_icon(state)),
        label or state_label(state),
    )


@register.filter
def priority_label(value: int) -> str:
    return str(Priority(value).label)


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """A time, relative where scripts run; the exact one on hover."""
    if at is None:
        return mark_safe('<span class="muted">—</span>')
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-rel>{}</time>',
        at.isoformat(timespec="milliseconds"),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        f"{at:%H:%M:%S}" if at.date() == clock.now().date() else f"{at:%Y-%m-%d}",
    )


@register.simple_tag
def clock_time(at: datetime) -> SafeString:
    """A time to the millisecond, in the reader's zone where scripts run."""
    at = at.astimezone(UTC)
    text = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
    return format_html(
        '<time datetime="{}" data-clock>{} UTC</time>', at.isoformat(timespec="milliseconds"), text
    )


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Seconds or a timedelta as 340 ms, 4.2 s, 3m 05s, 2h 07m, 3d 04h."""
    if value is None:
        return "—"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms" if seconds else "0"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours < 24 else f"{hours // 24}d {hours % 24:02}h"


@register.simple_tag
def lasted(start: datetime | None, end: datetime | None) -> SafeString:
    """How long from start to end; counting while there is no end."""
    if start is None:
        return mark_safe("—")
    if end is not None:
        return format_html("{}", duration(end - start))
    return format_html(
        '<span data-since="{}">{}</span>',
        start.isoformat(timespec="milliseconds"),
        duration(clock.now() - start),
    )


@register.simple_tag(takes_context=True)
def query(context: Mapping[str, Any], **changes: Any) -> str:
    """The page's query string with changes; an empty value takes a part away."""
    asked: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        asked.pop(name, None)
        if value not in (None, ""):
            asked[name] = str(value)
    return f"?{asked.urlencode()}" if asked else "?"


@register.filter
def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)


@register.filter
def compact(value: Any) -> str:
    """A value as JSON in one line; a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def actor_name(actor: str) -> str:
    """An actor without its kind: agent:agent_003 becomes agent_003."""
    if actor == "system":
        return _("system")
    return actor.partition(":")[2] or actor


@register.filter
def actor_icon(actor: str) -> str:
    return {"user": "user", "agent": "bot"}.get(actor.partition(":")[0], "settings")


@register.filter
def how_label(how: str) -> str:
    return {"added": _("added"), "changed": _("changed"), "removed": _("removed")}[how]


@register.filter
def shape(value: Any) -> str:
    """How json_table shows a value: "object", "rows" (objects in a list), "list" or "text"."""
    if isinstance(value, dict):
        return "object" if value else "empty"
    if isinstance(value, list):
        if not value:
            return "empty"
        return "rows" if all(isinstance(item, dict) for item in value) else "list"
    return "text"


@register.filter
def pairs(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names and values, plain ones first; `.items` would find a variable called “items” instead."""
    return sorted(mapping.items(), key=lambda item: (isinstance(item[1], dict | list), item[0]))


@register.filter
def asked(approval: Mapping[str, Any]) -> str:
    """Whom a human step asks."""
    return ", ".join([*approval.get("groups", ()), *approval.get("users", ())])


@register.filter
def columns(rows: list[dict[str, Any]]) -> list[str]:
    """Every key of the rows, in the order met."""
    return list(dict.fromkeys(key for row in rows for key in row))


@register.filter
def entry(mapping: Mapping[str, Any], key: str) -> Any:
    return mapping.get(key, "")


@register.filter
def scalar(value: Any) -> str:
    if value is None:
        return "—"
    return {True: _("yes"), False: _("no")}[value] if isinstance(value, bool) else str(value)


@register.filter
def worded(key: str) -> str:
    """A key as words: total_amount becomes Total amount."""
    words = str(key).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


@register.filter
def capped(count: int | str, most: int = 999) -> str:
    """A count that was stopped above `most`; one that is a text already is left as it is."""
    if isinstance(count, str):
        return count
    return f"{most}+" if count > most else str(count)


@register.filter
def left_of(total: int, left: int) -> int:
    """How many are done when `left` of `total` are left."""
    return total - left


@register.filter
def percent(part: float, whole: float) -> int:
    return round(100 * part / whole) if whole else 0


def _symbol(name: str, drawn: str) -> str:
    inner = drawn[drawn.index(">") + 1 : drawn.rindex("</svg>")].replace("\n", "").replace("  ", "")
    return (
        f'<symbol id="i-{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{inner}</symbol>'
    )
