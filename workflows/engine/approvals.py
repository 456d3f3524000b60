"""Human steps: who is asked what, and who may answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.utils.translation import gettext as _

from workflows import clock
from workflows.models import Approval, Execution

from . import approval_forms, claiming, transitions


def open_for(works: list[claiming.Work]) -> None:
    """Ask for a decision on each human task; in the transaction that pauses it."""
    Approval.objects.bulk_create(_approval(work) for work in works)
    if works:
        transitions.doorbell([work.execution_id for work in works], "approvals")


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
    asked = Approval.objects.filter(execution_id=execution_id, state=Approval.State.OPEN, **of_task)
    asked.update(state=Approval.State.CANCELLED, decided_at=clock.now())


def withdraw(execution_ids: Collection[int]) -> None:
    """Withdraw the open questions of locked executions that are being cancelled."""
    asked = Approval.objects.filter(execution__in=execution_ids, state=Approval.State.OPEN)
    asked.update(state=Approval.State.CANCELLED, decided_at=clock.now())


def _approval(work: claiming.Work) -> Approval:
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
        requested_at=clock.now(),
    )


def _is_candidate(approval: Approval, user: AbstractBaseUser) -> bool:
    if user.get_username() in approval.users:
        return True
    return isinstance(user, User) and user.groups.filter(name__in=approval.groups).exists()


def _digest(payload: dict[str, Any]) -> str:
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
