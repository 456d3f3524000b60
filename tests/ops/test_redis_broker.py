"""Redis as broker: what is queued when, and what becomes of work whose message was lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import transaction
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.signing import SignedPackage

from agents import runner
from config import broker
from config.errors import StartError
from config.supervisor.child import Child
from config.supervisor.watchdog import Watchdog
from tests.factories import make_agent, register, step
from tests.ops import redis_server
from tests.ops.processes import kill, wait_for_end
from tests.ops.redis_server import RedisServer
from tests.ops.waiting import until
from tests.scenarios import product
from workflows import engine, jobs, queue

pytestmark = pytest.mark.ops
ORDER = {
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 1}],
    "total_amount": 99.5,
}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server.running() as found:
        yield found


@pytest.fixture
def as_broker(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> RedisServer:
    """This process queues in Redis, as SIGNALBOX_BROKER makes it."""
    chosen = broker.cluster_options(server.address)
    monkeypatch.setattr(Conf, "BROKER_CLASS", chosen["broker_class"])
    monkeypatch.setattr(Conf, "REDIS", chosen["redis"])
    return server


def queued(server: RedisServer) -> list[str]:
    messages = server.client.lrange(get_broker().list_key, 0, -1)
    return [SignedPackage.loads(message.decode())["func"] for message in messages]


def test_a_wake_up_is_queued_when_its_work_is_committed_and_not_before(
    as_broker: RedisServer, settings: Any
) -> None:
    settings.WORKERS = 2
    make_agent()
    register(step("a"))
    with transaction.atomic():
        engine.start_workflow("flow")
        assert queued(as_broker) == []
    assert queued(as_broker) == [queue.WORK_JOB] * 2


def test_work_that_was_rolled_back_is_not_announced(as_broker: RedisServer) -> None:
    make_agent()
    register(step("a"))
    with transaction.atomic():
        engine.start_workflow("flow")
        transaction.set_rollback(True)
    assert queued(as_broker) == []


def test_many_callers_queue_one_wake_up_per_slot(as_broker: RedisServer, settings: Any) -> None:
    settings.WORKERS = 2
    for _ in range(5):
        queue.wake()
        queue.fill_slots()
    assert queued(as_broker) == [queue.WORK_JOB] * 2


def test_a_message_of_another_installation_is_not_counted_as_ours(
    as_broker: RedisServer, settings: Any
) -> None:
    settings.WORKERS = 1
    as_broker.client.rpush(get_broker().list_key, "signed elsewhere", b"\xff")
    queue.fill_slots()
    assert get_broker().waiting(queue.WORK_JOB) == 1


def test_one_canary_at_a_time_goes_through_the_queue(as_broker: RedisServer) -> None:
    queue.send_canary()
    queue.send_canary()
    reader = get_broker()
    ((_, message),) = reader.dequeue() or []
    assert SignedPackage.loads(message.decode())["func"] == queue.CANARY_JOB
    jobs.answer_canary()
    assert queue.is_alive()


def test_an_execution_starts_while_redis_is_away(as_broker: RedisServer) -> None:
    make_agent()
    register(step("a"))
    as_broker.kill()
    assert engine.start_workflow("flow").state == "pending"
    with pytest.raises(queue.BrokerAway, match="Redis does not answer"):
        queue.fill_slots()


def test_a_reader_makes_up_for_lost_messages(
    as_broker: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WORKERS = 1
    monkeypatch.setattr(queue, "SWEEP_SECONDS", 0.0)
    reader = get_broker()
    reader.sweep()
    as_broker.kill()
    assert reader.dequeue() is None
    as_broker.start()
    ((_, message),) = until(reader.dequeue)
    assert SignedPackage.loads(message.decode())["func"] == queue.WORK_JOB


def test_a_session_keeps_its_slot_while_redis_is_away(as_broker: RedisServer) -> None:
    over = runner.End(0.0)
    as_broker.kill()
    assert runner._must_stay(over)
    assert not over.has_come
    over.come_now()
    assert not runner._must_stay(over)
    over.close()


def test_an_absent_redis_is_not_the_workers_fault(as_broker: RedisServer) -> None:
    as_broker.kill()
    worker = Child("worker", [], {}, Path(), started_at=-100.0)
    dog = Watchdog(None, worker, threading.Event())
    dog._tend_queue(worker)
    dog._tend_queue(worker)
    assert not dog.stalled.is_set()


@pytest.mark.parametrize(
    "address",
    ["localhost:6379", "http://localhost/0", "redis://", "redis://host:port/0", "redis://h/one"],
)
def test_an_address_that_is_not_understood_is_explained(address: str) -> None:
    with pytest.raises(StartError, match="SIGNALBOX_BROKER is not understood: write it as redis:"):
        broker.cluster_options(address)


def test_a_missing_client_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker, "find_spec", lambda name: None)
    with pytest.raises(StartError, match="needs the Python package redis: install it"):
        broker.cluster_options("redis://localhost/0")


def test_a_server_that_does_not_answer_is_named_without_its_password(server: RedisServer) -> None:
    broker.require_answer(server.address)
    server.kill()
    with pytest.raises(StartError, match=f"at 127.0.0.1:{server.port} cannot be used") as told:
        broker.require_answer(f"redis://me:secret@127.0.0.1:{server.port}/0")
    assert "secret" not in str(told.value)


def test_without_a_setting_postgresql_is_the_broker() -> None:
    assert broker.cluster_options("") == {"broker_class": "workflows.queue.PostgresBroker"}
    broker.require_answer("")


def test_the_product_works_on_redis_and_outlives_its_absence(server: RedisServer) -> None:
    with product.running(SIGNALBOX_BROKER=server.address) as desk:
        _completes(desk, desk.start("order_processing_v1", order_id="REDIS-1", **ORDER))
        assert desk.ask("SELECT count(*) FROM django_q_ormq") == [(0,)]

        server.kill()
        _completes(desk, desk.start("order_processing_v1", order_id="REDIS-2", **ORDER))

        sessions = _sessions(desk)
        kill(sessions)
        wait_for_end(sessions)
        waiting = desk.start("order_processing_v1", order_id="REDIS-3", **ORDER)
        server.start()  # empty: whatever was queued is lost
        _completes(desk, waiting)
        assert desk.violations() == ""


def _sessions(desk: product.Product) -> list[psutil.Process]:
    pids = [pid for (pid,) in desk.ask("SELECT pid FROM workflows_session")]
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def _completes(desk: product.Product, execution: int) -> None:
    until(lambda: desk.state(execution) == "completed", 120)
