"""One agent that is lent work and fails by hand: what tests of breakers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories import chain, make_agent, register
from workflows import engine
from workflows.engine import advancing, claiming, sessions
from workflows.engine.advancing import Broken, Completed, Released
from workflows.engine.claiming import Work
from workflows.models import AuditEvent, Breaker, LaneMember, Task

FAILED = Broken("It broke.", "broken", answered=False)
REFUSED = Broken("No such order.", "tool_failure", is_retryable=False, answered=True)
SILENT = Broken("The worker that ran it was lost.", "lost")
DONE = Completed({})


class Bench:
    """One agent with work for it, and a session to which that is lent by hand."""

    def __init__(self) -> None:
        make_agent(breaker_failures=3, breaker_cooldown_seconds=30, max_concurrent_tasks=10)
        register(*chain("a"))
        self.session = sessions.open_session()

    def lend(self, number: int = 1) -> list[Work]:
        """Start executions, and what of all that waits is lent."""
        for _ in range(number):
            engine.start_workflow("flow")
        return advancing.exchange(self.session, [], number)

    def give(self, *results: advancing.Result) -> None:
        """Lend as many and settle them in one exchange, in this order."""
        works = self.lend(len(results))
        assert len(works) == len(results)
        advancing.report(self.session, list(zip(works, results, strict=True)))

    def open(self) -> None:
        self.give(*[FAILED] * breaker().threshold)
        assert state() == "open"


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    held = Task.objects.filter(session=made.session)
    advancing.report(made.session, [(claiming.in_hand(one), Released()) for one in held])
    sessions.close_session(made.session)


def breaker() -> Breaker:
    """The breaker of echo; whoever claims reads the same state."""
    found = Breaker.objects.get(pk="echo")
    members = LaneMember.objects.filter(agent_key="echo")
    assert set(members.values_list("breaker", flat=True)) <= {found.state}
    return found


def state() -> str:
    return breaker().state


def recorded() -> list[tuple[str, str, str | None]]:
    """What the audit says happened to breakers: from, to, by whom."""
    rows = AuditEvent.objects.filter(kind__startswith="agent.breaker_").order_by("id")
    return [(row.old_state or "", row.new_state or "", row.actor) for row in rows]


OPENED = ("closed", "open", "system")
TRIED = ("open", "half_open", "system")
