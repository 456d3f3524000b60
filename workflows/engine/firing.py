"""Works off the outbox of triggers: each occasion is filtered, mapped to an input, and started.

The row, the execution and the audit are one transaction, so an occasion starts once or is still
waiting; a session that dies in between leaves it to the next.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from workflows import clock
from workflows.errors import InvalidDefinition, InvalidExpression, InvalidInput, WorkflowError
from workflows.graph import expressions
from workflows.models import Execution, Firing, Trigger

from . import schedules, starting, transitions

log = logging.getLogger(__name__)
BATCH = 100
LONGEST_CHAIN = 10  # workflows that start one another by their ends or by what they send
LONGEST_CALLS = 50  # workflows that call each other, one within the other
Outcome = Firing.Outcome


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an occasion: an execution, or the sentences that say why there is none."""

    outcome: str
    problems: tuple[str, ...] = ()
    execution: Execution | None = None


class TooLong(WorkflowError):
    """Workflows start one another without end."""


def fire_waiting(limit: int = BATCH) -> int:
    """Fire what waits and nobody else is firing; how many."""
    waiting = Firing.objects.filter(outcome=Outcome.WAITING).order_by("pk")
    return sum(
        fire(pk, skip_locked=True) for pk in list(waiting.values_list("pk", flat=True)[:limit])
    )


def fire(firing_id: int, *, skip_locked: bool = False) -> bool:
    """Fire one occasion; False when that has been done, or is being done and may be skipped."""
    with transaction.atomic():
        rows = Firing.objects.select_for_update(of=("self",), skip_locked=skip_locked)
        found = rows.select_related("trigger", "workflow", "event", "ended", "ended__workflow")
        firing = found.filter(pk=firing_id, outcome=Outcome.WAITING).first()
        if firing is None:
            return False
        _write(firing, _came_of(firing))
    return True


def _came_of(firing: Firing) -> Came:
    """One trigger that fails does not stop the others: whatever it is, it becomes the outcome."""
    try:
        with transaction.atomic():
            return _started(firing)
    except InvalidInput as error:
        return Came(Outcome.INVALID, tuple(map(str, error.problems)))
    except (InvalidExpression, InvalidDefinition) as error:
        return Came(Outcome.FAILED, (str(error),))
    except WorkflowError as error:
        return Came(Outcome.REFUSED, (str(error),))
    except (OperationalError, InterfaceError):
        raise  # the database's trouble is not the trigger's: it is tried again
    except Exception as error:
        log.exception("Trigger %s could not be fired.", firing.trigger_id)
        return Came(Outcome.FAILED, (f"{type(error).__name__}: {error}",))


def _started(firing: Firing) -> Came:
    trigger = firing.trigger
    if trigger is None:
        return Came(Outcome.REFUSED, ("The trigger has been deleted meanwhile.",))
    if trigger.is_paused:
        return Came(Outcome.PAUSED, (f"The trigger is paused. {trigger.pause_reason}".strip(),))
    if firing.due_at is not None and (why := schedules.missed(firing, trigger.config)):
        return Came(Outcome.SKIPPED, (why,))
    payload = _payload(firing)
    scope = {**payload, "payload": payload}
    condition = trigger.config.get("filter", "")
    if condition and not expressions.holds(condition, scope, None):
        return Came(Outcome.FILTERED, (f"“{condition}” is false.",))
    firing.depth = _depth(firing)
    return Came(Outcome.STARTED, execution=_start(firing, trigger, payload, scope))


def _start(
    firing: Firing, trigger: Trigger, payload: dict[str, Any], scope: dict[str, Any]
) -> Execution:
    return starting.start_workflow(
        firing.workflow.key,
        _input(trigger, payload, scope),
        by=_requester(firing),
        idempotency_key=f"trigger:{trigger.pk}:{firing.key}",
        cause=_cause(firing, trigger),
        start=trigger.config.get("start"),
    )


def _payload(firing: Firing) -> dict[str, Any]:
    """What filter and mapping see, beside `payload`, which is all of it."""
    if firing.event is not None:
        return dict(firing.event.payload)
    if firing.due_at is not None:
        return {"due_at": firing.due_at.isoformat()}
    ended: Any = firing.ended
    return {
        "execution_id": ended.pk,
        "state": firing.ended_state,
        "workflow": ended.workflow.key,
        "variables": ended.variables,
    }


def _input(trigger: Trigger, payload: dict[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """As the mapping says; without one all that came, and nothing for a schedule."""
    mapping = trigger.config.get("mapping") or {}
    if mapping:
        return {name: expressions.assignable(cel, scope, None) for name, cel in mapping.items()}
    return {} if trigger.kind == Trigger.Kind.SCHEDULE else payload


def depth_behind(execution_id: int) -> int:
    """How long the chain of workflows that start one another is behind this execution, plus one.

    What an execution has been called by is part of the same link.
    """
    for _ in range(LONGEST_CALLS):
        parents = Execution.objects.filter(pk=execution_id).values_list("parent_task", flat=True)
        caller = parents.first()
        if caller is None:
            break
        execution_id = caller >> 20
    before = Firing.objects.filter(execution=execution_id).values_list("depth", flat=True)
    return 1 + max(before, default=0)


def _depth(firing: Firing) -> int:
    """How many workflows led here, by their ends or by what they have sent. Raises TooLong."""
    depth = firing.depth if firing.ended_id is None else depth_behind(firing.ended_id)
    if depth > LONGEST_CHAIN:
        raise TooLong(
            f"{LONGEST_CHAIN} workflows have started one another, this would be one more: the "
            "chain is stopped, so that it cannot go round for ever."
        )
    return depth


def _requester(firing: Firing) -> Any:
    """Whoever told of the event, or asked for the execution that ended, asks for this one too.

    Without it, “not by the person who started it” could be got round by a chain.
    """
    if firing.event is not None:
        return firing.event.by
    return firing.ended.requested_by if firing.ended is not None else None


def _cause(firing: Firing, trigger: Trigger) -> dict[str, Any]:
    """What the audit of the new execution says about where it comes from."""
    known = {"trigger": trigger.pk, "kind": trigger.kind}
    if firing.event is not None:
        return known | {"event": firing.event.pk, "name": firing.event.name}
    if firing.due_at is not None:
        return known | {"due_at": firing.due_at.isoformat()}
    return known | {
        "execution": firing.ended_id,
        "state": firing.ended_state,
        "depth": firing.depth,
    }


def _write(firing: Firing, came: Came) -> None:
    firing.outcome = came.outcome
    firing.execution = came.execution
    firing.problems = [*firing.problems, *came.problems]
    firing.fired_at = clock.now()
    firing.save(update_fields=["outcome", "execution", "problems", "fired_at", "depth"])
    if came.execution is None:
        _record(firing)
    transitions.doorbell([], "triggers")


def _record(firing: Firing) -> None:
    """Why nothing was started; a start is told by the first row of the execution's own audit."""
    transitions.record(
        [
            transitions.Entry(
                kind=f"firing.{firing.outcome}",
                entity_type="trigger",
                entity_id=str(firing.trigger_id or 0),
                actor=transitions.SYSTEM,
                data={
                    "key": firing.workflow.key,
                    "occasion": firing.key,
                    "event": firing.event_id,
                    "problems": firing.problems,
                },
            )
        ]
    )
