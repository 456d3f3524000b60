"""One verb over everything that a filter finds: a batch, created here and worked off by workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from workflows import clock, queue
from workflows.errors import InvalidInput, StaleState, UnknownBatch
from workflows.models import Batch, Execution, State

from . import arguments, incidents, transitions
from .filtering import LONGEST, Filter

PERMISSION = "workflows.operate_execution"
APPLIES_TO: dict[str, tuple[str, ...]] = {
    Batch.Verb.PAUSE: (State.PENDING, State.RUNNING),
    Batch.Verb.RESUME: (State.PAUSED,),
    Batch.Verb.CANCEL: (State.PENDING, State.RUNNING, State.PAUSED, State.FAILED),
    Batch.Verb.RETRY: (State.FAILED,),
}
PARTS = ("state", "workflow", "q", "incident")


def create_batch(
    verb: str,
    asked: Mapping[str, str],
    *,
    by: User | None,
    reason: str = "",
) -> Batch:
    """Pause, resume, cancel or retry all executions that a filter finds now.

    `asked`: the parts of the list's address (state, workflow, q), or `incident` for the failed
    tasks of one (retry only). Later executions are not touched. Raises InvalidInput.
    """
    frozen = _frozen(verb, asked)
    arguments.reason(reason)
    now = clock.of_database()
    with transaction.atomic():
        newest = Execution.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        batch = Batch.objects.create(
            verb=verb,
            filter=frozen,
            reason=reason,
            created_by=by,
            created_at=now,
            touched_at=now,
            before=arguments.LARGEST if "incident" in frozen else newest + 1,
        )
        said = {"verb": verb, "filter": frozen, **({"reason": reason} if reason else {})}
        transitions.record([entry(batch, "created", transitions.actor(by), said)])
        transitions.doorbell([], "batches")
        queue.work_off_batches()
    return batch


def cancel_batch(batch_id: int, *, by: User | None, reason: str = "") -> Batch:
    """Stop a batch: what it has done stays done, what is left is left alone.

    Raises UnknownBatch, StaleState when it has ended.
    """
    arguments.reason(reason)
    with transaction.atomic():
        rows = Batch.objects.select_for_update(of=("self",))
        batch = rows.filter(pk=arguments.number(batch_id)).first()
        if batch is None:
            raise UnknownBatch()
        if batch.finished_at is not None:
            raise StaleState("The batch has ended already.")
        batch.cancelled_by = by
        stop(batch, reason or "cancelled", by=transitions.actor(by))
    return batch


def stop(batch: Batch, because: str, *, by: str) -> None:
    """End a locked batch before its end."""
    batch.stopped_because, batch.finished_at = because, clock.now()
    batch.save(update_fields=["stopped_because", "finished_at", "cancelled_by"])
    said = {"total": batch.total, "done": batch.done, "refused": batch.refused, "why": because}
    transitions.record([entry(batch, "stopped", by, said)])
    transitions.doorbell([], "batches")


def entry(batch: Batch, kind: str, who: str, data: Mapping[str, Any]) -> transitions.Entry:
    """An audit row of the desk about a batch, still to append."""
    return transitions.Entry(
        kind=f"batch.{kind}",
        entity_type="batch",
        entity_id=str(batch.pk),
        actor=who,
        data=dict(data),
    )


def chosen(verb: str, asked: Mapping[str, Any]) -> Filter:
    """The executions of a frozen filter to which the verb applies.

    Raises InvalidInput when a part of it names nothing any more: it must not find more than it did.
    """
    found = Filter.of(asked, APPLIES_TO[verb])
    if found.frozen() != dict(asked):
        raise InvalidInput(["filter: a part of it names nothing any more"])
    return found


def count(verb: str, asked: Mapping[str, str], most: int) -> int:
    """How many items a batch would find now, counted up to `most`. Raises InvalidInput."""
    frozen = _frozen(verb, asked)
    if "incident" in frozen:
        return len(incidents.failed(frozen["incident"], arguments.LARGEST, most))
    return len(chosen(verb, frozen).ids(None, None, most))


def _check_filter(asked: Any) -> None:
    """A name that means nothing must not make a batch of everything."""
    if not isinstance(asked, Mapping):
        raise InvalidInput([f"filter: {asked!r:.100} is no filter; an object was expected"])
    wrong = [
        f"{name!s:.100}: a filter has {', '.join(PARTS)}"
        if name not in PARTS
        else f"{name}: {value!r:.100} is no text of at most {LONGEST} characters"
        for name, value in asked.items()
        if name not in PARTS or not arguments.is_text(value, LONGEST)
    ]
    if wrong:
        raise InvalidInput(wrong)


def _frozen(verb: str, asked: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(verb, str) or verb not in APPLIES_TO:
        raise InvalidInput([f"verb: “{verb!s:.100}” is none of {', '.join(APPLIES_TO)}"])
    _check_filter(asked)
    if "incident" in asked:
        incidents.parsed(asked["incident"])
        if verb != Batch.Verb.RETRY:
            raise InvalidInput(["verb: what failed can only be retried"])
        if beside := [name for name in ("state", "workflow", "q") if asked.get(name)]:
            raise InvalidInput([f"incident: it stands alone, without {', '.join(beside)}"])
        return {"incident": asked["incident"]}
    frozen = Filter.of(asked).frozen()
    unknown = [
        f"{name}: there is no “{value:.100}”"
        for name, value in asked.items()
        if name != "incident" and value and name not in frozen
    ]
    if unknown:
        raise InvalidInput(unknown)
    return frozen
