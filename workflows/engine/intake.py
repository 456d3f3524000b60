"""Named events come in here: each is kept once, and every trigger that waits for it fires once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models.fields.json import KT

from workflows import clock
from workflows.errors import InvalidInput
from workflows.models import Event, Execution, Firing, Trigger

from . import arguments, firing, starts, transitions
from .trigger_settings import name_problem

MAX_KEY = 200  # characters


def publish_event(
    name: str,
    payload: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    by: AbstractBaseUser | None = None,
) -> list[Execution]:
    """Start every published workflow that an event trigger of this name lets start.

    The same `key` again starts nothing more and gives the same executions. Raises InvalidInput for
    a bad name, key or payload; what a single trigger says against it is in the event's firings.
    """
    return _started_by(receive_event(name, payload, key=key, by=by))


def receive_event(
    name: str,
    payload: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    by: AbstractBaseUser | None = None,
) -> Event:
    """As `publish_event`, but gives the event, whose `firings` say what came of it.

    The event and its firings are one transaction, each start one of its own; what a crash leaves
    in between, the workers' tick or the same event told again carries on.
    """
    given = _checked(name, {} if payload is None else payload, key)
    event = _taken_in(name, given, key or None, by)
    _fire(event)
    return event


def receive_sent(
    kind: str, name: str, payload: dict[str, Any], *, by: Any, origin: int | None = None
) -> list[Trigger]:
    """A message or signal has been sent, or conditions are to be looked at: who begins with it.

    In the caller's transaction; after its commit they are started. `origin`: the execution that
    has sent it. A paused trigger is told of, as one that did not start.
    """
    found = starts.waiting(kind, name)
    if found:
        event = _insert(
            name, payload, None, by, found, firing.depth_behind(origin) if origin else 0
        )
        transaction.on_commit(partial(_fire, event), robust=True)
    return found


def evaluate_conditions(
    variables: Mapping[str, Any], *, by: AbstractBaseUser | None = None
) -> list[Execution]:
    """Start every workflow with a conditional start whose condition holds over `variables`.

    They are the input of what is started. Raises InvalidInput.
    """
    given = arguments.json_object("variables", variables)
    found = starts.waiting("conditional", "")
    if not found:
        return []
    with transaction.atomic():
        event = _insert("conditions", given, None, by, found, 0)
    _fire(event)
    return _started_by(event)


def _fire(event: Event) -> None:
    waiting = event.firings.filter(outcome=Firing.Outcome.WAITING).order_by("pk")
    for pk in list(waiting.values_list("pk", flat=True)):
        firing.fire(pk)


def _started_by(event: Event) -> list[Execution]:
    started = event.firings.filter(execution__isnull=False).order_by("pk")
    return [one.execution for one in started.select_related("execution") if one.execution]


def _checked(name: Any, payload: Any, key: Any) -> dict[str, Any]:
    found = [f"name: {message}"] if (message := name_problem(name)) else []
    if key is not None and not arguments.is_text(key, MAX_KEY):
        found.append(f"key: {key!r:.100} is no text of at most {MAX_KEY} characters.")
    given: dict[str, Any] = {}
    try:
        given = arguments.cleaned("payload", payload)
    except InvalidInput as error:
        found += error.problems
    if found:
        raise InvalidInput(found)
    return given


def _taken_in(
    name: str, payload: dict[str, Any], key: str | None, by: AbstractBaseUser | None
) -> Event:
    """The event with its firings; the one that is there already where the key was told before."""
    earlier = Event.objects.filter(name=name, key=key).first() if key else None
    if earlier is not None:
        return earlier
    try:
        with transaction.atomic():
            return _insert(name, payload, key, by, _waiting_for(name), 0)
    except IntegrityError:
        return Event.objects.get(name=name, key=key)


def _insert(
    name: str,
    payload: dict[str, Any],
    key: str | None,
    by: AbstractBaseUser | None,
    waiting: list[Trigger],
    depth: int,
) -> Event:
    now = clock.now()
    event = Event.objects.create(
        name=name, payload=payload, key=key, received_at=now, by_id=by.pk if by else None
    )
    Firing.objects.bulk_create(
        [
            Firing(
                trigger=trigger,
                workflow_id=trigger.workflow_id,
                key=f"key:{key}" if key else f"event:{event.pk}",
                event=event,
                depth=depth,
                created_at=now,
            )
            for trigger in waiting
        ],
        ignore_conflicts=True,
    )
    _record(event, by)
    transitions.doorbell([], "triggers")
    return event


def _waiting_for(name: str) -> list[Trigger]:
    named = Trigger.objects.annotate(event=KT("config__event")).filter(event=name)
    found = named.filter(kind=Trigger.Kind.EVENT, workflow__published__isnull=False)
    return list(found.order_by("pk"))


def _record(event: Event, by: AbstractBaseUser | None) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind="event.received",
                entity_type="event",
                entity_id=str(event.pk),
                actor=transitions.actor(by),
                data={"key": event.name, "idempotency_key": event.key},
            )
        ]
    )
