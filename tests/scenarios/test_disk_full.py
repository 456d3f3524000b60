"""The disk fills up: nothing acknowledged is lost, the desk says so, and it recovers by itself.

`SIGNALBOX_DISK_FILLS=7` is the long form; how long each recovery took is printed (`pytest -rP`).
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.ops.processes import run
from tests.ops.waiting import until
from tests.scenarios.disks import fill, make_room, small_disk
from tests.scenarios.product import Product, running

pytestmark = pytest.mark.ops

# Fills the log and nothing else: 8 MB of it.
LOG = (
    "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))"
    " FROM generate_series(1, 8)"
)
RECYCLED = 32  # times that much is more than PostgreSQL keeps of old log files to write over
FILLS = int(os.environ.get("SIGNALBOX_DISK_FILLS", "1"))
# A queue that shows no sign of life for 30 s, a canary's time, and that of filling the disk.
NOTICED_SECONDS = 90.0
RECOVERY_SECONDS = 120.0
ORDER = {
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 1}],
    "total_amount": 20,
}


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk() as disk:
        if disk is None:
            pytest.skip("A small disk cannot be mounted here; it needs root.")
        yield disk


def test_a_full_disk_is_told_and_survived(disk: Path) -> None:
    with running(within=disk) as product:
        taken = [product.start("order_processing_v1", order_id="ORD-FULL-1", **ORDER)]
        for _ in range(FILLS):
            until(lambda: _used_up(product, disk, taken), NOTICED_SECONDS)
            make_room(disk)
            began = time.monotonic()
            until(lambda: _readiness(product) == 200, RECOVERY_SECONDS)
            print(f"ready {time.monotonic() - began:.1f} s after there was room again")
        taken.append(product.start("order_processing_v1", order_id="ORD-FULL-LAST", **ORDER))
        for execution in taken:
            until(lambda one=execution: product.state(one) == "completed", RECOVERY_SECONDS)
        assert product.violations() == ""
        checked = run(product.data, "verify_audit", SIGNALBOX_DEMO="1")
        assert checked.returncode == 0, checked.stdout


def _used_up(product: Product, disk: Path, taken: list[int]) -> bool:
    """Fills what is left, writes until the database fails, and asks whether the desk says so.

    A restart gives PostgreSQL a little room back; then more is needed.
    """
    fill(disk)
    with contextlib.suppress(psycopg.Error):
        for _ in range(RECYCLED):
            product.ask(LOG)
    if _readiness(product) == 503:
        return True
    with contextlib.suppress(AssertionError):
        order_id = f"ORD-FULL-{len(taken) + 1}"
        taken.append(product.start("order_processing_v1", order_id=order_id, **ORDER))
    return False


def _readiness(product: Product) -> int:
    try:
        with urllib.request.urlopen(f"{product.address}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
