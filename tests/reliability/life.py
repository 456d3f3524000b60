"""Runs inside a process of its own: forks one life after the other, as told on standard input.

A line is a JSON object: what to `do` and its arguments, as in ORDERS. The answers are the new
process's number and, after its end, its exit code.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import time_machine

TOO_LATE = 9  # the exit code of who decides what is decided already


def main() -> None:
    """LIFE_CLOCK_SECONDS: how far the lives' clock is to be off, where nothing better fools it."""
    off = timedelta(seconds=float(os.environ.get("LIFE_CLOCK_SECONDS", "0")))
    if off:
        time_machine.travel(datetime.now(UTC) + off, tick=True).start()
    django.setup()
    from agents import runner, tools  # noqa: F401 loaded before any fork
    from tests import tools as known_to_tests  # noqa: F401 registers the tests' tools

    tools.names()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(order)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _live(order: dict[str, Any]) -> None:
    code = 1
    try:
        code = ORDERS[order.pop("do")](**order)
    except Exception:  # noqa: BLE001 whoever is in the way, this process ends here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _work() -> int:
    """What django-q2 calls in a worker."""
    from agents import runner

    runner.work()
    return 0


def _cluster() -> int:
    """A whole cluster of django-q2, as `manage.py up` runs it."""
    from django.core.management import call_command

    call_command("qcluster")
    for sentinel in multiprocessing.active_children():
        sentinel.join()
    return 0


def _start(key: str) -> int:
    from workflows import engine

    engine.start_workflow("flow", {}, idempotency_key=key)
    return 0


def _decide(approval: int, by: str) -> int:
    from django.contrib.auth.models import User

    from workflows import engine
    from workflows.errors import AlreadyDecided

    try:
        engine.decide(approval, by=User.objects.get(username=by), verdict="approve")
    except AlreadyDecided:
        return TOO_LATE
    return 0


ORDERS = {"work": _work, "cluster": _cluster, "start": _start, "decide": _decide}

if __name__ == "__main__":
    main()
