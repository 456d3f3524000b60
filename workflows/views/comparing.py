"""Two versions of a workflow, or a version and the draft, side by side in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from workflows import access, engine
from workflows.engine import definitions, graphs
from workflows.errors import DecisionFailed, UnknownDecision, UnknownForm
from workflows.graph.differences import ADDED, FLOW, REMOVED, TASK, Difference, differences
from workflows.graph.shape import Graph
from workflows.models import Priority, TaskDefinition, Version, Workflow

from .modelling import found

DRAFT = "draft"
NAMES: dict[str, str | Promise] = {
    "when": gettext_lazy("condition"),
    "is_default": gettext_lazy("default way"),
    "order": gettext_lazy("order of the ways out"),
    "name": gettext_lazy("name"),
}
CHOICES: dict[str, dict[Any, Any]] = {
    "kind": dict(TaskDefinition.Kind.choices),
    "priority": dict(Priority.choices),
    "join": dict(TaskDefinition.Join.choices),
}


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared: a version, or the draft (None)."""

    name: str
    version: Version | None
    graph: Graph


@dataclass(slots=True)
class Line:
    """A change as the page says it; `how` as in differences, `field` with the entry in it."""

    how: str
    field: str = ""
    old: Any = None
    new: Any = None


@dataclass(slots=True)
class Entry:
    """A task or flow, and what has changed of it."""

    key: str
    name: str
    target: str = ""
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two graphs, as pages say it."""

    tasks: list[Entry]
    flows: list[Entry]
    settings: list[Line]

    def __bool__(self) -> bool:
        return bool(self.tasks or self.flows or self.settings)


@require_safe
@access.requires(access.SEE)
def versions_compared(request: HttpRequest, key: str, a: int, b: str) -> HttpResponse:
    """From version `a` to version `b` or to the draft."""
    one = found(key)
    old, new = _side(one, str(a)), _side(one, b)
    told = changes(old.graph, new.graph)
    context = {
        "workflow": one,
        "old": old,
        "sides": (old, new),
        "new": new,
        "tasks": told.tasks,
        "flows": told.flows,
        "settings": told.settings,
        "is_same": not told,
        "others": [number for number in _numbers(one) if number != a],
    }
    return render(request, "workflows/compare.html", context)


def changes(old: Graph, new: Graph) -> Changes:
    """What differs, in words."""
    all_found = differences(old, new)
    of = {subject: [d for d in all_found if d.subject == subject] for subject in (TASK, FLOW)}
    others = [_line(d) for d in all_found if d.subject not in of]
    return Changes(_entries(of[TASK]), _entries(of[FLOW]), others)


def _side(one: Workflow, asked: str) -> Side:
    if asked == DRAFT:
        return Side(_("Draft"), None, drafted(one))
    if not asked.isascii() or not asked.isdigit() or len(asked) > 9:
        raise Http404
    versions = one.versions.filter(arranges=None).select_related("published_by")
    version = versions.defer("graph", "template").filter(number=int(asked)).first()
    if version is None:
        raise Http404
    return Side(f"v{version.number}", version, graphs.of(version.pk))


def drafted(one: Workflow) -> Graph:
    """As it would be published; as it stands when a decision or form of it is not there."""
    try:
        return definitions.to_publish(one)
    except (UnknownDecision, DecisionFailed, UnknownForm):
        return engine.compiled(one)


def _numbers(one: Workflow) -> list[int]:
    return list(one.versions.filter(arranges=None).values_list("number", flat=True)[:50])


def _entries(told: Iterable[Difference]) -> list[Entry]:
    """Changes of the same task or flow under one head."""
    entries: dict[tuple[str, str], Entry] = {}
    for one in told:
        ends = (one.key, one.target)
        entry = entries.setdefault(
            ends, Entry(one.key, one.name or one.key, one.target_name or one.target)
        )
        entry.lines.append(_line(one))
    return list(entries.values())


def _line(one: Difference) -> Line:
    """An entry of an object that is there on one side only is added or removed, not changed."""
    name, dot, inside = one.field.partition(".")
    old, new = _shown(name, one.old), _shown(name, one.new)
    how = one.what
    if dot and (one.old is None or one.new is None):
        how = ADDED if one.old is None else REMOVED
    return Line(how, f"{_label(name)}{dot}{inside}", old, new)


def _label(name: str) -> str:
    if name in NAMES:
        return str(NAMES[name])
    for model in (TaskDefinition, Workflow):
        if any(one.name == name for one in model._meta.concrete_fields):
            return str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    return name


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str | int) and name in CHOICES:
        return str(CHOICES[name].get(value, value))
    return None if value in ("", [], {}) else value
