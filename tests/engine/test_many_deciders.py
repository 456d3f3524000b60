"""Twenty people decide twenty approvals at once, twice each, while an operator stops some runs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from agents import runner
from tests.engine.conftest import together
from tests.factories import human, make_agent, make_user, register, step
from workflows import engine
from workflows.errors import AlreadyDecided, NotAllowed
from workflows.models import Approval, Decision, Execution

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = APPROVALS = 20
STOPPED = 4


def test_each_approval_is_decided_once_and_never_by_who_asked_for_it() -> None:
    make_agent()
    register(human("ask"), step("go", "ask"))
    people = [make_user(f"person{number}", "approver") for number in range(PEOPLE)]
    runs = [engine.start_workflow("flow", {}, by=person) for person in people]
    runner.drain()
    approvals = list(Approval.objects.order_by("pk"))
    assert len(approvals) == APPROVALS

    calls = [_deciding_everything(person, approvals, seed) for seed, person in enumerate(people)]
    *answers, _ = together(*calls, _stopping(runs[-STOPPED:]))
    runner.drain()

    said = Counter((pk, what) for answer in answers for pk, what in answer)
    for approval in Approval.objects.select_related("execution"):
        times = approval.state in (Approval.State.APPROVED, Approval.State.REJECTED)
        assert said[approval.pk, "decided"] == times
        assert Decision.objects.filter(approval=approval).count() == times
        assert approval.state != Approval.State.OPEN
        assert approval.execution.is_final
    assert sum(said.values()) == 2 * PEOPLE * APPROVALS
    by_themselves = Decision.objects.filter(approval__execution__requested_by=F("user"))
    assert not by_themselves.exists()


def _deciding_everything(
    person: User, approvals: list[Approval], seed: int
) -> Callable[[], list[tuple[int, str]]]:
    """Each approval twice, in an order of their own; what came of each call."""

    def decide() -> list[tuple[int, str]]:
        order = [*approvals, *approvals]
        random.Random(seed).shuffle(order)
        return [(approval.pk, _said(approval, person, seed)) for approval in order]

    return decide


def _said(approval: Approval, person: User, seed: int) -> str:
    try:
        engine.decide(approval.pk, by=person, verdict=("approve", "reject")[seed % 2])
    except AlreadyDecided:
        return "too late"
    except NotAllowed:
        return "not allowed"
    return "decided"


def _stopping(runs: list[Execution]) -> Callable[[], None]:
    def stop() -> None:
        for run in runs:
            engine.cancel(run.pk, by=None)

    return stop
