"""How a worker is told that its time is over, and ended when it hears nothing any more."""

from __future__ import annotations

import os
import signal
import time

LAST_CALL = signal.SIGUSR2  # the supervisor's: stop taking work, you will be ended soon


class End:
    """When a slot is to take no more work; a signal may bring it forward and wake who waits.

    `hang_seconds`: the kernel ends the process when its main thread has done nothing for so long,
    as in a quick tool that never returns. Its lease is gone by then. Main threads only.
    """

    def __init__(self, at: float, hang_seconds: float = 0.0) -> None:
        self.at = at
        self.hang_seconds = hang_seconds
        self.is_last_call = False
        self.ear, self.bell = os.pipe()
        os.set_blocking(self.ear, False)

    @property
    def has_come(self) -> bool:
        return time.monotonic() >= self.at

    def come_now(self, *_: object) -> None:
        """What the supervisor's last call does, shortly before it stops the worker."""
        self.at, self.is_last_call = 0.0, True
        os.write(self.bell, b".")

    def put_off_alarm(self) -> None:
        """The main thread is alive."""
        if self.hang_seconds:
            signal.setitimer(signal.ITIMER_REAL, self.hang_seconds)

    def close(self) -> None:
        """Give the pipe back; nobody may wait on it any more."""
        os.close(self.ear)
        os.close(self.bell)
