"""One supervised process group: started, restarted with growing patience, and ended for good."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from config.supervisor.lifeline import LAST_CALL

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0  # with the time of a start less than the 30 s within which work goes on
# Seconds of life after which a child counts as healthy and its delay begins anew.
HEALTHY_AFTER = 20.0

_output = threading.Lock()


def say(line: str, name: str = "up") -> None:
    """One prefixed line on standard output; a reader that went away stops nothing."""
    with _output, contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{name:<7} | {line}\n")
        sys.stdout.flush()


@dataclass(slots=True)
class Child:
    """`program` is what follows `python -m config.supervisor.lifeline PID`."""

    name: str
    program: list[str]
    environment: dict[str, str]
    directory: Path
    started_at: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    _delay: float = FIRST_DELAY
    _due: float = field(default=0.0)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Call from the main thread: the kernel ties the child to the thread that made it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor.lifeline", str(os.getpid()), *self.program],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started_at = time.monotonic()
        threading.Thread(target=_forward, args=(self.name, self._process), daemon=True).start()

    def tend(self) -> None:
        """Notices an end, says so, and starts again when its delay is over."""
        if self.is_running:
            return
        if self._process is not None:
            self._note_end(self._process)
        if time.monotonic() >= self._due:
            self.start()

    def restart(self, why: str) -> None:
        """Kills the whole group; `tend` starts it again at once."""
        say(f"{self.name} is restarted: {why}.")
        self.kill()
        if self._process is not None:
            self._process.wait()
        self._process, self._due = None, 0.0

    def ask_to_stop(self) -> None:
        """All hear the last call; only the leader is told to end, and ends its own in order."""
        if self._process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, LAST_CALL)
                self._process.send_signal(signal.SIGTERM)

    def wait(self, *, until: float) -> None:
        """Returns at its end, or at that time of the monotonic clock."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, until - time.monotonic()))

    def kill(self) -> None:
        """Nothing of the group is left, not even what a dead leader left behind."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _note_end(self, ended: subprocess.Popen[bytes]) -> None:
        self.kill()
        if time.monotonic() - self.started_at > HEALTHY_AFTER:
            self._delay = FIRST_DELAY
        say(f"{self.name} ended with {_end(ended.returncode)}; again in {self._delay:g} s.")
        self._process, self._due = None, time.monotonic() + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY)


def _end(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _forward(name: str, process: subprocess.Popen[bytes]) -> None:
    for line in process.stdout or ():
        say(line.decode(errors="replace").rstrip("\n"), name)
