"""Twenty people decide twenty approvals at once, twice each, while an operator stops some runs.

`SIGNALBOX_DECIDERS=100 SIGNALBOX_APPROVALS=1000` is the long form.
There, five of them decide each approval.
"""

from __future__ import annotations

import os
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

PEOPLE = int(os.environ.get("SIGNALBOX_DECIDERS", "20"))
APPROVALS = int(os.environ.get("SIGNALBOX_APPROVALS", "20"))
AT_ONCE = 20  # threads
EACH = min(PEOPLE, max(5, 400 // APPROVALS))  # people who decide an approval, twice
STOPPED = APPROVALS // 5


def test_each_approval_is_decided_once_and_never_by_who_asked_for_it() -> None:
    make_agent()
    register(human("ask"), step("go", "ask"))
    people = [make_user(f"person{number}", "approver") for number in range(PEOPLE)]
    askers = people * (APPROVALS // PEOPLE)
    runs = [engine.start_workflow("flow", {}, by=person) for person in askers]
    runner.drain()
    approvals = list(Approval.objects.order_by("pk"))
    assert len(approvals) == APPROVALS

    calls = [_deciding(some) for some in _shares(people, approvals)]
    *answers, _ = together(*calls, _stopping(runs[-STOPPED:]), patience=60 + APPROVALS)
    runner.drain()

    said = Counter((pk, what) for answer in answers for pk, what in answer)
    for approval in Approval.objects.select_related("execution"):
        times = approval.state in (Approval.State.APPROVED, Approval.State.REJECTED)
        assert said[approval.pk, "decided"] == times
        assert Decision.objects.filter(approval=approval).count() == times
        assert approval.state != Approval.State.OPEN
        assert approval.execution.is_final
    assert sum(said.values()) == 2 * EACH * APPROVALS
    by_themselves = Decision.objects.filter(approval__execution__requested_by=F("user"))
    assert not by_themselves.exists()


def _shares(people: list[User], approvals: list[Approval]) -> list[list[tuple[User, Approval]]]:
    """Who decides what, for each thread in an order of its own."""
    chance = random.Random(1)
    pairs = [(person, each) for each in approvals for person in chance.sample(people, EACH)] * 2
    chance.shuffle(pairs)
    return [pairs[place::AT_ONCE] for place in range(AT_ONCE)]


def _deciding(pairs: list[tuple[User, Approval]]) -> Callable[[], list[tuple[int, str]]]:
    """What came of each call."""

    def decide() -> list[tuple[int, str]]:
        return [(approval.pk, _said(approval, person)) for person, approval in pairs]

    return decide


def _said(approval: Approval, person: User) -> str:
    try:
        engine.decide(approval.pk, by=person, verdict=("approve", "reject")[person.pk % 2])
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
