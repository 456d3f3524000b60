"""Suppliers' catalogues. A locked one answers nothing until somebody unlocks it."""

from __future__ import annotations

from typing import Any

from config.demo.gateway import rules
from config.demo.gateway.charging import Reply
from config.demo.gateway.ledger import Ledger


class Suppliers:
    """Which catalogues are locked is in the ledger, so a restart changes nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._locked = set(rules.LOCKED_AT_FIRST)
        for record in ledger.records:
            if record["type"] == "lock":
                self._remember(record["supplier_id"], record["locked"])

    def listed(self) -> list[dict[str, Any]]:
        return [
            {"supplier_id": name, "locked": name in self._locked, "articles": len(items)}
            for name, items in rules.CATALOGUES.items()
        ]

    def catalogue(self, supplier_id: str) -> Reply:
        """423 while locked, 404 for a stranger."""
        if supplier_id not in rules.CATALOGUES:
            return _unknown(supplier_id)
        if supplier_id in self._locked:
            told = f"{supplier_id} has locked its catalogue for stocktaking. Unlock it, then retry."
            return Reply(423, {"error": told})
        items = rules.CATALOGUES[supplier_id]
        return Reply(200, {"supplier_id": supplier_id, "currency": "USD", "items": items})

    def lock(self, supplier_id: str, order: Any) -> Reply:
        """`order` is `{"locked": true}` or `{"locked": false}`."""
        if supplier_id not in rules.CATALOGUES:
            return _unknown(supplier_id)
        locked = order.get("locked") if isinstance(order, dict) else None
        if not isinstance(locked, bool):
            return Reply(400, {"error": "locked must be true or false."})
        self._ledger.append({"type": "lock", "supplier_id": supplier_id, "locked": locked})
        self._remember(supplier_id, locked)
        return Reply(200, {"supplier_id": supplier_id, "locked": locked})

    def _remember(self, supplier_id: str, locked: bool) -> None:
        (self._locked.add if locked else self._locked.discard)(supplier_id)


def _unknown(supplier_id: str) -> Reply:
    return Reply(404, {"error": f"There is no supplier {supplier_id[:60]}."})
