"""What keeps a ready task from an agent: nobody fits, or all who fit are busy or keep failing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows import clock
from workflows.models import AgentSlot, Breaker, Lane, LaneMember, State, Task

NAMED = 5  # agents, or tasks, that a sentence names
ERROR_SHOWN = 160  # characters


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody can take the tasks of a lane now; `is_full`: somebody will.

    `breaker`: the agent whose breaker holds them up; `due`: when it lets a trial through.
    """

    text: str
    detail: str
    is_full: bool
    breaker: str = ""
    due: datetime | None = None


class Lanes:
    """Looks at each lane once."""

    def __init__(self) -> None:
        self._known: dict[int, Hold | None] = {}

    def hold(self, lane: int) -> Hold | None:
        """What holds up the lane's tasks; None when an agent can take one (or none is needed)."""
        if lane not in self._known:
            self._known[lane] = _hold(lane) if lane else None
        return self._known[lane]


def _hold(lane: int) -> Hold | None:
    keys: dict[str, list[str]] = defaultdict(list)
    for key, state in LaneMember.objects.filter(lane=lane).values_list("agent_key", "breaker"):
        keys[state].append(key)
    if not keys:
        return _nobody(Lane.objects.filter(pk=lane).first())
    working, on_trial = keys[Breaker.State.CLOSED], keys[Breaker.State.HALF_OPEN]
    lent = Q(agent_key__in=working) | Q(agent_key__in=on_trial, is_trial=True)
    units = AgentSlot.objects.filter(lent, is_retired=False)
    if units.filter(task__isnull=True, session__isnull=True).exists():
        return None
    if not working:
        return _kept_off([*on_trial, *keys[Breaker.State.OPEN]])
    text = _("all its agents (%(agents)s) are at their limit.") % {"agents": ", ".join(working)}
    return Hold(text, _busy_with(working), is_full=True)


def _kept_off(keys: Sequence[str]) -> Hold:
    """All who fit have failed again and again: the first trial is told, and who else waits."""
    found = list(Breaker.objects.filter(agent_key__in=keys).order_by("trial_at", "agent_key"))
    on_trial = [one for one in found if one.state == Breaker.State.HALF_OPEN]
    told = (on_trial or found)[0]
    others = [one.agent_key for one in found if one is not told]
    detail = ""
    if others:
        detail = _("Breakers that are not closed either: %(agents)s.") % {
            "agents": ", ".join(others[:NAMED]) + ("…" if len(others) > NAMED else "")
        }
    text = _trial(told) if on_trial else _open(told)
    return Hold(text, detail, is_full=False, breaker=told.agent_key, due=told.trial_at)


def _open(breaker: Breaker) -> str:
    told = ngettext(
        "the breaker of %(agent)s is open since %(since)s after %(count)s failure"
        " (last: %(error)s); a trial follows at %(trial)s.",
        "the breaker of %(agent)s is open since %(since)s after %(count)s failures"
        " (last: %(error)s); a trial follows at %(trial)s.",
        breaker.failures,
    )
    return told % {
        "agent": breaker.agent_key,
        "since": _at(breaker.changed_at),
        "count": breaker.failures,
        "error": _short(breaker.last_error),
        "trial": _at(breaker.trial_at),
    }


def _trial(breaker: Breaker) -> str:
    told = _(
        "the breaker of %(agent)s is half-open since %(since)s: one step is tried at a time"
        " (last failure: %(error)s)."
    )
    return told % {
        "agent": breaker.agent_key,
        "since": _at(breaker.changed_at),
        "error": _short(breaker.last_error),
    }


def _at(moment: datetime | None) -> str:
    """The time of day, with the date when it is another day's."""
    if moment is None:
        return "—"
    is_today = localtime(moment).date() == localtime(clock.now()).date()
    return date_format(localtime(moment), "H:i:s" if is_today else "Y-m-d H:i:s")


def _short(error: str) -> str:
    text = " ".join(error.split()).rstrip(".") or "—"
    return text if len(text) <= ERROR_SHOWN else text[: ERROR_SHOWN - 1] + "…"


def _busy_with(keys: Sequence[str]) -> str:
    """The tasks that stand on the agents' units."""
    units = list(AgentSlot.objects.filter(agent_key__in=keys).values_list("session", "task")[:100])
    sessions = {session for session, _task in units if session is not None}
    running = Task.objects.filter(session__in=sessions, state=State.RUNNING, agent_key__in=keys)
    reserved = Task.objects.filter(pk__in=[task for _session, task in units if task is not None])
    found = [*running[: NAMED + 1], *reserved[: NAMED + 1]]
    names = [f"“{task.name}” #{task.execution_id}" for task in found]
    if not names:
        return ""
    listed = ", ".join(names[:NAMED]) + ("…" if len(names) > NAMED else "")
    return _("Busy with %(tasks)s.") % {"tasks": listed}


def _nobody(lane: Lane | None) -> Hold:
    if lane is None:
        return Hold(_("no agent is known for it."), "", is_full=False)
    lacking = [_("%(agent)s: %(reason)s") % one for one in lane.rejected[:NAMED]]
    return Hold(_needed(lane), "; ".join(lacking), is_full=False)


def _needed(lane: Lane) -> str:
    if lane.agent_key:
        return _("agent %(agent)s is not online.") % {"agent": lane.agent_key}
    if lane.capabilities:
        needed = ", ".join(lane.capabilities)
        return _("no agent online can do %(capabilities)s.") % {"capabilities": needed}
    return _("no agent online has the role %(role)s.") % {"role": lane.role or "—"}
