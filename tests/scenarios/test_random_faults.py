"""Faults at random moments while orders come in: what was acknowledged is done, once, and provably.

`SIGNALBOX_FAULT_SEEDS=30 SIGNALBOX_FAULT_SECONDS=60` is the long form; the order of faults follows
from the seed, which a failure names.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest

from config.embedded import place
from tests.ops.processes import run
from tests.ops.waiting import until
from tests.ops.wrong_clock import WrongClock, can_be_made
from tests.scenarios.disks import small_disk
from tests.scenarios.faults import LEASE_SECONDS, Scene
from tests.scenarios.held_gateway import HeldGateway, holding
from tests.scenarios.line import Line
from tests.scenarios.product import Product, running

pytestmark = pytest.mark.ops

SEEDS = range(1, 1 + int(os.environ.get("SIGNALBOX_FAULT_SEEDS", "1")))
SECONDS = float(os.environ.get("SIGNALBOX_FAULT_SECONDS", "8"))
QUIET_SECONDS = 90.0
ENOUGH = 100_000  # more articles than orders
LEASE = {"SIGNALBOX_LEASE_SECONDS": str(LEASE_SECONDS), "SIGNALBOX_HEARTBEAT_SECONDS": "1"}
PATH = "/api/v1/workflows/order_processing_v1/executions"

USED_UP = (
    "SELECT id FROM workflows_execution x WHERE state = 'failed' AND NOT EXISTS ("
    "SELECT FROM workflows_task t WHERE t.execution_id = x.id AND t.state = 'failed'"
    " AND t.attempt < t.max_attempts)"
)
RETRY = "from workflows import engine; [engine.retry(each, by=None) for each in {!r}]"


@dataclass
class Clerk:
    """Hands orders in until each is acknowledged, under one key each."""

    product: Product
    token: str
    stopping: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, set[int]] = field(default_factory=dict)

    def work(self) -> None:
        number = 0
        while not self.stopping.wait(0.2):
            number += 1
            key = f"FAULT-{number}"
            while not self.stopping.is_set() and not self._hand_in(key):
                self.stopping.wait(0.2)

    def _hand_in(self, key: str) -> bool:
        """Every fifth is handed in twice."""
        with suppress(OSError, ValueError):
            for _ in range(1 + (int(key.split("-")[1]) % 5 == 0)):
                self.acknowledged.setdefault(key, set()).add(self._post(key))
        return bool(self.acknowledged.get(key))

    def _post(self, key: str) -> int:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        body = json.dumps({"input": _order(key)}).encode()
        asked = urllib.request.Request(self.product.address + PATH, body, headers)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return int(json.load(answer)["execution_id"])


@pytest.mark.alone
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_breaks_and_when(seed: int, tmp_path: Path) -> None:
    """With a gateway of its own: another product's executions have the same numbers and keys."""
    chance = random.Random(seed)
    with holding(tmp_path) as gateway, _scene(gateway, seed, tmp_path) as scene:
        gateway.go.set()
        scene.product.ask(f"UPDATE demo_stockitem SET on_hand = {ENOUGH}")
        clerk = Clerk(scene.product, _token(scene.product))
        at_work = threading.Thread(target=clerk.work)
        at_work.start()
        try:
            done = _break_things(scene, chance)
            scene.calm()
            until(lambda: any(list(clerk.acknowledged.values())), QUIET_SECONDS)
        finally:
            scene.calm()
            clerk.stopping.set()
            at_work.join()
        _all_is_well(scene.product, clerk, done)


@contextmanager
def _scene(gateway: HeldGateway, seed: int, folder: Path) -> Iterator[Scene]:
    """Every other seed on a small disk, which may be full, where one can be mounted."""
    clock = WrongClock(folder / "clock") if can_be_made() else None
    fooled = clock.environment if clock else {}
    with ExitStack() as stack:
        disk = None if seed % 2 else stack.enter_context(small_disk())
        within = disk or Path("/tmp")
        product = stack.enter_context(running(gateway.url, within, **LEASE, **fooled))
        line = Line(place.find(product.data).sockets)
        stack.callback(line.close)
        yield Scene(product, gateway, line, clock, disk)


def _break_things(scene: Scene, chance: random.Random) -> list[str]:
    ends_at, done = time.monotonic() + SECONDS, list[str]()
    while time.monotonic() < ends_at:
        threading.Event().wait(chance.uniform(0.3, 2.0))
        fault = chance.choice(scene.faults())
        with suppress(psutil.NoSuchProcess, psycopg.Error, StopIteration, OSError):
            fault(scene, chance)
            done.append(fault.__name__)
    return done


def _all_is_well(product: Product, clerk: Clerk, done: list[str]) -> None:
    accepted = {key: numbers for key, numbers in clerk.acknowledged.items() if numbers}
    assert accepted, done
    assert [key for key, numbers in accepted.items() if len(numbers) > 1] == [], done
    _wait_for_the_end(product, done)
    known = {number for (number,) in product.ask("SELECT id FROM workflows_execution")}
    assert {number for numbers in accepted.values() for number in numbers} <= known, done
    assert product.violations() == "", done
    assert run(product.data, "verify_audit", SIGNALBOX_DEMO="1").returncode == 0, done
    for key in accepted:
        assert [charge["status"] for charge in product.charges(key)] == ["captured"], (key, done)


def _wait_for_the_end(product: Product, done: list[str]) -> None:
    """Faults may use up a step's attempts; then its execution fails, and goes on when retried."""
    open_ones = "SELECT count(*) FROM workflows_execution WHERE state <> 'completed'"
    try:
        until(lambda: _answer(product, f"{open_ones} AND state <> 'failed'") == 0, QUIET_SECONDS)
        used_up = [number for (number,) in product.ask(USED_UP)]
        if used_up:
            product.run_python(RETRY.format(used_up))
        until(lambda: _answer(product, open_ones) == 0, QUIET_SECONDS)
    except AssertionError:
        left = (
            "SELECT x.id, x.state, t.key, t.state, t.attempt, t.error, t.session, t.is_ready"
            " FROM workflows_execution x JOIN workflows_task t ON t.execution_id = x.id"
            " WHERE x.state <> 'completed' AND t.state <> 'completed' ORDER BY x.id, t.id LIMIT 40"
        )
        sessions = product.ask("SELECT *, now() FROM workflows_session")
        lines = [done, product.ask(open_ones), sessions, *product.ask(left), product.output[-3000:]]
        pytest.fail("\n".join(map(str, lines)))


def _answer(product: Product, statement: str) -> int | None:
    """None while the database is away."""
    with suppress(psycopg.Error):
        return int(product.ask(statement)[0][0])
    return None


def _token(product: Product) -> str:
    scopes = ("--scopes", "start", "read", "--json")
    made = run(product.data, "create_token", "admin", *scopes, SIGNALBOX_DEMO="1")
    return str(json.loads(made.stdout)["token"])


def _order(key: str) -> dict[str, object]:
    return {
        "order_id": key,
        "customer_id": "CUST-123",
        "items": [{"sku": "SKU-002", "quantity": 1}],
        "total_amount": 20.0,
    }
