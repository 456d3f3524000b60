"""Triggers are set up, paused and resumed here; what they fire is firing.py's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from workflows import clock
from workflows.errors import InvalidDefinition, UnknownTrigger, UnknownWorkflow, WrongState
from workflows.graph.shape import Graph
from workflows.graph.validation import Problem
from workflows.models import Trigger, Workflow

from . import arguments, schedules, starts, transitions, trigger_settings


def register_trigger(
    workflow_key: str,
    settings: str | Mapping[str, Any],
    *,
    by: AbstractBaseUser | None = None,
) -> Trigger:
    """Add a trigger to a workflow; `settings` as in a definition's list `triggers`.

    Raises UnknownWorkflow, InvalidDefinition with every problem.
    """
    is_key = arguments.is_key(workflow_key)
    workflow = Workflow.objects.filter(key=workflow_key).first() if is_key else None
    if workflow is None:
        raise UnknownWorkflow(f"There is no workflow “{workflow_key!s:.100}”.")
    kind, config = trigger_settings.read(settings)
    with transaction.atomic():
        trigger = _create(workflow, kind, config, _pause_reason(settings), is_defined=False)
        _record("trigger.created", trigger, by, kind=kind, config=config)
    return trigger


def define(workflow: Workflow, items: Any, *, by: AbstractBaseUser | None) -> None:
    """Make the triggers that come with a definition those of its list, in the caller's transaction.

    A mere name is left to `name_events`. A pause by people stays. Raises InvalidDefinition with
    every problem.
    """
    wanted = _read(items)
    listed = workflow.starters.filter(is_defined=True, config__start__isnull=True)
    known = list(listed.order_by("pk"))
    for item, kind, config in wanted:
        present = next((one for one in known if _is_the_same(one, kind, config)), None)
        if present is not None:
            known.remove(present)
        if isinstance(item, str):
            continue
        if present is None:
            made = _create(workflow, kind, config, _pause_reason(item), is_defined=True)
            _record("trigger.created", made, by, kind=kind, config=config)
        elif present.config != config:
            _change(present, config, by)
    for left in known:
        _delete(left, by)


def event_names(items: Any) -> list[Any]:
    """The names of events in a definition's list; what cannot be read is left to `define`."""
    found = [
        item.get("event") if isinstance(item, Mapping) else item
        for item in (items if isinstance(items, list | tuple) else ())
    ]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def name_events(workflow: Workflow, names: Iterable[str], *, by: AbstractBaseUser | None) -> None:
    """An event trigger for each name that has none, and none for the names that are gone.

    What people have set on those that stay, filter, mapping and pause, stays too.
    """
    wanted = set(names)
    present = list(workflow.starters.filter(kind=Trigger.Kind.EVENT, config__start__isnull=True))
    for trigger in present:
        if trigger.is_defined and trigger.config.get("event") not in wanted:
            _delete(trigger, by)
    for name in sorted(wanted - {trigger.config.get("event") for trigger in present}):
        kind, config = trigger_settings.read(name)
        made = _create(workflow, kind, config, None, is_defined=True)
        _record("trigger.created", made, by, kind=kind, config=config)


def define_starts(workflow: Workflow, graph: Graph, *, by: AbstractBaseUser | None) -> None:
    """A trigger for each event that begins the version, and none for those of earlier versions.

    What people have set on one that stays, filter, mapping and pause, stays too.
    """
    known = list(workflow.starters.filter(config__start__isnull=False).order_by("pk"))
    for kind, config in starts.wanted(graph):
        present = next((one for one in known if _is_the_start(one, kind, config)), None)
        if present is not None:
            known.remove(present)
            continue
        made = _create(workflow, kind, config, None, is_defined=True)
        _record("trigger.created", made, by, kind=kind, config=config)
    for left in known:
        _delete(left, by)


def pause(trigger_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Trigger:
    """Start nothing by it until it is resumed; what comes meanwhile is kept as not started.

    Raises UnknownTrigger, WrongState.
    """
    arguments.reason(reason)
    with transaction.atomic():
        trigger = _locked(trigger_id)
        if trigger.is_paused:
            raise WrongState(f"The trigger “{trigger}” is paused already.")
        _set_paused(trigger, by, reason)
        _record("trigger.paused", trigger, by, reason=reason)
    return trigger


def resume(trigger_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Trigger:
    """Start again by it; a schedule goes on with its next moment. Raises as `pause`."""
    arguments.reason(reason)
    with transaction.atomic():
        trigger = _locked(trigger_id)
        if not trigger.is_paused:
            raise WrongState(f"The trigger “{trigger}” is not paused.")
        trigger.is_paused, trigger.paused_at, trigger.paused_by = False, None, None
        trigger.pause_reason = ""
        schedules.plan(trigger)
        trigger.save()
        _record("trigger.resumed", trigger, by, reason=reason)
    return trigger


def _read(items: Any) -> list[tuple[str | Mapping[str, Any], str, dict[str, Any]]]:
    """Each item with its kind and config; raises InvalidDefinition with the problems of all."""
    if not isinstance(items, list | tuple):
        message = f"{items!r:.100} is no list of triggers."
        raise InvalidDefinition([Problem("", "triggers", message)])
    settings, found = [], []
    for place, item in enumerate(items, start=1):
        try:
            settings.append((item, *trigger_settings.read(item)))
        except InvalidDefinition as error:
            found += [
                Problem("", "triggers", f"Trigger {place}, {problem.field}: {problem.message}")
                for problem in error.problems
            ]
    if found:
        raise InvalidDefinition(found)
    return settings


def _is_the_same(trigger: Trigger, kind: str, config: Mapping[str, Any]) -> bool:
    """Whether it is the one that a definition means: of its kind, about the same thing."""
    return trigger.kind == kind and trigger.subject == Trigger(kind=kind, config=config).subject


def _is_the_start(trigger: Trigger, kind: str, config: Mapping[str, Any]) -> bool:
    names = [name for name in ("start", "by", "zone") if name in config]
    if any(trigger.config.get(name) != config[name] for name in names):
        return False
    is_conditional = config.get("by") == "conditional"
    if is_conditional and trigger.config.get("filter") != config["filter"]:
        return False
    return _is_the_same(trigger, kind, config)


def _create(
    workflow: Workflow, kind: str, config: dict[str, Any], paused: str | None, *, is_defined: bool
) -> Trigger:
    trigger = Trigger(workflow=workflow, kind=kind, config=config, is_defined=is_defined)
    if paused is not None:
        trigger.is_paused, trigger.paused_at = True, clock.now()
        trigger.pause_reason = paused
    schedules.plan(trigger)
    trigger.save()
    return trigger


def _change(trigger: Trigger, config: dict[str, Any], by: AbstractBaseUser | None) -> None:
    trigger.config = config
    schedules.plan(trigger)
    trigger.save(update_fields=["config", "next_due_at"])
    _record("trigger.changed", trigger, by, config=config)


def _delete(trigger: Trigger, by: AbstractBaseUser | None) -> None:
    _record("trigger.deleted", trigger, by, kind=trigger.kind, config=trigger.config)
    trigger.delete()


def _pause_reason(settings: str | Mapping[str, Any]) -> str | None:
    """Why a definition's trigger begins paused ("paused": a reason, or true); else None."""
    given = None if isinstance(settings, str) else settings.get("paused")
    return (arguments.reason(given) if isinstance(given, str) else "") if given else None


def _set_paused(trigger: Trigger, by: Any, reason: str) -> None:
    trigger.is_paused, trigger.paused_at = True, clock.now()
    trigger.paused_by, trigger.pause_reason = by, reason
    schedules.plan(trigger)
    trigger.save()


def _locked(trigger_id: int) -> Trigger:
    rows = Trigger.objects.select_for_update(of=("self",), no_key=True)
    trigger = rows.select_related("workflow").filter(pk=arguments.number(trigger_id)).first()
    if trigger is None:
        raise UnknownTrigger()
    return trigger


def _record(what: str, trigger: Trigger, by: AbstractBaseUser | None, **data: Any) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind=what,
                entity_type="trigger",
                entity_id=str(trigger.pk),
                actor=transitions.actor(by),
                data={"key": trigger.workflow.key, **data},
            )
        ]
    )
    transitions.doorbell([], "triggers")
