"""One per process: the open streams, and what of the notifications goes to them when.

The first change of an execution goes out at once; what follows within the window is sent as one.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from . import frames

QUEUE_LIMIT = 100
WINDOW_SECONDS = 0.1


class Client:
    """One stream's bounded queue: when it overflows, its content becomes one resync."""

    def __init__(self, user_id: int, session_key: str) -> None:
        self.user_id, self.session_key = user_id, session_key
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LIMIT)

    def put(self, frame: bytes | None, mark: int) -> None:
        """Queues a frame; None ends the stream."""
        if self.queue.full() or frame is None:
            while not self.queue.empty():
                self.queue.get_nowait()
            frame = frame and frames.resync(mark)
        self.queue.put_nowait(frame)


class Hub:
    """Fans changes out to clients. Every method runs in the event loop's thread."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.mark = 0
        self._held = frames.Changes()
        self._sent_at: dict[int | str, float] = {}
        self._flush: asyncio.TimerHandle | None = None

    def streams_of(self, user_id: int) -> int:
        """How many streams the user has open."""
        return Counter(client.user_id for client in self.clients)[user_id]

    def publish(self, changes: frames.Changes, mark: int) -> None:
        """Sends what has been quiet for a window now, and keeps the rest until its window ends."""
        self.mark = max(self.mark, mark)
        now = asyncio.get_running_loop().time()
        due = frames.Changes(
            {item for item in changes.executions if self._is_quiet(item, now)},
            {item for item in changes.topics if self._is_quiet(item, now)},
        )
        self._held.executions |= changes.executions - due.executions
        self._held.topics |= changes.topics - due.topics
        self._send(due, now)
        if self._held and self._flush is None:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(WINDOW_SECONDS, self._send_held)

    def resync(self) -> None:
        """Tells every client to fetch everything: notifications may have been lost."""
        self._put(frames.resync(self.mark))

    def end(self, clients: set[Client] | None = None) -> None:
        """Ends the streams of these clients, or of all."""
        for client in list(self.clients if clients is None else clients):
            client.put(None, self.mark)

    def _is_quiet(self, item: int | str, now: float) -> bool:
        return now - self._sent_at.get(item, -WINDOW_SECONDS) >= WINDOW_SECONDS

    def _send_held(self) -> None:
        self._flush, held, self._held = None, self._held, frames.Changes()
        self._send(held, asyncio.get_running_loop().time())

    def _send(self, changes: frames.Changes, now: float) -> None:
        if not changes:
            return
        self._sent_at = {
            item: at for item, at in self._sent_at.items() if now - at < WINDOW_SECONDS
        }
        self._sent_at.update(dict.fromkeys([*changes.executions, *changes.topics], now))
        self._put(frames.changed(changes, self.mark))

    def _put(self, frame: bytes) -> None:
        for client in self.clients:
            client.put(frame, self.mark)
