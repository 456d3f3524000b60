"""PURE: who may serve a requirement, who is best, and why each other was not chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CLOSED, OPEN = "closed", "open"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent as it stands. `load` of `cap` units are taken; `breaker` is its breaker's state."""

    key: str
    role: str
    capabilities: frozenset[str]
    is_active: bool
    load: int
    cap: int
    breaker: str = CLOSED


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a task asks for: one agent by key, or a role and capabilities ("" and none: anyone)."""

    agent_key: str = ""
    role: str = ""
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen agent's key (None: nobody can now) and, for every other, the reason."""

    chosen: str | None
    reasons: dict[str, str]


def unfit(candidate: Candidate, wanted: Requirement) -> str:
    """Why a candidate can never serve the requirement as it stands; "" if it can."""
    if wanted.agent_key:
        if candidate.key != wanted.agent_key:
            return "another agent is named"
    else:
        missing = sorted(wanted.capabilities - candidate.capabilities)
        if wanted.role and candidate.role != wanted.role:
            return f"role is {candidate.role}, not {wanted.role}"
        if missing:
            return "lacks " + ", ".join(missing)
    return "" if candidate.is_active else "offline"


def choose(candidates: Iterable[Candidate], wanted: Requirement) -> Choice:
    """The fit candidate with the least load/cap (then key); the rule that sql/claim.sql applies."""
    reasons: dict[str, str] = {}
    fit = []
    for candidate in candidates:
        why = unfit(candidate, wanted) or _barred(candidate) or _full(candidate)
        if why:
            reasons[candidate.key] = why
        else:
            fit.append(candidate)
    fit.sort(key=_rank)
    for candidate in fit[1:]:
        reasons[candidate.key] = f"more loaded ({candidate.load}/{candidate.cap})"
    return Choice(fit[0].key if fit else None, reasons)


def _barred(candidate: Candidate) -> str:
    """A half-open breaker lends to sessions only: what people drive by hand judges no agent."""
    if candidate.breaker == CLOSED:
        return ""
    is_open = candidate.breaker == OPEN
    return "breaker open" if is_open else "breaker half-open: one trial at a time"


def _full(candidate: Candidate) -> str:
    is_full = candidate.load >= candidate.cap
    return f"at its limit ({candidate.load}/{candidate.cap})" if is_full else ""


def _rank(candidate: Candidate) -> tuple[float, str]:
    return (candidate.load + 1) / candidate.cap, candidate.key
