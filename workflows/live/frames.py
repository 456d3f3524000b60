"""What goes over the wire: events that carry ids and topics, never content."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

RETRY_MILLISECONDS = 1000
TOPICS = ("agents", "workflows", "approvals", "triggers", "batches", "breakers")
HEARTBEAT = b": still here\n\n"
GREETING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
_WORD = re.compile(r"[a-z_]{1,40}\Z")


@dataclass(slots=True)
class Changes:
    """Ids of executions, and topics (see TOPICS), that have changed."""

    executions: set[int] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.executions or self.topics)

    def add(self, payload: str) -> None:
        """Takes in a notification: "12,15" or "agents"; what is neither is left out."""
        for word in payload.split(","):
            word = word.strip()
            if word.isascii() and word.isdigit() and len(word) < 19:
                self.executions.add(int(word))
            elif _WORD.match(word):
                self.topics.add(word)


def changed(changes: Changes, mark: int) -> bytes:
    """The event that tells a page what to fetch again."""
    data = {"executions": sorted(changes.executions), "topics": sorted(changes.topics)}
    return _frame("changed", data, mark)


def resync(mark: int) -> bytes:
    """Too much was missed: the page fetches everything it shows."""
    return _frame("resync", {}, mark)


def marked(mark: int) -> bytes:
    """Where the client stands now, so that it can ask for what came after."""
    return _frame("mark", {}, mark)


def _frame(event: str, data: object, mark: int) -> bytes:
    return f"id: {mark}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
