"""The breaker of an agent, for those who look at it and those who close it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from workflows.engine import breakers
from workflows.models import Breaker


def reset_breaker(
    agent_id: str, *, by: AbstractBaseUser | None, reason: str = ""
) -> dict[str, Any]:
    """Close the breaker of an agent by hand: it is given work again at once.

    Returns what `get_breaker` does. Raises UnknownAgent, and WrongState when it is closed.
    """
    breakers.close(agent_id, by=by, reason=reason)
    return get_breaker(agent_id)


def get_breaker_states() -> dict[str, str]:
    """The state of every agent's breaker, by the agent's key."""
    return dict(Breaker.objects.values_list("agent_key", "state"))


def get_breaker(agent_id: str) -> dict[str, Any]:
    """The breaker of one agent; {"error": …} when there is no such agent.

    `since`, `trial_at` and `last_failed_at` are moments, None where there is none.
    """
    breaker = Breaker.objects.filter(pk=agent_id).first()
    if breaker is None:
        return {"error": "Agent not found"}
    return {
        "state": breaker.state,
        "failures": breaker.failures,
        "opens_after": breaker.threshold,
        "cooldown_seconds": breaker.cooldown_seconds,
        "since": breaker.changed_at,
        "trial_at": breaker.trial_at,
        "last_error": breaker.last_error,
        "last_failed_at": breaker.failed_at,
    }
