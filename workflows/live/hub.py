"""One per process: the open streams, and what of the notifications goes to them when.

The first change of an execution goes out at once; what follows within the window is sent as one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection

from . import frames
from .admission import expelled

QUEUE_LIMIT = 100
WINDOW_SECONDS = 0.1


class Subscriber:
    """An open stream: of whom, and whether its credential still lets it in (`expelled`)."""

    def __init__(
        self, user_id: int, credential: str, expelled: Callable[[Collection[str]], set[str]]
    ) -> None:
        self.user_id, self.credential, self.expelled = user_id, credential, expelled

    def tell(self, changes: frames.Changes, frame: bytes, mark: int) -> None:
        """Something has changed; `frame` says the same on the wire."""
        raise NotImplementedError

    def resync(self, mark: int) -> None:
        """Notifications may have been lost."""
        raise NotImplementedError

    def end(self) -> None:
        """The stream is to end."""
        raise NotImplementedError


class Client(Subscriber):
    """One page's bounded queue: when it overflows, its content becomes one resync."""

    def __init__(self, user_id: int, session_key: str) -> None:
        super().__init__(user_id, session_key, expelled)
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LIMIT)

    def tell(self, changes: frames.Changes, frame: bytes, mark: int) -> None:
        self.put(frame, mark)

    def resync(self, mark: int) -> None:
        self.put(frames.resync(mark), mark)

    def end(self) -> None:
        self.put(None, 0)

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
        self.clients: set[Subscriber] = set()
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
        for client in self.clients:
            client.resync(self.mark)

    def end(self, clients: set[Subscriber] | None = None) -> None:
        """Ends the streams of these clients, or of all."""
        for client in list(self.clients if clients is None else clients):
            client.end()

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
        frame = frames.changed(changes, self.mark)
        for client in self.clients:
            client.tell(changes, frame, self.mark)
