"""Carries between executions: messages, signals, calls of workflows and their answers.

Each is a row that was written with the step it came from. Whoever deletes the row carries it out in
the same transaction, so it happens once, after a crash too: the sweep finds what is left. What is
for an execution that has failed waits until somebody retries it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import DatabaseError, transaction

from workflows.errors import InvalidInput, UnknownExecution, WorkflowError
from workflows.models import Delivery, Execution, State, Subscription, Task

from . import arguments, buffering, deliveries, executions, intake, starting, tokens, transitions

log = logging.getLogger(__name__)
TTL = 3_600.0  # seconds that an early message is kept, unless it says otherwise
BATCH = 500
LONGEST_KEY = 255  # characters that a message is correlated by
MAX_CALLS = 50  # workflows that call each other, one within the other
_carrying = threading.local()


def publish_message(
    name: str,
    payload: Mapping[str, Any] | None = None,
    *,
    key: str = "",
    ttl: float = TTL,
    by: AbstractBaseUser | None = None,
) -> bool:
    """Send a message to the one execution that waits for it under `key`; True if one takes it.

    Else the workflow that begins with it is started (True), else it is kept for `ttl` seconds
    (BPMN 2.0, 13.5.1). Raises InvalidInput.
    """
    given = _checked(name, payload)
    is_number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if not (is_number and 0 <= ttl <= 365 * 86_400):
        raise InvalidInput([f"ttl is {ttl!r:.100}; seconds from 0 to a year were expected"])
    correlation = _correlation(key)
    with transaction.atomic():
        is_awaited = _correlate(name, correlation, given, ttl, by=by)
        _record("message.published", name, by, key=correlation, is_awaited=is_awaited)
    return is_awaited


def publish_signal(
    name: str, payload: Mapping[str, Any] | None = None, *, by: AbstractBaseUser | None = None
) -> int:
    """Send a signal to everyone who waits for it now; how many do, those that it starts included.

    Raises InvalidInput.
    """
    given = _checked(name, payload)
    with transaction.atomic():
        count = _broadcast(name, given, by=by)
        _record("signal.published", name, by, waiting=count)
    return count


def deliver_due() -> int:
    """Carry out what is due, and what comes of it; how many. What fails stays for the next time."""
    if getattr(_carrying, "is_on", False):
        return 0
    _carrying.is_on = True
    try:
        return _deliver()
    finally:
        _carrying.is_on = False


def _deliver() -> int:
    done, last = 0, 0
    waiting = Delivery.objects.filter(held_for=None)
    while rows := list(waiting.filter(pk__gt=last).order_by("pk")[:BATCH]):
        for row in rows:
            last = row.pk
            try:
                done += _carry(row)
            except (WorkflowError, DatabaseError):
                log.exception(
                    "Delivery %s (%s) could not be made; it is tried again.", row, row.kind
                )
    return done


def _carry(row: Delivery) -> bool:
    with transaction.atomic():
        execution = _locked(row)
        if execution is not None and execution.state == State.FAILED:
            return bool(Delivery.objects.filter(pk=row.pk).update(held_for=execution.pk))
        if not Delivery.objects.filter(pk=row.pk).delete()[0]:
            return False
        _carry_out(row, execution)
    return True


def _locked(row: Delivery) -> Execution | None:
    """The execution that a delivery changes, locked before the row is taken."""
    owner = row.data.get("execution") or int(row.data.get("task", 0)) >> 20
    if row.kind in (Delivery.Kind.MESSAGE, Delivery.Kind.SIGNAL, Delivery.Kind.CANCEL):
        return None
    try:
        return transitions.lock(owner)
    except UnknownExecution:
        return None


def _carry_out(row: Delivery, execution: Execution | None) -> None:
    data = row.data
    match row.kind:
        case Delivery.Kind.MESSAGE:
            sender = _sender(row)
            _correlate(data["name"], data["key"], data["payload"], data.get("ttl", TTL), **sender)
        case Delivery.Kind.SIGNAL:
            _broadcast(data["name"], data["payload"], **_sender(row))
        case Delivery.Kind.CANCEL:
            _cancel_called(data["task"])
        case Delivery.Kind.EVENT if execution is not None:
            _happen(execution, data)
        case Delivery.Kind.CALL if execution is not None:
            _call(execution, data)
        case Delivery.Kind.ANSWER if execution is not None:
            _answer(row, data)


def _sender(row: Delivery) -> dict[str, Any]:
    """Whoever asked for the execution that sends something asks for what that starts, too."""
    if row.data.get("by") is not None:
        return {"by": User.objects.filter(pk=row.data["by"]).first(), "origin": row.execution_id}
    origin = Execution.objects.filter(pk=row.execution_id or 0).select_related("requested_by")
    execution = origin.first()
    return {"by": execution and execution.requested_by, "origin": row.execution_id}


def _correlate(
    name: str, key: str, payload: dict[str, Any], ttl: float, *, by: Any, origin: int | None = None
) -> bool:
    buffering.lock(name, key)
    waiting = Subscription.objects.filter(kind=Subscription.Kind.MESSAGE, name=name, key=key)
    first = waiting.order_by("pk").first()
    if first is not None:
        _post_event(first, payload, ttl, by, origin)
        return True
    begun = intake.receive_sent("message", name, payload, by=by, origin=origin)
    if any(not trigger.is_paused for trigger in begun):
        return True
    if ttl > 0:
        buffering.keep(name, key, payload, ttl)
    return False


def _broadcast(name: str, payload: dict[str, Any], *, by: Any, origin: int | None = None) -> int:
    waiting = Subscription.objects.filter(kind=Subscription.Kind.SIGNAL, name=name)
    found = list(waiting.order_by("pk"))
    for one in found:
        _post_event(one, payload, 0, by, origin)
    begun = intake.receive_sent("signal", name, payload, by=by, origin=origin)
    return len(found) + sum(not trigger.is_paused for trigger in begun)


def _post_event(
    waiter: Subscription, payload: dict[str, Any], ttl: float, by: Any, origin: int | None
) -> None:
    data = {
        "execution": waiter.execution_id,
        "handler": waiter.handler,
        "kind": waiter.kind,
        "name": waiter.name,
        "key": waiter.key,
        "payload": payload,
        "ttl": ttl,
        "by": by and by.pk,
        "origin": origin,
    }
    deliveries.post([(Delivery.Kind.EVENT, None, data)])


def _happen(execution: Execution, data: dict[str, Any]) -> None:
    """One who does not wait any more leaves the message to the next."""
    if tokens.fire(execution, data["handler"], data["payload"]):
        transitions.doorbell([execution.pk], work=True)
    elif data["kind"] == Subscription.Kind.MESSAGE:
        again = {name: data.get(name) for name in ("name", "key", "payload", "ttl", "by")}
        Subscription.objects.filter(execution=execution, handler=data["handler"]).delete()
        deliveries.post([(Delivery.Kind.MESSAGE, data.get("origin"), again)])


def _call(caller: Execution, data: dict[str, Any]) -> None:
    task = Task.objects.filter(pk=data["task"], state=State.PAUSED).first()
    if task is None:
        return
    try:
        if _depth(caller) >= MAX_CALLS:
            raise WorkflowError(f"More than {MAX_CALLS} workflows call each other.")
        starting.start_called(caller, task.pk, data["key"], data["input"], data.get("version"))
    except WorkflowError as error:
        tokens.answer_failed(task, f"“{data['key']}” was not started: {error}", "call")


def _depth(execution: Execution) -> int:
    depth, task = 0, execution.parent_task
    while task is not None and depth < MAX_CALLS:
        depth += 1
        parents = Execution.objects.filter(pk=task >> 20)
        task = parents.values_list("parent_task", flat=True).first()
    return depth


def _answer(row: Delivery, data: dict[str, Any]) -> None:
    task = Task.objects.filter(pk=data["task"], state=State.PAUSED).first()
    called = Execution.objects.filter(pk=row.execution_id or 0).first()
    if task is None or called is None:
        return
    if "escalation" in data:
        if not tokens.answer_escalated(task, data["escalation"]):
            _pass_on(row, task)
    elif called.state == State.COMPLETED:
        tokens.answer(task, called.variables)
    elif called.state == State.CANCELLED:
        tokens.answer_failed(task, data["error"], "cancelled")
    elif called.state == State.FAILED:
        if tokens.answer_caught(task, data["error"], data["code"]):
            deliveries.post([(Delivery.Kind.CANCEL, None, {"task": task.pk})])
        else:
            _pass_on(row, task)
    transitions.doorbell([task.execution_id, called.pk], work=True)


def _pass_on(row: Delivery, task: Task) -> None:
    """What nothing around a call catches goes to the call of the process that it is in."""
    caller = Execution.objects.filter(pk=task.execution_id).values_list("parent_task", flat=True)
    if above := caller.first():
        data = {**row.data, "task": above}
        deliveries.post([(Delivery.Kind.ANSWER, row.execution_id, data)])


def _cancel_called(task_id: int) -> None:
    for pk in Execution.objects.filter(parent_task=task_id).values_list("pk", flat=True):
        execution = transitions.lock(pk)
        if not execution.is_final:
            executions.cancel(pk, by=None, reason="nobody waits for it")


def _checked(name: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    if not name or not arguments.is_text(name, 200):
        raise InvalidInput([f"name is {name!r:.100}; text of 1 to 200 characters was expected"])
    return arguments.json_object("payload", {} if payload is None else payload)


def _correlation(key: Any) -> str:
    """What a message is correlated by: text, or a whole number. Raises InvalidInput."""
    is_whole = isinstance(key, int) and not isinstance(key, bool)
    given = str(key) if is_whole else "" if key is None else key
    if problem := arguments.text_problem(given, LONGEST_KEY):
        raise InvalidInput([f"key: {problem}"])
    return str(given)


def _record(kind: str, name: str, by: AbstractBaseUser | None, **data: Any) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind=kind,
                entity_type="event",
                entity_id=name[:100],
                actor=transitions.actor(by),
                data=data,
            )
        ]
    )


deliveries.carried_by(deliver_due)
