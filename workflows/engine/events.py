"""Handlers in this process for what happened here; called after the commit, never inside it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from . import transitions

log = logging.getLogger(__name__)
Handler = Callable[[dict[str, Any]], Any]
_handlers: dict[str, list[Handler]] = defaultdict(list)


def on_event(event_type: str, handler: Handler) -> None:
    """Call `handler(data)` after each event of a type that this process brings about.

    Types: workflow_started {execution_id, workflow_id}; task_state_changed and
    execution_state_changed {execution_id, task_id, old_state, new_state}. An error in a handler is
    logged and disturbs nothing. The audit log, not a handler, is the complete record.
    """
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def off_event(event_type: str, handler: Handler) -> None:
    """Stop calling a handler; unknown ones are ignored."""
    if handler in _handlers[event_type]:
        _handlers[event_type].remove(handler)


def publish(event_type: str, data: dict[str, Any]) -> None:
    """Call the handlers of an event once the present transaction has committed."""
    if _handlers[event_type]:
        transaction.on_commit(partial(_call, event_type, data))


def moved(entries: Iterable[transitions.Entry]) -> None:
    """Publish the transitions among audit rows that were just recorded."""
    for entry in entries:
        if entry.old_state and entry.new_state:
            _changed(
                entry.entity_type,
                entry.execution_id,
                entry.task_id,
                entry.old_state,
                entry.new_state,
            )


def announce(results: Sequence[tuple[Any, Any]], effects: Sequence[transitions.Effect]) -> None:
    """Publish what a report changed. Costs nothing while nobody listens."""
    if not (_handlers["task_state_changed"] or _handlers["execution_state_changed"]):
        return
    unapplied = {effect.task_id for effect in effects if effect.what != "work"}
    names = {
        "Completed": "completed",
        "Broken": "failed",
        "WaitsForPeople": "paused",
        "Released": "failed",
    }
    for work, result in results:
        if work.task_id not in unapplied:
            _changed(
                "task", work.execution_id, work.task_id, "running", names[type(result).__name__]
            )
    for effect in effects:
        if effect.what == "ended":
            _changed("execution", effect.execution_id, None, "running", effect.state)


def claimed(works: Sequence[Any]) -> None:
    """Publish that lent tasks run now."""
    if _handlers["task_state_changed"]:
        for work in works:
            _changed("task", work.execution_id, work.task_id, "pending", "running")


def _changed(
    subject: str, execution_id: int | None, task_id: int | None, old: str, new: str
) -> None:
    publish(
        f"{subject}_state_changed",
        {"execution_id": execution_id, "task_id": task_id, "old_state": old, "new_state": new},
    )


def _call(event_type: str, data: dict[str, Any]) -> None:
    for handler in list(_handlers[event_type]):
        try:
            handler(dict(data))
        except Exception:
            log.exception("A handler of %s failed.", event_type)
