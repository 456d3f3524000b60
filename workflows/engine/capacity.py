"""What keeps a ready task from an agent: nobody fits, or everybody who fits is busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from workflows.models import AgentSlot, Lane, LaneMember, State, Task

NAMED = 5  # agents, or tasks, that a sentence names


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody can take the tasks of a lane now; `is_full`: somebody will."""

    text: str
    detail: str
    is_full: bool


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
    keys = list(LaneMember.objects.filter(lane=lane).values_list("agent_key", flat=True))
    if not keys:
        return _nobody(Lane.objects.filter(pk=lane).first())
    units = AgentSlot.objects.filter(agent_key__in=keys, is_retired=False)
    if units.filter(task__isnull=True, session__isnull=True).exists():
        return None
    text = _("all its agents (%(agents)s) are at their limit.") % {"agents": ", ".join(keys)}
    return Hold(text, _busy_with(keys), is_full=True)


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
