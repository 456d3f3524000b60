"""What may break in a running product: a function each, which a random test chooses from."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.ops.processes import family
from tests.ops.wrong_clock import WrongClock
from tests.reliability.proxy import Act, Fault
from tests.scenarios.disks import fill, make_room
from tests.scenarios.held_gateway import HeldGateway
from tests.scenarios.line import Line
from tests.scenarios.product import Product

LEASE_SECONDS = 3.0
BEYOND_THE_LEASE = 4.0
FROZEN_SECONDS = 2.0
LEAPS = (90, -90, 3600, -3600, 0)  # seconds


@dataclass
class Scene:
    """A product and the world around it; `clock` and `disk` where they can be broken here."""

    product: Product
    gateway: HeldGateway
    line: Line
    clock: WrongClock | None
    disk: Path | None

    def faults(self) -> list[Break]:
        """What may break here."""
        more = [_the_clocks_leap] if self.clock else []
        return FAULTS + more + ([_the_disk_is_full] if self.disk else [])

    def calm(self) -> None:
        """Whatever lasts is over."""
        self.gateway.go.set()
        if self.line.proxy:
            self.line.proxy.is_open.set()
            self.line.proxy.arm(None)
        if self.clock:
            self.clock.leap(0)
        if self.disk:
            make_room(self.disk)


Break = Callable[[Scene, random.Random], None]


def _a_worker_is_killed(scene: Scene, chance: random.Random) -> None:
    _session(scene.product, chance).kill()


def _a_worker_is_frozen_beyond_its_lease(scene: Scene, chance: random.Random) -> None:
    process = _session(scene.product, chance)
    process.suspend()
    _wait(BEYOND_THE_LEASE)
    process.resume()


def _the_cluster_is_killed(scene: Scene, chance: random.Random) -> None:
    os.killpg(scene.product.cluster().pid, signal.SIGKILL)


def _the_web_server_is_killed(scene: Scene, chance: random.Random) -> None:
    children = psutil.Process(scene.product.process.pid).children()
    next(child for child in children if child.environ().get("APP_ROLE") == "web").kill()


def _the_database_stops_at_once(scene: Scene, chance: random.Random) -> None:
    scene.product.postmaster().send_signal(signal.SIGQUIT)


def _the_database_is_killed(scene: Scene, chance: random.Random) -> None:
    scene.product.postmaster().kill()


def _connections_are_cut(scene: Scene, chance: random.Random) -> None:
    scene.product.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def _the_database_is_frozen(scene: Scene, chance: random.Random) -> None:
    everything = family(scene.product.postmaster().pid)
    _to_all(everything, psutil.Process.suspend)
    _wait(FROZEN_SECONDS)
    _to_all(everything, psutil.Process.resume)


def _the_line_is_silent(scene: Scene, chance: random.Random) -> None:
    """PostgreSQL goes on, its locks are held and leases end; nobody is told."""
    proxy = scene.line.proxied()
    _connections_are_cut(scene, chance)
    _wait(chance.uniform(0.2, 1.0))
    proxy.is_open.clear()
    _wait(chance.uniform(1.0, BEYOND_THE_LEASE))
    proxy.is_open.set()


def _the_answer_to_a_write_is_lost(scene: Scene, chance: random.Random) -> None:
    """It has been carried out; whoever asked sees that the connection ended."""
    proxy = scene.line.proxied()
    _connections_are_cut(scene, chance)
    for _ in range(3):
        proxy.arm(Fault(Act.LOST, chance.randint(1, 10), strike=lambda: None))
        _wait(0.7)
    proxy.arm(None)


def _the_gateway_is_slow(scene: Scene, chance: random.Random) -> None:
    scene.gateway.go.clear()
    _wait(chance.uniform(1.0, 2 * LEASE_SECONDS))
    scene.gateway.go.set()


def _the_clocks_leap(scene: Scene, chance: random.Random) -> None:
    """Those of web server and workers; PostgreSQL's is right."""
    if scene.clock:
        scene.clock.leap(chance.choice(LEAPS))


def _the_disk_is_full(scene: Scene, chance: random.Random) -> None:
    if scene.disk:
        fill(scene.disk)
        _wait(chance.uniform(1.0, 4.0))
        make_room(scene.disk)


FAULTS: list[Break] = [
    _a_worker_is_killed,
    _a_worker_is_frozen_beyond_its_lease,
    _the_cluster_is_killed,
    _the_web_server_is_killed,
    _the_database_stops_at_once,
    _the_database_is_killed,
    _connections_are_cut,
    _the_database_is_frozen,
    _the_line_is_silent,
    _the_answer_to_a_write_is_lost,
    _the_gateway_is_slow,
]


def _session(product: Product, chance: random.Random) -> psutil.Process:
    pids = [pid for (pid,) in product.ask("SELECT pid FROM workflows_session ORDER BY pid")]
    return psutil.Process(chance.choice(pids)) if pids else product.cluster()


def _to_all(processes: list[psutil.Process], what: Callable[[psutil.Process], None]) -> None:
    """Those that have ended meanwhile excepted."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            what(process)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
