from __future__ import annotations

import fcntl
import os
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from config import broker, embedded
from config.errors import StartError
from config.supervisor import programs
from config.supervisor.child import Child
from config.supervisor.first_steps import migrate, populate
from config.supervisor.supervisor import Supervisor
from config.supervisor.watchdog import Watchdog

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound to


class Command(BaseCommand):
    help = "Runs Signalbox in the foreground: database, web pages and workers."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="address to listen on")
        parser.add_argument("--port", type=int, default=settings.PORT, help="0 takes a free one")
        parser.add_argument("--workers", type=int, default=settings.WORKERS)
        parser.add_argument("--no-demo", action="store_true", help="leave the example out")
        parser.add_argument("--only", choices=["web", "worker"], help="one role instead of all")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _end_quietly)
        only = options["only"] or "all"
        host, port = options["host"], options["port"]
        with _alone(settings.DATA_DIR, needed=only == "all"):
            port = _usable_port(host, port, only)
            broker.require_answer(settings.BROKER)
            migrate()
            try:
                _supervisor(host, port, options["workers"], only).run()
            finally:
                _leave_database()


def _usable_port(host: str, port: int, only: str) -> int:
    if only == "worker":
        return port
    if port == 0:
        return programs.free_port(host)
    programs.require_free(host, port)
    return port


def _supervisor(host: str, port: int, workers: int, only: str) -> Supervisor:
    gateway_port = 0 if only == "web" else programs.gateway_port()
    children = programs.children(
        host=host, port=port, workers=workers, only=only, gateway_port=gateway_port
    )
    stopping = threading.Event()
    return Supervisor(
        children=children,
        watchdog=Watchdog(connection.settings_dict["EMBEDDED"], _worker(children), stopping),
        stopping=stopping,
        web=None if only == "worker" else (ANYWHERE.get(host, host), port),
        before_ready=partial(populate, demo=settings.DEMO),
    )


def _leave_database() -> None:
    connection.close()
    if data := connection.settings_dict["EMBEDDED"]:
        embedded.leave(data, patience=2.0)


def _worker(children: list[Child]) -> Child | None:
    return next((child for child in children if child.name == "worker"), None)


@contextmanager
def _alone(data: Path, *, needed: bool) -> Iterator[None]:
    """One complete Signalbox per data directory; single roles may run beside it."""
    if not needed:
        yield
        return
    with open(data / "up.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(
                f"Signalbox is already running from {data} (process {lock.read().strip()}):"
                " stop that one first, or set SIGNALBOX_DATA_DIR to another directory."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _end_quietly(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)
