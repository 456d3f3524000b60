from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from tests.factories import chain, make_agent, make_user, register
from tests.live.browser import Stream, nothing
from tests.ops.waiting import until
from workflows import engine
from workflows.engine import transitions
from workflows.live import stream
from workflows.live.admission import in_thread
from workflows.live.stream import Live
from workflows.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    make_agent()
    register(*chain("a"))
    return client_of(make_user("ada", "operator"))


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def in_loop(test: Callable[[Live], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        live = Live(nothing)
        try:
            await test(live)
        finally:
            live.shutdown()
            await asyncio.sleep(0.05)
            await asyncio.gather(*live._tasks, return_exceptions=True)

    asyncio.run(run())


async def start() -> int:
    return (await in_thread(engine.start_workflow, "flow")).pk


async def listening(live: Live, client: Client, **asked: str) -> Stream:
    is_first = not live.hub.mark
    opened = Stream(live, client, **asked)
    assert await opened.status() == 200
    assert (await opened.event())[0] == "mark"
    if is_first:  # the process listens to the database from now on
        assert (await opened.event())[0] == "resync"
    return opened


@pytest.mark.alone
def test_a_commit_is_told_within_200_ms(operator: Client) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        took: list[float] = []
        while not took or (min(took) >= 0.2 and len(took) < 20):  # the machine may be busy
            execution = await start()
            begun = time.monotonic()
            told: list[int] = []
            while execution not in told:  # what else a start changes may be told by itself
                name, data, _mark = await tab.event()
                assert name == "changed"
                told = data["executions"]
            took.append(time.monotonic() - begun)
            assert told == [execution]
        assert min(took) < 0.2, took

    in_loop(test)


def test_an_event_carries_ids_and_topics_only(operator: Client) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        await start()
        _name, data, _mark = await tab.event()
        assert set(data) == {"executions", "topics"}

    in_loop(test)


@pytest.mark.parametrize("count", [401, 2000])
def test_each_of_many_that_change_at_once_is_named(operator: Client, count: int) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        await in_thread(transitions.doorbell, range(1, 1 + count), "agents")
        told, topics = set[int](), set[str]()
        while len(told) < count or not topics:
            _name, data, _mark = await tab.event()
            told |= set(data["executions"])
            topics |= set(data["topics"])
        assert (told, topics) == (set(range(1, 1 + count)), {"agents"})

    in_loop(test)


def test_of_more_than_can_be_named_it_is_told_that_they_are_many(operator: Client) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        await in_thread(transitions.doorbell, range(1, 2002))
        _name, data, _mark = await tab.event()
        assert data == {"executions": [], "topics": ["executions"]}

    in_loop(test)


def test_what_was_missed_is_told_on_reconnecting(operator: Client) -> None:
    last = str(AuditEvent.objects.latest("pk").pk)
    missed = engine.start_workflow("flow").pk

    async def test(live: Live) -> None:
        for asked in ({"last": last}, {"query": f"last={last}"}, {"query": "since=1000000000"}):
            tab = Stream(live, operator, **asked)
            assert await tab.status() == 200
            _name, data, _mark = await tab.event()
            assert missed in data["executions"]
            assert data["topics"]

    in_loop(test)


def test_a_page_asks_for_what_changes_from_the_moment_it_was_asked_for(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime.fromtimestamp(1_800_000_000.25, UTC)
    monkeypatch.setattr("workflows.clock.now", lambda: moment)
    page = operator.get("/executions/").content.decode()
    assert 'data-received="1800000000.250"' in page


def test_too_much_missed_is_one_resync(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.live.admission.REPLAY_LIMIT", 2)
    for _ in range(3):
        engine.start_workflow("flow")

    async def test(live: Live) -> None:
        tab = Stream(live, operator, last="0")
        assert await tab.status() == 200
        assert (await tab.event())[0] == "resync"

    in_loop(test)


@pytest.mark.parametrize("asked", ["last=0", "since=1000000000"])
def test_more_rows_than_are_read_are_one_resync(
    operator: Client, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """What is not read might be about the very execution that a page shows."""
    engine.start_workflow("flow")
    monkeypatch.setattr("workflows.live.admission.ROWS_READ", AuditEvent.objects.count() - 1)

    async def test(live: Live) -> None:
        tab = Stream(live, operator, query=asked)
        assert await tab.status() == 200
        assert (await tab.event())[0] == "resync"

    in_loop(test)


@pytest.mark.parametrize("last", ["-1", "x", "9" * 400, "1;DROP", "٣".encode().decode("latin-1")])
def test_a_hostile_last_event_id_does_no_harm(operator: Client, last: str) -> None:
    async def test(live: Live) -> None:
        for asked in ({"last": last}, {"query": f"since={last}"}):
            tab = Stream(live, operator, **asked)
            assert await tab.status() == 200
            assert (await tab.event())[0] == "mark"

    in_loop(test)


def test_who_may_not_listen_is_told_so(operator: Client) -> None:
    stranger = client_of(make_user("mallory"))

    async def test(live: Live) -> None:
        assert await Stream(live, None).status() == 401
        assert await Stream(live, None, cookie="sessionid=\x00;;;=").status() == 401
        assert await Stream(live, stranger).status() == 403
        assert await Stream(live, operator, query="check=1").status() == 204

    in_loop(test)


@pytest.mark.parametrize("loss", ["role", "session", "account"])
def test_losing_a_role_a_session_or_the_account_ends_the_stream(
    operator: Client, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "RECHECK_SECONDS", 0.05)

    def lose() -> None:
        if loss == "role":
            Group.objects.get(name="operator").user_set.clear()
        elif loss == "session":
            operator.logout()
        else:
            User.objects.update(is_active=False)

    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        await in_thread(lose)
        with pytest.raises(EOFError):
            await tab.event()
        await tab.task
        assert not live.hub.clients

    in_loop(test)


def test_a_user_has_ten_streams_and_a_process_has_a_limit(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(live: Live) -> None:
        tabs = [await listening(live, operator) for _ in range(stream.STREAMS_PER_USER)]
        assert await Stream(live, operator).status() == 429
        await tabs[0].close()
        assert await Stream(live, operator).status() == 200
        monkeypatch.setattr(stream, "STREAMS_PER_PROCESS", 1)
        assert await Stream(live, operator).status() == 503

    in_loop(test)


def test_a_browser_that_leaves_leaves_nothing_behind(operator: Client) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        await tab.close()
        assert not live.hub.clients

    in_loop(test)


def test_shutting_down_ends_streams_and_takes_no_more(operator: Client) -> None:
    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        live.shutdown()
        with pytest.raises(EOFError):
            await tab.event()
        assert await Stream(live, operator).status() == 503

    in_loop(test)


LISTENERS = """
    FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()
    AND (query LIKE 'SELECT coalesce(max(id)%' OR query = 'LISTEN signalbox_live')
"""


def test_a_stream_holds_no_connection_and_the_listener_comes_back(operator: Client) -> None:
    def cut() -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) {LISTENERS}")
            return cursor.rowcount

    def is_quiet() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) {LISTENERS}")
            return cursor.fetchone()[0] == 0

    until(is_quiet)  # the listener of another test may still be on its way out

    async def test(live: Live) -> None:
        tabs = [await listening(live, operator) for _ in range(3)]
        assert await in_thread(cut) == 1
        assert (await tabs[0].event())[0] == "resync"
        await start()
        assert (await tabs[1].event())[0] == "resync"
        assert (await tabs[1].event())[0] == "changed"

    in_loop(test)


def test_when_one_of_a_pair_breaks_both_begin_anew_and_nobody_listens_twice(
    operator: Client,
) -> None:
    async def test(live: Live) -> None:
        await listening(live, operator)
        listener, recheck = live._tasks
        recheck.cancel()
        await asyncio.gather(recheck, return_exceptions=True)
        assert await Stream(live, operator).status() == 200
        async with asyncio.timeout(60):
            await asyncio.gather(listener, return_exceptions=True)
        assert not any(task.done() for task in live._tasks)

    in_loop(test)


def test_a_quiet_stream_beats(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)

    async def test(live: Live) -> None:
        tab = await listening(live, operator)
        message = await tab.sent.get()
        assert message["body"].startswith(b": ")

    in_loop(test)


def test_everything_else_is_left_to_the_pages(operator: Client) -> None:
    async def test(live: Live) -> None:
        other = Stream.__new__(Stream)
        other.sent = asyncio.Queue()
        scope = {"type": "http", "path": "/", "method": "GET", "headers": [], "query_string": b""}
        await live(scope, other._receive, other.sent.put)
        assert await other.status() == 204

    in_loop(test)
