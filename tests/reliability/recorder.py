"""The outside world of the crash tests: an API that writes down each call before it answers.

It serves one call at a time, so its order is the order in which the calls were made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass(frozen=True, slots=True)
class Effect:
    """One call that had its effect."""

    key: str
    attempt: int
    execution_id: int
    at: datetime


class Recorder(HTTPServer):
    """`before` and `after` are asked around each effect: True makes it die there, unanswered."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.effects: list[Effect] = []
        self.before: Callable[[], bool] = _never
        self.after: Callable[[], bool] = _never

    @property
    def url(self) -> str:
        return f"http://{self.address}/"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def of(self, execution_id: int) -> list[Effect]:
        return [effect for effect in list(self.effects) if effect.execution_id == execution_id]

    def calm(self) -> None:
        self.before = self.after = _never


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.before():
            return
        self.server.effects.append(
            Effect(
                self.headers["Idempotency-Key"],
                int(self.headers["X-Attempt"]),
                int(self.headers["X-Execution-Id"]),
                datetime.now(UTC),
            )
        )
        if self.server.after():
            return
        body = b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _never() -> bool:
    return False


@contextmanager
def recording() -> Iterator[Recorder]:
    with Recorder() as recorder:
        threading.Thread(target=recorder.serve_forever, args=(0.02,), daemon=True).start()
        yield recorder
        recorder.shutdown()
