"""Proves again and again that work gets through; a process that merely exists proves nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection

from config import embedded
from config.errors import StartError
from config.supervisor.child import Child, say
from workflows import queue
from workflows.audit import checkpoints
from workflows.errors import WorkflowError

CANARY_SECONDS = 10.0
LOOK_SECONDS = 5.0
SEAL_SECONDS = 10.0
GRACE_SECONDS = 30.0
TICK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 4.0  # between attempts to start a server that cannot, on a full disk say


@dataclass(slots=True)
class Watchdog:
    """Runs on its own thread; `stalled` tells the main thread that the worker must be replaced."""

    data: Path | None
    worker: Child | None
    stopping: threading.Event
    stalled: threading.Event = field(default_factory=threading.Event)
    _next_canary: float = 0.0
    _next_look: float = 0.0
    _ground_back_at: float = 0.0
    _server_due: float = 0.0
    _server_delay: float = 1.0
    _next_seal: float = 0.0
    _seal_problem: str = ""

    def run(self) -> None:
        """Until the supervisor stops."""
        while not self.stopping.wait(TICK_SECONDS):
            self._tend_server()
            if self.worker is not None:
                self._tend_queue(self.worker)
                self._seal_history()
        connection.close()

    def _tend_server(self) -> None:
        if self.data is None or time.monotonic() < self._server_due:
            return
        try:
            if embedded.restart(self.data):
                say("PostgreSQL had ended; it runs again.")
            self._server_delay = 1.0
        except StartError as error:
            say(f"{error} Again in {self._server_delay:g} s.")
            self._server_due = time.monotonic() + self._server_delay
            self._server_delay = min(self._server_delay * 2, LONGEST_PAUSE_SECONDS)

    def _tend_queue(self, worker: Child) -> None:
        """Nobody can answer while database or broker is away: their absence gives time anew."""
        try:
            self._send_canary()
            self._look_after(worker)
        except queue.BrokerAway:
            self._ground_back_at = time.monotonic()
        except (DatabaseError, InterfaceError):
            self._ground_back_at = time.monotonic()
            connection.close()

    def _look_after(self, worker: Child) -> None:
        now = time.monotonic()
        patient_until = max(worker.started_at, self._ground_back_at) + GRACE_SECONDS
        if now >= self._next_look and now > patient_until:
            self._next_look = now + LOOK_SECONDS
            if not queue.is_alive():
                self.stalled.set()

    def _send_canary(self) -> None:
        if time.monotonic() >= self._next_canary:
            self._next_canary = time.monotonic() + CANARY_SECONDS
            queue.send_canary()

    def _seal_history(self) -> None:
        """Says once what stands in the way; a database that is away is others' to report."""
        if time.monotonic() < self._next_seal:
            return
        self._next_seal = time.monotonic() + SEAL_SECONDS
        problem = ""
        try:
            checkpoints.write_due()
        except (WorkflowError, OSError) as error:
            problem = f"The audit log is not sealed: {error}"
        except (DatabaseError, InterfaceError):
            connection.close()
        if problem and problem != self._seal_problem:
            say(problem)
        self._seal_problem = problem
