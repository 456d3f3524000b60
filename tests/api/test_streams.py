"""GET executions/{id}/events and the limits of bodies, spoken to the ASGI application directly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from tests.api.conftest import Program, limited
from tests.factories import chain, kinds, make_agent, register
from tests.live.browser import nothing
from tests.web.conftest import completed, ran
from workflows import engine
from workflows.api import bodies, streams
from workflows.engine import api_tokens, transitions
from workflows.live import stream
from workflows.live.admission import in_thread
from workflows.live.stream import Live
from workflows.models import ApiToken, AuditEvent, Execution

pytestmark = pytest.mark.django_db(transaction=True)


class Call:
    """One request: its status, and its events or its problem."""

    def __init__(
        self, front: streams.Front, path: str, text: str, method: str = "GET", **headers: str
    ) -> None:
        sent = {"authorization": f"Bearer {text}", **headers}
        self.scope = {
            "type": "http", "path": f"/api/v1/{path}", "method": method, "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in sent.items()],
        }  # fmt: skip
        self.parts: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        if method == "GET":
            self.parts.put_nowait({"type": "http.request", "body": b""})
        self.task = asyncio.ensure_future(front(self.scope, self.parts.get, self.sent.put))

    async def status(self) -> int:
        start = await asyncio.wait_for(self.sent.get(), 60)
        self.headers = dict(start["headers"])
        return int(start["status"])

    async def problem(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self.sent.get(), 60)
        assert self.headers[b"content-type"] == b"application/problem+json"
        return dict(json.loads(message["body"]))

    async def events(self) -> AsyncIterator[dict[str, str]]:
        """Each event's id, event and data, until the stream ends."""
        while True:
            message = await asyncio.wait_for(self.sent.get(), 60)
            for event in message["body"].decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
                if "event" in fields:
                    yield fields
            if not message.get("more_body"):
                return

    async def until(self, name: str) -> list[dict[str, str]]:
        found = []
        async for event in self.events():
            found.append(event)
            if event["event"] == name:
                return found
        raise EOFError(name)

    async def close(self) -> None:
        self.parts.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, 60)


def in_loop(test: Callable[[streams.Front], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        live = Live(nothing)
        front = streams.Front(live, otherwise=live)
        try:
            await test(front)
        finally:
            live.shutdown()
            await asyncio.sleep(0)
            await asyncio.gather(*live._tasks, return_exceptions=True)

    asyncio.run(run())


def started() -> Execution:
    make_agent()
    register(*chain("a", "b"))
    return engine.start_workflow("flow")


def test_a_run_is_followed_live_from_its_first_row_to_its_end(operator: Program) -> None:
    execution = started()

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        assert [e["event"] for e in await call.until("execution.created")] == ["execution.created"]
        running = asyncio.ensure_future(in_thread(ran, execution))
        rest = await call.until("end")
        await running
        assert json.loads(rest[-1]["data"]) == {"status": "completed"}
        wanted = await in_thread(kinds, execution)
        assert ["execution.created", *(e["event"] for e in rest[:-1])] == wanted
        assert [int(event["id"]) for event in rest[:-1]] == list(range(2, len(rest) + 1))
        with pytest.raises(EOFError):
            await call.until("anything")
        await call.task
        assert not front.live.hub.clients

    in_loop(test)


def test_the_data_is_the_row_on_one_line(operator: Program) -> None:
    execution = started()
    engine.cancel(execution.pk, by=None, reason="first\r\nevent: forged\ndata: x")

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        found = await call.until("end")
        assert "forged" not in {event["event"] for event in found}
        row = json.loads(found[-2]["data"])
        assert (row["seq"], row["hash"]) == await in_thread(_last, execution.pk)
        assert row["data"]["reason"].endswith("data: x")

    in_loop(test)


def _last(execution_id: int) -> tuple[int, str]:
    row = AuditEvent.objects.filter(execution=execution_id).latest("seq")
    return row.seq, row.hash


def test_who_comes_back_gets_what_came_after_the_last_id(operator: Program) -> None:
    execution = completed()
    count = execution.audit_events.count()

    async def test(front: streams.Front) -> None:
        for last, missed in (("3", count - 3), (str(count), 0), ("9" * 18, 0)):
            path = f"executions/{execution.pk}/events"
            call = Call(front, path, operator.text, last_event_id=last)
            assert await call.status() == 200
            assert len(await call.until("end")) == missed + 1

    in_loop(test)


@pytest.mark.parametrize("last", ["-1", "x", "9" * 400, "1;DROP", "٣", "1.5"])
def test_a_hostile_last_event_id_replays_everything(operator: Program, last: str) -> None:
    execution = completed()
    count = execution.audit_events.count()

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text, last_event_id=last)
        assert await call.status() == 200
        assert len(await call.until("end")) == count + 1

    in_loop(test)


def test_a_long_history_comes_whole(operator: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.api.auditing.ROWS_AT_ONCE", 2)
    execution = completed()
    wanted = list(range(1, execution.audit_events.count() + 1))

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        assert [int(event["id"]) for event in (await call.until("end"))[:-1]] == wanted

    in_loop(test)


def test_who_may_not_follow_is_told_so(
    operator: Program, approver: Program, stranger: Program
) -> None:
    execution = completed()
    texts = {
        "sbx_x": 401, operator.text[:-1] + "!": 401, stranger.text: 403, approver.text: 403,
        limited(operator, "start", "operate").text: 403,
    }  # fmt: skip

    async def test(front: streams.Front) -> None:
        for text, status in texts.items():
            call = Call(front, f"executions/{execution.pk}/events", text)
            assert await call.status() == status
            assert (await call.problem())["status"] == status
        missing = Call(front, "executions/999/events", operator.text)
        assert await missing.status() == 404
        assert (await missing.problem())["detail"] == "There is no execution 999."

    in_loop(test)


def test_what_was_written_while_nobody_listened_is_told_then(operator: Program) -> None:
    execution = started()
    unheard = transitions.Entry("unheard", "execution", str(execution.pk), "system", execution.pk)

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        await call.until("execution.created")
        while not front.live.hub.mark:
            await asyncio.sleep(0.01)
        await in_thread(transitions.record, [unheard])
        front.live.hub.resync()
        assert len(await call.until("unheard")) == 1

    in_loop(test)


@pytest.mark.parametrize("loss", ["role", "token", "account"])
def test_losing_the_role_the_token_or_the_account_ends_the_stream(
    operator: Program, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "RECHECK_SECONDS", 0.05)
    execution = started()

    def lose() -> None:
        if loss == "role":
            Group.objects.get(name="operator").user_set.clear()
        elif loss == "token":
            api_tokens.revoke(ApiToken.objects.get(prefix=operator.text[:12]), by=None)
        else:
            operator.user.is_active = False
            operator.user.save()

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        await call.until("execution.created")
        await in_thread(lose)
        with pytest.raises(EOFError):
            await call.until("end")
        await call.task
        assert not front.live.hub.clients

    in_loop(test)


def test_the_caps_of_the_browsers_streams_hold_here_too(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = started()
    path = f"executions/{execution.pk}/events"

    async def test(front: streams.Front) -> None:
        calls = [Call(front, path, operator.text) for _ in range(stream.STREAMS_PER_USER)]
        for call in calls:
            assert await call.status() == 200
            await call.until("execution.created")
        over = Call(front, path, operator.text)
        assert await over.status() == 429
        assert (await over.problem())["title"] == "Too Many Requests"
        await calls[0].close()
        assert await Call(front, path, operator.text).status() == 200
        monkeypatch.setattr(stream, "STREAMS_PER_PROCESS", 1)
        assert await Call(front, path, operator.text).status() == 503

    in_loop(test)


def test_shutting_down_ends_the_stream(operator: Program) -> None:
    execution = started()

    async def test(front: streams.Front) -> None:
        call = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await call.status() == 200
        await call.until("execution.created")
        front.live.shutdown()
        with pytest.raises(EOFError):
            await call.until("end")
        again = Call(front, f"executions/{execution.pk}/events", operator.text)
        assert await again.status() == 503

    in_loop(test)


def test_a_stream_that_waits_owns_no_connection(operator: Program) -> None:
    execution = started()

    def others() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    async def test(front: streams.Front) -> None:
        path = f"executions/{execution.pk}/events"
        before = await in_thread(others)
        calls = [Call(front, path, operator.text) for _ in range(5)]
        for call in calls:
            assert await call.status() == 200
            await call.until("execution.created")
        while not front.live.hub.mark:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(60):  # what the calls have read with is given back by and by
            while await in_thread(others) > before + 1:  # the listener's
                await asyncio.sleep(0.01)

    in_loop(test)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_never_reaches_django(operator: Program, declared: bool) -> None:
    async def test(front: streams.Front) -> None:
        length = {"content_length": str(bodies.LARGEST + 1)} if declared else {}
        call = Call(front, "workflows", operator.text, "POST", **length)
        for _ in range(0 if declared else 17):
            part = {"type": "http.request", "body": b"x" * (1 << 16), "more_body": True}
            call.parts.put_nowait(part)
        assert await call.status() == 413
        assert (await call.problem())["status"] == 413
        assert call.headers[b"connection"] == b"close"

    in_loop(test)


def test_a_body_that_does_not_arrive_is_given_up(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ARRIVES_WITHIN", 0.05)

    async def test(front: streams.Front) -> None:
        call = Call(front, "workflows", operator.text, "POST")
        call.parts.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
        assert await call.status() == 408

    in_loop(test)


def test_a_body_within_the_limit_reaches_django_whole(operator: Program) -> None:
    seen = bytearray()

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((await receive())["body"])
        await nothing(scope, receive, send)

    async def test(front: streams.Front) -> None:
        front.otherwise = pages
        call = Call(front, "workflows", operator.text, "POST")
        for part, more in ((b'{"a":', True), (b" 1}", False)):
            call.parts.put_nowait({"type": "http.request", "body": part, "more_body": more})
        assert await call.status() == 204
        assert bytes(seen) == b'{"a": 1}'

    in_loop(test)
