from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import runner
from tests.engine.conftest import Clock, at_work, together, wait_for_end
from tests.factories import chain, history, human, make_agent, make_user, register, start, step
from workflows import engine
from workflows.engine import advancing, firing, sessions, timers, transitions, triggers
from workflows.errors import InvalidDefinition
from workflows.models import Approval, AuditEvent, Execution, Firing, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def follow(key: str = "after", **settings: Any) -> Trigger:
    """A workflow that starts when one of “flow” has ended."""
    version = register(*chain("x"), key=key, triggers=[{"workflow": "flow", **settings}])
    return Trigger.objects.get(workflow=version.workflow)


def followers() -> list[Execution]:
    return list(Execution.objects.filter(workflow__key="after").order_by("pk"))


def test_the_end_of_one_workflow_starts_another_with_what_it_left() -> None:
    make_agent()
    register(*chain("a"))
    trigger = follow(mapping={"run": "execution_id", "how": "state", "total": "variables.total"})
    first = engine.start_workflow("flow", {"total": 5}, by=make_user())
    runner.drain()
    (second,) = followers()
    assert second.state == "completed"
    assert second.input == {"run": first.pk, "how": "completed", "total": 5}
    assert str(second.requested_by) == "ada"
    created = second.audit_events.get(kind="execution.created")
    assert created.data["cause"] == {
        "trigger": trigger.pk, "kind": "workflow_end", "execution": first.pk,
        "state": "completed", "depth": 1,
    }  # fmt: skip


def test_without_a_mapping_all_that_is_known_of_the_end_is_the_input() -> None:
    make_agent()
    register(*chain("a"))
    follow()
    first = engine.start_workflow("flow", {"total": 5})
    runner.drain()
    assert followers()[0].input == {
        "execution_id": first.pk, "state": "completed", "workflow": "flow",
        "variables": {"total": 5},
    }  # fmt: skip


def test_only_the_states_that_are_asked_for_start_it() -> None:
    make_agent()
    register(*chain("a"), human("ask", "a"), timeout_minutes=1)
    follow(states=["failed", "cancelled"])
    first, second = (engine.start_workflow("flow") for _ in "ab")
    runner.drain()
    engine.cancel(first.pk, by=None)
    timers.fail(second.pk, "It is too late.", "late")
    runner.drain()
    assert [one.input["state"] for one in followers()] == ["cancelled", "failed"]
    third = engine.start_workflow("flow")
    runner.drain()
    approval = Approval.objects.get(state="open")
    engine.decide(approval.pk, by=make_user("bob", "approver"), verdict="approve")
    runner.drain()
    third.refresh_from_db()
    assert third.state == "completed"
    assert len(followers()) == 2


def test_a_filter_sees_how_it_ended() -> None:
    make_agent()
    register(*chain("a"))
    follow(filter="state == 'completed' && variables.total > 3")
    for total in (3, 4):
        engine.start_workflow("flow", {"total": total})
    runner.drain()
    assert [one.input["variables"]["total"] for one in followers()] == [4]


def test_an_end_is_noted_in_the_transaction_that_ends_it_and_outlives_a_crash() -> None:
    make_agent()
    register(*chain("a"))
    follow()
    execution = engine.start_workflow("flow")
    engine.cancel(execution.pk, by=None)
    assert not Firing.objects.exists()
    execution = engine.start_workflow("flow")
    session_ends(execution)
    assert [row.outcome for row in Firing.objects.all()] == ["waiting"]
    assert timers.seconds_until_next() == 0
    # The process that ended it is gone; another one finds what it owes.
    assert timers.fire_due() == 1
    assert len(followers()) == 1
    assert timers.fire_due() == 0
    assert timers.seconds_until_next() is None


def session_ends(execution: Execution) -> None:
    """Ends it as a worker does that dies before it looks at anything else."""
    session = sessions.open_session()
    (work,) = advancing.exchange(session, [], 1)
    advancing.report(session, [(work, advancing.Completed({}))])
    sessions.close_session(session)
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_eight_sweeps_at_once_start_one_execution() -> None:
    make_agent()
    register(*chain("a"))
    follow()
    session_ends(engine.start_workflow("flow"))
    results = together(*[firing.fire_waiting] * 8)
    assert sum(int(str(result)) for result in results) == 1
    assert len(followers()) == 1


def test_a_retried_execution_is_told_of_once_for_each_state_it_ends_in() -> None:
    make_agent("fail", tool="tests.fail")
    register(step("a", capabilities=["fail"], input={"permanent": True}))
    make_agent()
    follow(states=["failed", "completed", "cancelled"])
    execution = engine.start_workflow("flow")
    runner.drain()
    for _ in range(2):
        engine.retry(execution.pk, by=None)
        runner.drain()
    engine.retry(execution.pk, by=None)
    engine.cancel(execution.pk, by=None)
    runner.drain()
    assert history(execution).count("execution failed") == 3
    assert [one.input["state"] for one in followers()] == ["failed", "cancelled"]


def test_workflows_that_start_themselves_are_stopped_with_the_reason() -> None:
    make_agent()
    register(*chain("a"))
    register(*chain("a"), triggers=[{"workflow": "flow"}])
    engine.start_workflow("flow")
    runner.drain()
    assert Execution.objects.count() == 1 + firing.LONGEST_CHAIN
    last = Firing.objects.latest("pk")
    assert last.outcome == "refused"
    assert "10 workflows have started one another" in last.problems[0]
    assert AuditEvent.objects.get(kind="firing.refused").data["problems"] == last.problems


def test_a_paused_chain_starts_nothing_and_nothing_later_for_what_ended_meanwhile() -> None:
    make_agent()
    register(*chain("a"))
    trigger = follow()
    triggers.pause(trigger.pk, by=None, reason="Not now.")
    engine.start_workflow("flow")
    runner.drain()
    triggers.resume(trigger.pk, by=None)
    runner.drain()
    assert followers() == []
    assert Firing.objects.get().problems == ["The trigger is paused. Not now."]


def test_a_trigger_that_is_deleted_before_it_fires_starts_nothing() -> None:
    make_agent()
    register(*chain("a"))
    trigger = follow()
    session_ends(engine.start_workflow("flow"))
    trigger.delete()
    assert timers.fire_due() == 1
    assert followers() == []
    assert Firing.objects.get().problems == ["The trigger has been deleted meanwhile."]


def test_an_idle_worker_goes_on_at_once_when_another_hand_ends_an_execution() -> None:
    make_agent()
    register(*chain("a"), human("ask", "a"))
    follow(states=["cancelled"])
    with at_work():
        execution = engine.start_workflow("flow")
        engine.cancel(execution.pk, by=None)
        (second,) = _appeared()
        wait_for_end(second)
    assert second.state == "completed"


def _appeared() -> list[Execution]:
    """The follower, as soon as its start is announced on the channel of the pages."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {transitions.LIVE_CHANNEL}")
    try:
        link: Any = connection.connection
        while not followers():
            if not list(link.notifies(timeout=60, stop_after=1)):
                raise AssertionError("nothing was started within a minute")
        return followers()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"UNLISTEN {transitions.LIVE_CHANNEL}")


def test_a_step_costs_no_statement_more_and_an_end_without_chains_neither() -> None:
    make_agent()
    follow_nothing = start(*chain("a", "b"))
    with CaptureQueriesContext(connection) as queries:
        runner.drain()
    assert not [query for query in queries if "INSERT INTO workflows_firing" in query["sql"]]
    follow_nothing.refresh_from_db()
    assert follow_nothing.state == "completed"
    assert not Firing.objects.exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workflow": "nowhere"}, "workflow: There is no workflow 'nowhere'."),
        ({"workflow": "flow", "states": []}, "states: Name at least one of the states"),
        ({"workflow": "flow", "states": ["paused"]}, "states: 'paused' is none of completed"),
        ({"workflow": "flow", "filter": "state =="}, "filter: “state ==”"),
        ({"workflow": "flow", "cron": "* * * * *"}, "“workflow” is no setting"),
    ],
)
def test_each_setting_is_checked(settings: dict[str, Any], message: str, clock: Clock) -> None:
    register(*chain("a"))
    with pytest.raises(InvalidDefinition) as refused:
        register(*chain("x"), key="after", triggers=[settings])
    assert any(message in str(problem) for problem in refused.value.problems)
