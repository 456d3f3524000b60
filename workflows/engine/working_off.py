"""Batches at work: items are gathered and carried out one by one, each exactly once."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from workflows import clock, queue
from workflows.errors import InvalidInput, WorkflowError, WrongState
from workflows.graph.retry import IN_DOUBT
from workflows.models import Batch, BatchItem, Execution, State

from . import batches, executions, incidents, transitions
from .lookout import STALLED_SECONDS

log = logging.getLogger(__name__)
CHUNK = 100
SLICE_SECONDS = 5.0  # short: canaries go through the same worker
GROUP = 20  # items that are carried out in one transaction, their executions locked meanwhile


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
    rows = batches.chosen(batch.verb, batch.filter).fetch(batch.before, None, CHUNK)
    return [(row.pk, None) for row in rows], rows[-1].pk if rows else batch.before


def _carry_out(batch: Batch, end: float) -> int:
    waiting = batch.items.filter(result=BatchItem.Result.WAITING).order_by("pk")
    found = list(waiting.values_list("pk", flat=True)[:CHUNK])
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
        for item in items:
            item.result, item.message = _tried(batch, item)
            item.finished_at = clock.now()
        BatchItem.objects.bulk_update(items, ["result", "message", "finished_at"])
        done = sum(item.result == BatchItem.Result.DONE for item in items)
        Batch.objects.filter(pk=batch.pk).update(
            done=F("done") + done,
            refused=F("refused") + len(items) - done,
            touched_at=clock.in_database(),
        )
        transitions.doorbell([], "batches")
    return len(items)


def _tried(batch: Batch, item: BatchItem) -> tuple[str, str]:
    """What came of one item: each verb undoes all that it did, and only that, when it cannot."""
    reason = f"{batch.reason} (batch {batch.pk})".strip()
    only = {"task_id": item.task_id} if item.task_id is not None else {}
    try:
        VERBS[batch.verb](item.execution_id, by=batch.created_by, reason=reason, **only)
    except WorkflowError as error:
        return BatchItem.Result.REFUSED, str(error)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("Item %s of batch %s broke.", item.pk, batch.pk)
        return BatchItem.Result.REFUSED, "It broke; see the log."
    return BatchItem.Result.DONE, ""


def _retry(execution_id: int, *, task_id: int | None = None, **said: Any) -> Execution:
    """Not of work in doubt: somebody has to say of each whether it was done."""
    execution = transitions.lock(execution_id)
    doubted = execution.tasks.filter(state=State.FAILED, error_kind=IN_DOUBT)
    if (doubted if task_id is None else doubted.filter(pk=task_id)).exists():
        raise WrongState("A step is in doubt: say first whether it was done.")
    return executions.retry(execution_id, task_id=task_id, **said)


VERBS: dict[str, Any] = {
    Batch.Verb.PAUSE: executions.pause,
    Batch.Verb.RESUME: executions.resume,
    Batch.Verb.CANCEL: executions.cancel,
    Batch.Verb.RETRY: _retry,
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
