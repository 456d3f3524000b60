from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from workflows.live.frames import Changes
from workflows.live.hub import QUEUE_LIMIT, WINDOW_SECONDS, Client, Hub


def run(test: Callable[[Hub, Client], Coroutine[Any, Any, None]]) -> None:
    async def in_loop() -> None:
        hub, client = Hub(), Client(1, "s")
        hub.clients.add(client)
        await test(hub, client)

    asyncio.run(in_loop())


def told(client: Client) -> list[list[int]]:
    """The executions of each event that is queued."""
    found = []
    while not client.queue.empty():
        frame = client.queue.get_nowait()
        assert frame is not None
        found.append(json.loads(frame.decode().split("data: ")[1])["executions"])
    return found


def test_the_first_change_goes_out_at_once_and_the_rest_as_one() -> None:
    async def test(hub: Hub, client: Client) -> None:
        for _ in range(5):
            hub.publish(Changes({7}), 1)
        assert told(client) == [[7]]
        await asyncio.sleep(WINDOW_SECONDS * 1.5)
        assert told(client) == [[7]]
        await asyncio.sleep(WINDOW_SECONDS * 1.5)
        assert told(client) == []

    run(test)


def test_a_busy_execution_does_not_hold_up_a_quiet_one() -> None:
    async def test(hub: Hub, client: Client) -> None:
        hub.publish(Changes({7}), 1)
        hub.publish(Changes({7, 8}), 2)
        assert told(client) == [[7], [8]]

    run(test)


def test_a_slow_reader_gets_one_resync_instead_of_a_backlog() -> None:
    async def test(hub: Hub, client: Client) -> None:
        for number in range(QUEUE_LIMIT + 1):
            hub.publish(Changes({number}), number)
        assert client.queue.qsize() == 1
        frame = client.queue.get_nowait()
        assert frame is not None
        assert b"event: resync" in frame

    run(test)


def test_the_end_reaches_even_a_full_queue() -> None:
    async def test(hub: Hub, client: Client) -> None:
        for number in range(QUEUE_LIMIT):
            hub.publish(Changes({number}), number)
        hub.end()
        assert client.queue.get_nowait() is None

    run(test)


@pytest.mark.parametrize(
    ("payload", "executions", "topics"),
    [
        ("12,15", {12, 15}, set()),
        ("agents", set(), {"agents"}),
        ("12, approvals", {12}, {"approvals"}),
        ("", set(), set()),
        ("٣,-1,1e9,<b>,A\n,99999999999999999999", set(), set()),
    ],
)
def test_a_notification_is_read_strictly(
    payload: str, executions: set[int], topics: set[str]
) -> None:
    changes = Changes()
    changes.add(payload)
    assert (changes.executions, changes.topics) == (executions, topics)
