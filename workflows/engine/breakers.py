"""Circuit breakers: an agent that fails again and again gets no work for a while, then a trial.

Failures and answers are counted where outcomes are settled: by sql/judge.sql, which opens a breaker
and closes it after a trial. Here is what time and people do to it. Lock order: breakers by key,
then lane members and slots, the desk's audit head last.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q

from workflows import clock
from workflows.errors import UnknownAgent, WrongState
from workflows.models import AgentSlot, Breaker, LaneMember

from . import transitions

THRESHOLD, COOLDOWN_SECONDS = 5, 30  # of an agent that says nothing else
MOST_FAILURES, LONGEST_COOLDOWN = 1000, 86_400
BATCH = 100
TOPICS = ("agents", "breakers")
FREE = Q(session__isnull=True, task__isnull=True)
UNRESERVED_FIRST = F("task").asc(nulls_first=True)

State = Breaker.State


def begin_trials() -> int:
    """Make breakers half-open whose cool-down is over; how many."""
    with transaction.atomic():
        locked = Breaker.objects.select_for_update(skip_locked=True).order_by("agent_key")
        due = list(locked.filter(trial_at__lte=clock.in_database())[:BATCH])
        entries = [_move(breaker, State.HALF_OPEN, by=transitions.SYSTEM) for breaker in due]
        for breaker in due:
            _choose_trial_slot(breaker.agent_key)
        if due:
            transitions.record(entries)
            transitions.doorbell([], *TOPICS, work=True)
    return len(due)


def close(agent_key: str, *, by: AbstractBaseUser | None, reason: str = "") -> None:
    """Give the agent work again at once, and forget its failures.

    Raises UnknownAgent, and WrongState when the breaker is closed.
    """
    with transaction.atomic():
        breaker = Breaker.objects.select_for_update().filter(pk=agent_key).first()
        if breaker is None:
            raise UnknownAgent(f"There is no agent “{agent_key}”.")
        if breaker.state == State.CLOSED:
            raise WrongState(f"The breaker of {agent_key} is closed.")
        told = {"reason": reason} if reason else {}
        transitions.record([_close(breaker, by=transitions.actor(by), **told)])
        transitions.doorbell([], *TOPICS, work=True)


def hold_still() -> dict[str, str]:
    """The state of each breaker by its agent, which none leaves before this transaction ends."""
    return dict(
        Breaker.objects.select_for_update().order_by("agent_key").values_list("agent_key", "state")
    )


def fit(
    agent_key: str, threshold: int, cooldown_seconds: int, *, by: AbstractBaseUser | None
) -> list[transitions.Entry]:
    """Give an agent's breaker its settings; one that is turned off (0) closes.

    The audit rows are still to append.
    """
    settings = {"threshold": threshold, "cooldown_seconds": cooldown_seconds}
    with transaction.atomic():
        Breaker.objects.get_or_create(agent_key=agent_key, defaults=settings)
        breaker = Breaker.objects.select_for_update().get(pk=agent_key)
        entries = []
        if threshold == 0:
            if breaker.state != State.CLOSED:
                entries.append(_close(breaker, by=transitions.actor(by), reason="turned off"))
            settings["failures"] = 0
        Breaker.objects.filter(pk=agent_key).update(**settings)
    return entries


def keep_trial_slot(agent_key: str) -> None:
    """The slots of the agent are others now; a trial needs one that is still in use."""
    if Breaker.objects.filter(pk=agent_key, state=State.HALF_OPEN).exists():
        marked = AgentSlot.objects.filter(agent_key=agent_key, is_trial=True, is_retired=False)
        if not marked.exists():
            _choose_trial_slot(agent_key)


def forget(agent_key: str) -> None:
    """The agent is no more."""
    Breaker.objects.filter(pk=agent_key).delete()


def _close(breaker: Breaker, *, by: str, **told: Any) -> transitions.Entry:
    """By hand, or because it is turned off."""
    failures, breaker.failures, breaker.openings = breaker.failures, 0, 0
    return _move(breaker, State.CLOSED, by=by, failures=failures, **told)


def _move(breaker: Breaker, new: str, *, by: str, **told: Any) -> transitions.Entry:
    """Write a change of a locked breaker; its audit row is still to append."""
    old, breaker.state = breaker.state, new
    Breaker.objects.filter(pk=breaker.pk).update(
        state=new,
        failures=breaker.failures,
        openings=breaker.openings,
        changed_at=clock.in_database(),
        trial_at=None,
    )
    LaneMember.objects.filter(agent_key=breaker.agent_key).update(breaker=new)
    return transitions.Entry(
        kind=f"agent.breaker_{new}",
        entity_type="agent",
        entity_id=breaker.agent_key,
        actor=by,
        old_state=old,
        new_state=new,
        agent_id=breaker.agent_key,
        data=told,
    )


def _choose_trial_slot(agent_key: str) -> None:
    """The one slot that is lent while the breaker is half-open: a free one, if there is one.

    Else one on which an older step still runs: the trial waits for it, for no cap may be exceeded.
    """
    slots = AgentSlot.objects.filter(agent_key=agent_key)
    usable = slots.select_for_update().filter(is_retired=False)
    free = usable.filter(FREE).order_by("-is_trial", "pk").first()
    chosen = free or usable.order_by(UNRESERVED_FIRST, "-is_trial", "pk").first()
    if chosen is not None and not chosen.is_trial:
        slots.filter(is_trial=True).update(is_trial=False)
        slots.filter(pk=chosen.pk).update(is_trial=True)
