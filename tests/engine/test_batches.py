"""A verb over everything that a filter finds, worked off by the workers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from agents import runner
from agents.housekeeping import Housekeeping
from tests.engine.conftest import Clock, together
from tests.engine.test_leases import in_a_dying_worker
from tests.factories import chain, human, make_agent, make_user, node, register, start, step, task
from workflows import engine, jobs, queue
from workflows.engine import incidents, lookout, operations, sessions, working_off
from workflows.engine.operations import Refusals, Target
from workflows.errors import InvalidInput, StaleState, UnknownBatch
from workflows.models import AuditEvent, Batch, BatchItem, Execution, Workflow

pytestmark = pytest.mark.django_db(transaction=True)


def runs(number: int, key: str = "flow") -> list[Execution]:
    register(human("ask"), key=key)
    return [engine.start_workflow(key) for _ in range(number)]


def states() -> list[str]:
    return list(Execution.objects.order_by("pk").values_list("state", flat=True))


def results(batch: Batch) -> list[tuple[int, str]]:
    return list(batch.items.order_by("execution_id").values_list("execution_id", "result"))


def desk(kind: str) -> AuditEvent:
    return AuditEvent.objects.get(execution=None, kind=kind)


def test_everything_that_the_filter_finds_is_paused_and_nothing_else() -> None:
    ours, others = runs(3), runs(2, key="other")
    engine.cancel(ours[0].pk, by=None)
    ada = make_user("ada", "operator")
    batch = engine.create_batch("pause", {"workflow": "flow"}, by=ada, reason="stock count")
    later = engine.start_workflow("flow")
    assert working_off.work_off() == 2
    batch.refresh_from_db()
    assert (batch.total, batch.done, batch.refused, batch.is_gathered) == (2, 2, 0, True)
    assert batch.finished_at is not None
    assert results(batch) == [(ours[1].pk, "done"), (ours[2].pk, "done")]
    assert states() == ["cancelled", "paused", "paused", "pending", "pending", "pending"]
    assert later.pk > others[-1].pk
    row = ours[1].audit_events.get(kind="execution.paused")
    assert (row.actor, row.data["reason"]) == ("user:ada", f"stock count (batch {batch.pk})")
    assert desk("batch.created").data["filter"] == {"workflow": "flow"}
    assert desk("batch.finished").data == {"total": 2, "done": 2, "refused": 0}


def test_the_other_verbs() -> None:
    make_agent(tool="tests.fail")
    for _ in range(2):
        start(*chain("a"), input={"permanent": True})
    runner.drain()
    for verb, state in (("retry", "pending"), ("pause", "paused"), ("resume", "running")):
        engine.create_batch(verb, {}, by=None)
        working_off.work_off()
        assert states() == [state] * 2
    engine.create_batch("cancel", {"state": "running"}, by=None)
    working_off.work_off()
    assert states() == ["cancelled"] * 2


def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is killed after the verb and before its result is kept: both are undone together."""
    runs(3)
    batch = engine.create_batch("pause", {}, by=None)
    update = QuerySet.bulk_update

    def killed(*args: Any, **kwargs: Any) -> None:
        update(*args, **kwargs)
        raise SystemExit

    monkeypatch.setattr(QuerySet, "bulk_update", killed)
    with pytest.raises(SystemExit):
        working_off.work_off()
    monkeypatch.undo()
    assert states() == ["pending"] * 3
    working_off.work_off()
    batch.refresh_from_db()
    assert (batch.done, states()) == (3, ["paused"] * 3)


def test_the_sweep_revives_a_batch_that_nobody_touches(clock: Clock) -> None:
    runs(1)
    engine.create_batch("pause", {}, by=None)
    queue.OrmQ.objects.all().delete()
    working_off.sweep()
    assert not queue.get_broker().waiting(queue.BATCH_JOB), "it has only just been touched"
    clock.shift(60)
    working_off.sweep()
    assert queue.get_broker().waiting(queue.BATCH_JOB) == 1
    working_off.sweep()
    assert queue.get_broker().waiting(queue.BATCH_JOB) == 1


def test_many_workers_at_once_carry_out_each_item_once() -> None:
    executions = runs(30)
    batch = engine.create_batch("pause", {}, by=None)
    assert not [one for one in together(*[jobs.work_off_batches] * 4) if one is not None]
    working_off.work_off()
    batch.refresh_from_db()
    assert (batch.total, batch.done, batch.refused) == (30, 30, 0)
    for execution in executions:
        assert execution.audit_events.filter(kind="execution.paused").count() == 1


@pytest.mark.parametrize("shape", [chain("a", "b"), [step("a"), node("b", "inclusive", "a")]])
def test_a_group_takes_as_many_statements_as_a_single_item(shape: list[dict[str, Any]]) -> None:
    """Whatever the verb: what an item costs is not a round trip of its own."""
    make_agent(tool="tests.fail")
    register(*shape)
    single = [engine.start_workflow("flow", {"permanent": True})]
    group = [engine.start_workflow("flow", {"permanent": True}) for _ in range(20)]
    runner.drain()
    for verb in ("retry", "pause", "resume", "cancel"):
        counts = []
        for executions in (single, group):
            batch = engine.create_batch(verb, {}, by=None)
            Batch.objects.filter(pk=batch.pk).update(total=len(executions))
            BatchItem.objects.bulk_create(
                BatchItem(batch=batch, execution=one) for one in executions
            )
            items = list(batch.items.values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as queries:
                working_off._settled(batch, items)
            counts.append(len([one for one in queries if "demo_reservation" not in one["sql"]]))
            assert set(batch.items.values_list("result", flat=True)) == {"done"}
            batch.delete()
        assert counts[0] == counts[1], verb


def test_an_item_that_breaks_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executions = runs(3)
    batch = engine.create_batch("pause", {}, by=None)

    def breaking(targets: list[Target], **said: Any) -> Refusals:
        if executions[1] in [target.execution for target in targets]:
            operations.pause(targets, **said)
            raise ZeroDivisionError
        return operations.pause(targets, **said)

    monkeypatch.setitem(working_off.VERBS, "pause", breaking)
    working_off.work_off()
    assert states() == ["paused", "pending", "paused"]
    assert batch.items.get(result="refused").message == "It broke; see the log."


def test_a_large_batch_is_gathered_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_off, "CHUNK", 4)
    runs(10)
    batch = engine.create_batch("cancel", {}, by=None)
    working_off.work_off()
    batch.refresh_from_db()
    assert (batch.total, batch.done) == (10, 10)
    assert states() == ["cancelled"] * 10


def test_what_is_refused_says_why_and_the_rest_goes_on() -> None:
    executions = runs(2)
    batch = engine.create_batch("pause", {}, by=None)
    working_off._gather(batch.pk)
    engine.pause(executions[0].pk, by=None)
    working_off.work_off()
    batch.refresh_from_db()
    assert (batch.done, batch.refused) == (1, 1)
    assert "cannot go from paused to paused" in batch.items.get(result="refused").message
    assert executions[0].audit_events.filter(kind="transition.refused").exists()


def test_a_batch_is_cancelled_and_what_is_left_is_left_alone() -> None:
    runs(3)
    batch = engine.create_batch("pause", {}, by=None)
    working_off._gather(batch.pk)
    first = batch.items.order_by("pk").first()
    assert first is not None
    working_off._settled(batch, [first.pk])
    engine.cancel_batch(batch.pk, by=make_user("ada"), reason="enough")
    assert working_off.work_off() == 0
    assert states() == ["pending", "pending", "paused"]
    assert desk("batch.stopped").data["why"] == "enough"
    with pytest.raises(StaleState):
        engine.cancel_batch(batch.pk, by=None)
    with pytest.raises(UnknownBatch):
        engine.cancel_batch(0, by=None)


def test_whoever_loses_the_right_loses_the_batch() -> None:
    runs(2)
    ada = make_user("ada", "operator")
    batch = engine.create_batch("pause", {}, by=ada)
    ada.groups.remove(Group.objects.get(name="operator"))
    working_off.work_off()
    batch.refresh_from_db()
    assert batch.is_stopped
    assert states() == ["pending"] * 2


@pytest.mark.parametrize(
    ("verb", "asked", "told"),
    [
        ("delete", {}, "“delete” is none of pause"),
        ("pause", {"state": "odd"}, "state: there is no “odd”"),
        ("pause", {"workflow": "none"}, "workflow: there is no “none”"),
        ("retry", {"incident": "x"}, "is not the key"),
        ("cancel", {"incident": f"1-{'a' * 32}"}, "only be retried"),
        ("retry", {"incident": f"1-{'a' * 32}", "q": "x"}, "stands alone, without q"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(verb: str, asked: dict, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        engine.create_batch(verb, asked, by=None)


def test_a_batch_that_was_not_committed_is_not_queued() -> None:
    with transaction.atomic():
        engine.create_batch("pause", {}, by=None)
        transaction.set_rollback(True)
    assert not Batch.objects.exists()
    assert not queue.get_broker().waiting(queue.BATCH_JOB)


def test_a_filter_that_names_nothing_any_more_finds_nothing_instead_of_everything() -> None:
    runs(2)
    batch = engine.create_batch("cancel", {"workflow": "flow"}, by=None)
    Workflow.objects.update(key="renamed")
    working_off.work_off()
    batch.refresh_from_db()
    assert "names nothing any more" in batch.stopped_because
    assert states() == ["pending"] * 2


def test_a_slice_that_ends_before_the_batch_does_queues_the_rest() -> None:
    runs(2)
    engine.create_batch("pause", {}, by=None)
    queue.OrmQ.objects.all().delete()
    working_off.work_off(seconds=0)
    assert queue.get_broker().waiting(queue.BATCH_JOB) == 1


def broken(message: str, key: str = "flow") -> Execution:
    """An execution whose step failed by hand with a message."""
    execution = start(step("a"), key=key)
    engine.transition_state(execution.pk, "a", "running", by=None)
    engine.transition_state(execution.pk, "a", "failed", by=None, reason=message)
    return execution


def test_failures_are_grouped_by_what_they_have_in_common() -> None:
    broken("Timeout after 31 s at order 7")
    last = broken("Timeout after 9 s at order 123456")
    broken("Refused by 9f86d081884c7d65")
    broken("Timeout after 9 s at order 1", key="other")
    found = incidents.incidents()
    assert [(one.workflow.key, one.failures) for one in found] == [
        ("other", 1),
        ("flow", 1),
        ("flow", 2),
    ]
    assert found[2].task.execution_id == last.pk
    assert found[2].first_at < found[2].last_at


def test_an_incident_is_retried_as_a_batch_and_is_gone() -> None:
    fixed, other = [broken(f"Timeout {n}") for n in range(3)], broken("Something else")
    engine.cancel(fixed[0].pk, by=None)
    key = next(one.key for one in incidents.incidents() if one.failures == 2)
    batch = engine.create_batch("retry", {"incident": key}, by=None, reason="fixed")
    working_off.work_off()
    batch.refresh_from_db()
    assert (batch.total, batch.done) == (2, 2)
    assert states() == ["cancelled", "pending", "pending", "failed"]
    assert [one.task.execution_id for one in incidents.incidents()] == [other.pk]


def test_the_sweeper_alone_revives_what_has_stalled_and_finds_it_in_its_one_look(
    clock: Clock,
) -> None:
    runs(1)
    engine.create_batch("pause", {}, by=None)
    queue.OrmQ.objects.all().delete()
    house, sweeper = Housekeeping(0), connection.copy()
    clock.shift(20)
    with CaptureQueriesContext(connection) as queries:
        house.look_around()
    assert (len(queries), house.view.has_stalled) == (1, False)
    house.stand_down()
    clock.shift(20)
    of_the_place = "SELECT pg_advisory_{}(%s)"
    with sweeper.cursor() as cursor:
        cursor.execute(of_the_place.format("lock"), [lookout.SWEEPER_LOCK])
        house.look_around()
        assert (house.view.has_stalled, house.view.is_sweeper) == (True, False)
        assert queue.get_broker().waiting(queue.BATCH_JOB) == 0
        cursor.execute(of_the_place.format("unlock"), [lookout.SWEEPER_LOCK])
    sweeper.close()
    house.look_around()
    assert queue.get_broker().waiting(queue.BATCH_JOB) == 1
    house.stand_down()


def test_work_in_doubt_is_not_retried_with_the_rest() -> None:
    make_agent(tool="tests.only_once")
    execution = start(step("charge"))
    in_a_dying_worker()
    sessions.reap()
    doubted = engine.create_batch("retry", {}, by=None)
    incident = incidents.incidents()[0].key
    grouped = engine.create_batch("retry", {"incident": incident}, by=None)
    working_off.work_off()
    assert results(doubted) == results(grouped) == [(execution.pk, "refused")]
    assert "say first whether it was done" in doubted.items.get().message
    execution.refresh_from_db()
    assert (execution.state, task(execution, "charge").attempt) == ("failed", 1)
