from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo.gateway.server import Gateway


class Command(BaseCommand):
    help = "Run the demo's payment gateway and supplier catalogues until it is told to stop."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
        parser.add_argument("--ledger", type=Path, default=settings.DATA_DIR / "gateway.jsonl")
        parser.add_argument(
            "--latency",
            type=milliseconds,
            default=(150, 400),
            metavar="MS|MS-MS",
            help="how long a charge takes (default 150-400)",
        )

    def handle(self, *, host: str, port: int, ledger: Path, latency: Any, **options: Any) -> None:
        try:
            gateway = Gateway(host, port, ledger, latency)
        except OSError as problem:
            raise CommandError(f"No gateway on {host}:{port} with {ledger}: {problem}") from problem
        stop_on_signal(gateway)
        self.stdout.write(f"Payment gateway listens on {gateway.url}")
        self.stdout.flush()
        with gateway:
            gateway.serve_forever(poll_interval=0.2)


def stop_on_signal(gateway: Gateway) -> None:
    """`shutdown` waits for the loop that this very thread runs, hence the other thread."""

    def stop(*_: Any) -> None:
        threading.Thread(target=gateway.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def milliseconds(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not low.isdigit() or not (high or low).isdigit():
        raise ArgumentTypeError("a number of milliseconds, or two as in 150-400")
    return int(low), int(high or low)
