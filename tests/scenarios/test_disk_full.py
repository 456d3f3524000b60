"""The disk fills up: nothing acknowledged is lost, the desk says so, and it recovers by itself."""

from __future__ import annotations

import contextlib
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.ops.processes import run
from tests.ops.waiting import until
from tests.scenarios.product import Product, running

pytestmark = pytest.mark.ops

DISK = "700m"
BLOCK = bytes(1 << 20)
# Fills the log and nothing else: 8 MB of it.
LOG = (
    "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))"
    " FROM generate_series(1, 8)"
)
NOTICED_SECONDS = 45.0  # a queue that shows no sign of life for 30 s, and a canary's time
RECOVERY_SECONDS = 60.0
ORDER = {
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 1}],
    "total_amount": 20,
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own. Needs the right to mount one."""
    if os.geteuid() != 0:
        pytest.skip("Mounting a small disk needs root.")
    point = Path(f"/tmp/sb-disk-{os.getpid()}")
    point.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=711", "signalbox", str(point)]
    if (done := subprocess.run(mount, capture_output=True, text=True)).returncode:
        point.rmdir()
        pytest.skip(f"A small disk cannot be mounted here: {done.stderr.strip()}")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)
    point.rmdir()


def test_a_full_disk_is_told_and_survived(disk: Path) -> None:
    with running(within=disk) as product:
        taken = [product.start("order_processing_v1", order_id="ORD-FULL-1", **ORDER)]
        until(lambda: _used_up(product, disk, taken), NOTICED_SECONDS)
        for ballast in disk.glob("ballast-*"):
            ballast.unlink()
        until(lambda: _readiness(product) == 200, RECOVERY_SECONDS)
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
    _fill(disk)
    with contextlib.suppress(psycopg.Error):
        product.ask(LOG)
    if _readiness(product) == 503:
        return True
    with contextlib.suppress(AssertionError):
        order_id = f"ORD-FULL-{len(taken) + 1}"
        taken.append(product.start("order_processing_v1", order_id=order_id, **ORDER))
    return False


def _fill(disk: Path) -> None:
    ballast = disk / f"ballast-{len(list(disk.iterdir()))}"
    with ballast.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(BLOCK):
            pass


def _readiness(product: Product) -> int:
    try:
        with urllib.request.urlopen(f"{product.address}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
