"""Human steps: who is asked what, and who may answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.utils.translation import gettext as _

from workflows import clock
from workflows.models import Approval, Execution, Timer

from . import approval_forms, claiming, moments, transitions
from .results import TICK_SECONDS, WaitsForPeople


def open_for(asked: Sequence[tuple[claiming.Work, WaitsForPeople]]) -> None:
    """Ask for a decision on each human task; in the transaction that pauses it."""
    if not asked:
        return
    timed = any(one.due is not None or one.follow_up is not None for _work, one in asked)
    now = clock.of_database() if timed else clock.now()
    opened = [_approval(work, one, now) for work, one in asked]
    Approval.objects.bulk_create(opened)
    transitions.doorbell([one.execution_id for one in opened], "approvals")
    _set_timers(opened, now)


def note_overdue(execution_id: int, task_id: int) -> None:
    """Note in the history that an open approval is overdue; nothing else comes of it.

    Its execution is locked. An approval that has been decided meanwhile is not.
    """
    late = Approval.objects.filter(
        task_id=task_id, state=Approval.State.OPEN, due_at__isnull=False, overdue_at=None
    ).first()
    if late is None or late.due_at is None:
        return
    late.overdue_at = max(clock.of_database(), late.due_at)
    late.save(update_fields=["overdue_at"])
    transitions.record(
        [
            transitions.Entry(
                kind="approval.overdue",
                entity_type="approval",
                entity_id=str(late.pk),
                actor=transitions.SYSTEM,
                execution_id=execution_id,
                task_id=task_id,
                data={"due_at": late.due_at.isoformat()},
            )
        ]
    )
    transitions.doorbell([execution_id], "approvals")


def refusal(approval: Approval, user: AbstractBaseUser) -> str:
    """Why this person may not decide, as a sentence; "" when they may."""
    if approval.not_requester and user.pk in requesters(approval.execution):
        return _("You started this execution: another person has to decide.")
    if not _is_candidate(approval, user):
        names = ", ".join([*approval.groups, *approval.users])
        return _("This approval is for others: %(names)s") % {"names": names}
    if approval.decisions.filter(user_id=user.pk).exists():
        return _("You have already decided.")
    return ""


def requesters(execution: Execution | None) -> Iterator[int | None]:
    """Who started the execution and, of a fork, who started what it was forked from."""
    while execution is not None:
        yield execution.requested_by_id
        execution = execution.forked_from


def people(approval: Approval) -> str:
    """Who is asked, for reading."""
    groups = [_("group %(name)s") % {"name": name} for name in approval.groups]
    return ", ".join([*groups, *approval.users]) or _("nobody")


def cancel_open(execution_id: int, task_id: int | None = None) -> None:
    """Withdraw the open questions of a locked execution that is being stopped, or of one task."""
    of_task = {} if task_id is None else {"task_id": task_id}
    withdraw([execution_id], **of_task)
    forget_due(execution_id, task_id)


def withdraw(execution_ids: Collection[int], **of_task: int) -> None:
    """Withdraw the open questions of locked executions that are being cancelled."""
    open_ones = Approval.objects.filter(state=Approval.State.OPEN, **of_task)
    asked = open_ones.filter(execution__in=execution_ids)
    if asked.update(state=Approval.State.CANCELLED, decided_at=clock.now()):
        transitions.doorbell([], "approvals")


def forget_due(execution_id: int, task_id: int | None = None) -> None:
    """What is decided or withdrawn is not waited for any more: of an execution, or of one task."""
    of_task = {} if task_id is None else {"task_id": task_id}
    Timer.objects.filter(execution_id=execution_id, kind=Timer.Kind.DUE, **of_task).delete()


def _set_timers(opened: Sequence[Approval], now: datetime) -> None:
    timers = [
        Timer(
            kind=Timer.Kind.DUE,
            execution_id=one.execution_id,
            task_id=one.task_id,
            due_at=one.due_at,
        )
        for one in opened
        if one.due_at is not None
    ]
    Timer.objects.bulk_create(timers)
    soon = now + timedelta(seconds=TICK_SECONDS)
    if any(timer.due_at < soon for timer in timers):
        transitions.wake_sessions()


def _approval(work: claiming.Work, times: WaitsForPeople, now: datetime) -> Approval:
    asked, payload = work.node.approval, work.input
    return Approval(
        execution_id=work.execution_id,
        task_id=work.task_id,
        title=asked.get("title") or work.node.name,
        groups=list(asked.get("groups", [])),
        users=list(asked.get("users", [])),
        required=asked.get("required", 1),
        not_requester=asked.get("not_requester", True),
        form=approval_forms.of(asked),
        payload=payload,
        digest=_digest(payload),
        requested_at=now,
        due_at=moments.at(times.due, now),
        follow_up_at=moments.at(times.follow_up, now),
    )


def _is_candidate(approval: Approval, user: AbstractBaseUser) -> bool:
    if user.get_username() in approval.users:
        return True
    return isinstance(user, User) and user.groups.filter(name__in=approval.groups).exists()


def _digest(payload: dict[str, Any]) -> str:
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
