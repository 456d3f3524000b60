"""Taking decisions: exactly one answer per person, and the first valid quorum wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import IntegrityError, transaction
from django.utils import translation

from workflows import clock
from workflows.errors import AlreadyDecided, InvalidInput, NotAllowed, UnknownApproval
from workflows.models import Approval, Decision, State, Task

from . import approval_forms, approvals, tasks, transitions

PERMISSION = "workflows.decide_approval"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says; `data` is what they filled in."""

    verdict: str
    comment: str = ""
    digest: str | None = None
    data: Mapping[str, Any] | None = None


def decide(
    approval_id: int,
    *,
    by: User,
    verdict: str,
    comment: str = "",
    digest: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> Approval:
    """Record a person's decision and, when it settles the approval, let the task go on.

    `digest`: of the payload they saw; a different one is refused. `data`: what they filled in where
    the approval has a form; only approving needs it, and only then is it kept. Raises
    UnknownApproval, AlreadyDecided, NotAllowed (recorded), InvalidInput for an unknown verdict and
    for data that misses the form.
    """
    if verdict not in Decision.Verdict.values:
        raise InvalidInput([f"verdict is “{verdict}”; approve or reject was expected"])
    try:
        with transaction.atomic():
            return _decide(_locked(approval_id), by, Answer(verdict, comment, digest, data))
    except IntegrityError as error:
        raise AlreadyDecided() from error
    except NotAllowed:
        _record_refusal(approval_id, by, verdict)
        raise


def _locked(approval_id: int) -> Approval:
    found = Approval.objects.filter(pk=approval_id).values_list("execution_id", flat=True).first()
    if found is None:
        raise UnknownApproval()
    transitions.lock(found)
    approval: Approval = Approval.objects.select_related("execution__version", "task").get(
        pk=approval_id
    )
    return approval


def _decide(approval: Approval, by: User, answer: Answer) -> Approval:
    if approval.state != Approval.State.OPEN:
        raise AlreadyDecided()
    if approval.execution.state not in (State.PENDING, State.RUNNING, State.PAUSED):
        raise AlreadyDecided(f"The execution is {approval.execution.get_state_display().lower()}.")
    if approval.decisions.filter(user=by).exists():
        raise AlreadyDecided("You have already decided.")
    if not by.has_perm(PERMISSION) or approvals.refusal(approval, by):
        raise NotAllowed(approvals.refusal(approval, by) or "")
    if answer.digest is not None and answer.digest != approval.digest:
        raise AlreadyDecided("What is to be decided has changed. Look at it again.")
    filled = _filled(approval, answer)
    Decision.objects.create(
        approval=approval,
        user=by,
        verdict=answer.verdict,
        comment=answer.comment,
        data=filled,
        digest=approval.digest,
        decided_at=clock.now(),
    )
    said = _entry(approval, by, "approval.decided", answer.verdict, answer.comment, filled)
    transitions.record([said])
    _settle(approval, by, answer)
    transitions.doorbell([approval.execution_id], "approvals", work=True)
    return approval


def _filled(approval: Approval, answer: Answer) -> dict[str, Any]:
    if answer.verdict == Decision.Verdict.REJECT:
        return {}
    return approval_forms.checked(approval.form, answer.data)


def _settle(approval: Approval, by: User, answer: Answer) -> None:
    verdict = answer.verdict
    given = approval.decisions.filter(verdict=Decision.Verdict.APPROVE).count()
    if verdict == Decision.Verdict.APPROVE and given < approval.required:
        return
    approval.state = (
        Approval.State.APPROVED if verdict == Decision.Verdict.APPROVE else Approval.State.REJECTED
    )
    approval.decided_at = clock.now()
    approval.save(update_fields=["state", "decided_at"])
    approvals.forget_due(approval.execution_id, approval.task_id)
    _go_on(approval, by, answer)


def _go_on(approval: Approval, by: User, answer: Answer) -> None:
    """PAUSED -> RUNNING -> COMPLETED in this transaction, and the tokens move on."""
    task: Task = approval.task
    transitions.record(
        [transitions.move(task, State.RUNNING, by=transitions.actor(by), session=None)]
    )
    output = {
        "decision": answer.verdict,
        "comment": answer.comment,
        "decided_by": by.get_username(),
        **_data(approval),
    }
    tasks.complete_by_hand(task, output, by=transitions.actor(by))


def _data(approval: Approval) -> dict[str, Any]:
    """What a form adds to the output: each approval lies over those before it; none if rejected."""
    if not approval.form:
        return {}
    filled: dict[str, Any] = {}
    if approval.state == Approval.State.APPROVED:
        for given in approval.decisions.order_by("pk").values_list("data", flat=True):
            filled |= given
    return approval_forms.output(approval.form, filled)


def _entry(
    approval: Approval,
    by: AbstractBaseUser,
    kind: str,
    verdict: str,
    note: str,
    filled: Mapping[str, Any] | None = None,
) -> transitions.Entry:
    return transitions.Entry(
        kind=kind,
        entity_type="approval",
        entity_id=str(approval.pk),
        actor=transitions.actor(by),
        execution_id=approval.execution_id,
        task_id=approval.task_id,
        data={
            "verdict": verdict,
            "comment": note,
            "digest": approval.digest,
            **({"data": filled} if filled else {}),
        },
    )


def _record_refusal(approval_id: int, by: User, verdict: str) -> None:
    """The log speaks one language, whatever the refused person reads."""
    with transaction.atomic(), translation.override("en"):
        approval = _locked(approval_id)
        why = approvals.refusal(approval, by) or str(NotAllowed())
        transitions.record([_entry(approval, by, "approval.refused", verdict, why)])
