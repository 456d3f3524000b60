"""The demo's payment gateway, which takes as long for a charge as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.demo.gateway.server import Gateway


class HeldGateway(Gateway):
    """`arrived` is set by each charge that is asked for; none is made before `go` is."""

    def __init__(self, ledger: Path) -> None:
        super().__init__("127.0.0.1", 0, ledger, (0, 0))
        self.arrived, self.go = threading.Event(), threading.Event()

    def _take_time(self) -> None:
        self.arrived.set()
        self.go.wait(60)


@contextmanager
def holding(folder: Path) -> Iterator[HeldGateway]:
    """Answers from a thread of this process until the end of the block."""
    with HeldGateway(folder / "ledger.jsonl") as held:
        threading.Thread(target=held.serve_forever, args=(0.05,), daemon=True).start()
        yield held
        held.go.set()
        held.shutdown()
