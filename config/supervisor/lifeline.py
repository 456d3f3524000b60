"""Runs a child's program so that it, and every process that it forks, ends with its parent.

Used as `python -m config.supervisor.lifeline PARENT_PID (SCRIPT | -m MODULE) ARGUMENTS…`.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1
# Sent to a whole group shortly before SIGTERM: who holds long work may end it at the next pause.
LAST_CALL = signal.SIGUSR2


def end_with_parent(parent: int) -> None:
    """The kernel kills this process when its parent dies; at once if that has happened already."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def tie_forks() -> None:
    """Each later fork of this process is tied to it in the same way."""
    os.register_at_fork(before=_remember_self, after_in_child=_follow_parent)


def main(arguments: list[str]) -> None:
    parent, *program = arguments
    end_with_parent(int(parent))
    tie_forks()
    signal.signal(LAST_CALL, signal.SIG_IGN)
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


def _remember_self() -> None:
    global _forking
    _forking = os.getpid()


def _follow_parent() -> None:
    end_with_parent(_forking)


_forking = 0
# Loaded before any fork: a child of a threaded process must not load libraries.
_libc = ctypes.CDLL(None)

if __name__ == "__main__":
    main(sys.argv[1:])
