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


def watch(limit: int, what: str) -> threading.Event:
    """End this process when it holds more than `limit` MiB (0: never); until the event is set.

    `what` becomes of its work, a sentence, is told in the log.
    """
    is_over = threading.Event()
    if limit:
        arguments = (is_over, limit, what)
        threading.Thread(target=_look, args=arguments, daemon=True, name="memory").start()
    return is_over


def is_half_full(limit: int) -> bool:
    """Whether a fresh process would be better for the work to come."""
    return bool(limit) and _held() > limit / 2


def _look(is_over: threading.Event, limit: int, what: str) -> None:
    while not is_over.wait(LOOK_SECONDS):
        if (held := _held()) > limit:
            told = "This process holds %.0f MiB, more than SIGNALBOX_WORKER_MEMORY_MB=%d. %s"
            log.error(told, held, limit, what)
            os._exit(ENDED)


def _held() -> float:
    """MiB in RAM, without mapped files, which all workers share."""
    info = psutil.Process().memory_info()
    return float(info.rss - getattr(info, "shared", 0)) / MIB
