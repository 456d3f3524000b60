"""A limit on the memory of a process that runs work: it ends itself before the machine ends others.

A worker's work is then lost like that of any worker that dies: tried again, and alone in a process
after it has been lost twice, where only what leaks is ended.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Final

import psutil

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.2
ENDED: Final = 86  # the exit code by which whoever waits for the process knows why it ended
MIB = 2**20


class Watch:
    """Ends this process when it holds more than `limit` MiB (0: never) while it is at work.

    `what` becomes of its work, a sentence, is told in the log. One that rests is not looked at:
    what is idle costs nothing.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit, self._what = limit, what
        self._is_at_work, self._is_over = threading.Event(), threading.Event()
        if limit:
            threading.Thread(target=self._look, daemon=True, name="memory").start()

    def work(self) -> None:
        """Look from now on."""
        self._is_at_work.set()

    def rest(self) -> None:
        """Nothing runs here."""
        self._is_at_work.clear()

    def end(self) -> None:
        """Never look again."""
        self._is_over.set()
        self._is_at_work.set()

    def _look(self) -> None:
        itself = psutil.Process()
        while self._is_at_work.wait() and not self._is_over.wait(LOOK_SECONDS):
            if (held := _held(itself)) > self._limit:
                told = "This process holds %.0f MiB, more than SIGNALBOX_WORKER_MEMORY_MB=%d. %s"
                log.error(told, held, self._limit, self._what)
                os._exit(ENDED)


def is_half_full(limit: int) -> bool:
    """Whether a fresh process would be better for the work to come."""
    return bool(limit) and _held(psutil.Process()) > limit / 2


def _held(process: psutil.Process) -> float:
    """MiB in RAM, without mapped files, which all workers share."""
    info = process.memory_info()
    return float(info.rss - getattr(info, "shared", 0)) / MIB
