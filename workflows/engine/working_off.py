"""Batches at work: items are gathered, and carried out in groups, each item exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from workflows import clock, queue
from workflows.errors import IllegalTransition, InvalidInput
from workflows.models import Batch, BatchItem, Execution

from . import batches, incidents, operations, retrying, transitions
from . import executions as execution_verbs
from .lookout import STALLED_SECONDS
from .operations import Refusals, Target

log = logging.getLogger(__name__)
CHUNK = 1000  # items that are gathered at a time
STEP = 200  # items that are carried out before another batch has its turn
SLICE_SECONDS = 5.0  # short: canaries go through the same worker
GROUP = 50  # items that are carried out in one transaction, their executions locked meanwhile


def work_off(seconds: float = SLICE_SECONDS) -> int:
    """Work on open batches in turn, for some seconds; how many items were carried out.

    Any number of workers may do so at once; one that dies in the middle leaves nothing half done.
    """
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        step = _step(end)
        if step is None:
            break
        count += step
    if time.monotonic() >= end:
        queue.work_off_batches()
    return count


def sweep() -> None:
    """Queue a wake-up for batches that nobody has touched for a while."""
    since = clock.of_database() - timedelta(seconds=STALLED_SECONDS)
    with transaction.atomic():
        stalled = Batch.objects.filter(finished_at=None, touched_at__lt=since)
        if stalled.update(touched_at=clock.in_database()):
            queue.work_off_batches()


def _step(end: float) -> int | None:
    """Gather and carry out a chunk of the batch that has waited longest; None if there is none."""
    for batch in Batch.objects.filter(finished_at=None).order_by("touched_at")[:20]:
        if _is_barred(batch.created_by):
            _stop(batch.pk)
            continue
        _gather(batch.pk)
        count = _carry_out(batch, end)
        _finish(batch.pk)
        if count:
            return count
        if Batch.objects.filter(pk=batch.pk, finished_at=None, is_gathered=False).exists():
            return 0
    return None


def _is_barred(by: User | None) -> bool:
    return by is not None and not by.has_perm(batches.PERMISSION)


def _stop(batch_id: int) -> None:
    """Whoever created it has lost the right since."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        if batch.finished_at is None:
            why = "whoever created it may not operate executions any more"
            batches.stop(batch, why, by=transitions.SYSTEM)


def _gather(batch_id: int) -> None:
    """The next items, unless enough wait or another worker gathers."""
    with transaction.atomic():
        open_ones = Batch.objects.filter(pk=batch_id, finished_at=None, is_gathered=False)
        batch = open_ones.select_for_update(skip_locked=True, of=("self",)).first()
        if batch is None or batch.left >= CHUNK:
            return
        try:
            found, batch.before = _next(batch)
        except InvalidInput as error:
            batches.stop(batch, str(error), by=transitions.SYSTEM)
            return
        BatchItem.objects.bulk_create(
            BatchItem(batch=batch, execution_id=execution_id, task_id=task_id)
            for execution_id, task_id in found
        )
        batch.total += len(found)
        batch.is_gathered = len(found) < CHUNK
        batch.touched_at = clock.of_database()
        batch.save(update_fields=["before", "total", "is_gathered", "touched_at"])


def _next(batch: Batch) -> tuple[list[tuple[int, int | None]], int]:
    """(execution, task) below the batch's mark, newest first, and the mark below them."""
    if "incident" in batch.filter:
        tasks = incidents.failed(batch.filter["incident"], batch.before, CHUNK)
        return [(task >> 20, task) for task in tasks], tasks[-1] if tasks else batch.before
    found = batches.chosen(batch.verb, batch.filter).ids(batch.before, None, CHUNK)
    return [(number, None) for number in found], found[-1] if found else batch.before


def _carry_out(batch: Batch, end: float) -> int:
    waiting = batch.items.filter(result=BatchItem.Result.WAITING).order_by("pk")
    found = list(waiting.values_list("pk", flat=True)[:STEP])
    count = 0
    for place in range(0, len(found), GROUP):
        if time.monotonic() >= end:
            break
        count += _settled(batch, found[place : place + GROUP])
    return count


def _settled(batch: Batch, item_ids: list[int]) -> int:
    """Some items and their results in one transaction; how many, without those of other workers."""
    with transaction.atomic(), queue.gathered():
        waiting = BatchItem.objects.filter(pk__in=item_ids, result=BatchItem.Result.WAITING)
        items = list(waiting.select_for_update(skip_locked=True).order_by("pk"))
        if not items or not Batch.objects.filter(pk=batch.pk, finished_at=None).exists():
            return 0
        transitions.lock_all(item.execution_id for item in items)
        refused = _tried(batch, items)
        _keep_results(batch, items, refused)
        transitions.doorbell([], "batches")
    return len(items)


def _keep_results(batch: Batch, items: Sequence[BatchItem], refused: Mapping[int, str]) -> None:
    now, result = clock.now(), BatchItem.Result
    done = [item.pk for item in items if item.pk not in refused]
    BatchItem.objects.filter(pk__in=done).update(result=result.DONE, finished_at=now)
    others = [item for item in items if item.pk in refused]
    for item in others:
        item.result, item.message, item.finished_at = result.REFUSED, refused[item.pk], now
    BatchItem.objects.bulk_update(others, ["result", "message", "finished_at"])
    Batch.objects.filter(pk=batch.pk).update(
        done=F("done") + len(done),
        refused=F("refused") + len(others),
        touched_at=clock.in_database(),
    )


def _tried(batch: Batch, items: Sequence[BatchItem]) -> dict[int, str]:
    """The verb over all items, their executions locked; of each that was refused, why.

    If it breaks, all that it did is undone, and each item is tried alone to find the one.
    """
    try:
        with transaction.atomic():
            return _refusals(batch, items)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(items) == 1:
            log.exception("Item %s of batch %s broke.", items[0].pk, batch.pk)
            return {items[0].pk: "It broke; see the log."}
        return {pk: why for item in items for pk, why in _tried(batch, [item]).items()}


def _refusals(batch: Batch, items: Sequence[BatchItem]) -> dict[int, str]:
    executions = Execution.objects.in_bulk({item.execution_id for item in items})
    targets = [Target(executions[item.execution_id], item.task_id) for item in items]
    reason = f"{batch.reason} (batch {batch.pk})".strip()
    errors = VERBS[batch.verb](targets, by=batch.created_by, reason=reason)
    who = transitions.actor(batch.created_by)
    transitions.record(
        execution_verbs.refused(item.execution_id, error, who)
        for item, error in zip(items, errors, strict=True)
        if isinstance(error, IllegalTransition)
    )
    pairs = zip(items, errors, strict=True)
    return {item.pk: str(error) for item, error in pairs if error is not None}


VERBS: dict[str, Callable[..., Refusals]] = {
    Batch.Verb.PAUSE: operations.pause,
    Batch.Verb.RESUME: operations.resume,
    Batch.Verb.CANCEL: operations.cancel,
    Batch.Verb.RETRY: partial(retrying.retry, but_doubt=True),
}


def _finish(batch_id: int) -> None:
    with transaction.atomic():
        open_ones = Batch.objects.filter(pk=batch_id, finished_at=None, is_gathered=True)
        batch = open_ones.select_for_update(of=("self",)).first()
        if batch is None or batch.left:
            return
        batch.finished_at = clock.now()
        batch.save(update_fields=["finished_at"])
        said = {"total": batch.total, "done": batch.done, "refused": batch.refused}
        transitions.record([batches.entry(batch, "finished", transitions.SYSTEM, said)])
        transitions.doorbell([], "batches")
