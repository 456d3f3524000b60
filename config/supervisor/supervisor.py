"""Keeps the children running until it is told to stop, and then leaves nothing behind."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from config.supervisor.child import Child, say
from config.supervisor.watchdog import Watchdog

TICK_SECONDS = 0.2
# Together under the ten seconds within which everything has stopped.
POLITE_SECONDS = 5.5
FINAL_SECONDS = 1.0


@dataclass(slots=True)
class Supervisor:
    """`web` is where the web child answers, `before_ready` returns lines to show when it does."""

    children: list[Child]
    watchdog: Watchdog
    stopping: threading.Event
    web: tuple[str, int] | None
    before_ready: Callable[[], list[str]]
    _untold: list[str] = field(default_factory=list)
    _is_ready: bool = False

    def run(self) -> None:
        """Blocks until SIGINT, SIGTERM or SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            while not self.stopping.wait(TICK_SECONDS):
                self._tend()
        finally:
            self.stopping.set()
            self._tell()
            self._stop()

    def _start(self) -> None:
        """Children take their time to start, which the last preparations share."""
        for child in self.children:
            child.start()
        self._untold = self.before_ready()
        threading.Thread(target=self.watchdog.run, name="watchdog", daemon=True).start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _tend(self) -> None:
        if self.watchdog.stalled.is_set():
            self._replace_worker()
        for child in self.children:
            child.tend()
        if not self._is_ready and all(child.is_running for child in self.children):
            self._announce()

    def _replace_worker(self) -> None:
        if self.watchdog.worker is not None:
            self.watchdog.worker.restart("nothing came back through the queue for 30 s")
        self.watchdog.stalled.clear()

    def _announce(self) -> None:
        where = ""
        if self.web is not None:
            if not _answers(*self.web):
                return
            host, port = self.web
            where = f": http://{f'[{host}]' if ':' in host else host}:{port}/"
        self._is_ready = True
        say(f"Signalbox is ready{where}")
        self._tell()
        say("Stop with Ctrl-C.")

    def _tell(self) -> None:
        """Passwords are among the lines: they are shown even when it never became ready."""
        for line in self._untold:
            say(line)
        self._untold = []

    def _stop(self) -> None:
        say("Stopping.")
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + POLITE_SECONDS
        for child in self.children:
            child.wait(until=deadline)
        for child in self.children:
            child.kill()


def _answers(host: str, port: int) -> bool:
    asked = http.client.HTTPConnection(host, port, timeout=1)
    try:
        asked.request("GET", "/healthz")
        # 400 is an answer too: ALLOWED_HOSTS may name public hosts only.
        return asked.getresponse().status in (200, 400)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
