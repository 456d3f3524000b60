"""A cancelled order must not keep stock from others."""

from __future__ import annotations

from typing import Any

from config.demo.tools import inventory
from workflows.models import State


def release_stock(event: dict[str, Any]) -> None:
    """Handler of `execution_state_changed`; costs nothing for any other change."""
    if event["new_state"] == State.CANCELLED:
        inventory.release(event["execution_id"])
