"""One charge per idempotency key, however often and however concurrently it is asked for."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from config.demo.gateway import rules
from config.demo.gateway.ledger import Ledger, Record


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


class Charges:
    """The charges in the ledger; `take_time` passes as it does in a gateway that asks a bank."""

    def __init__(self, ledger: Ledger, take_time: Callable[[], object]) -> None:
        self._ledger = ledger
        self._take_time = take_time
        self._turns = threading.Condition()
        self._busy: set[str] = set()
        self._by_key = {r["key"]: r for r in ledger.records if r["type"] == "charge"}
        self._refused = {r["key"] for r in ledger.records if r["type"] == "unavailable"}

    def charge(self, key: str, order: Any) -> Reply:
        """Charge once; the same key gets the same answer, another body under it gets 422."""
        if wrong := rules.problems(order):
            return Reply(400, {"error": " ".join(wrong)})
        with self._turn_of(key):
            known = self._by_key.get(key)
            return self._again(known, order) if known else self._first(key, order)

    def listed(self, order_id: str = "") -> list[Record]:
        """Charges, oldest first; all, or those of one order."""
        charges = (r for r in list(self._ledger.records) if r["type"] == "charge")
        return [
            _shown(charge) | {"idempotency_key": charge["key"]}
            for charge in charges
            if not order_id or charge["order_id"] == order_id
        ]

    @contextmanager
    def _turn_of(self, key: str) -> Iterator[None]:
        with self._turns:
            self._turns.wait_for(lambda: key not in self._busy)
            self._busy.add(key)
        try:
            yield
        finally:
            with self._turns:
                self._busy.discard(key)
                self._turns.notify_all()

    def _again(self, charge: Record, order: dict[str, Any]) -> Reply:
        if charge["fingerprint"] != _fingerprint(order):
            return Reply(422, {"error": "This Idempotency-Key was used with another body."})
        return Reply(_status(charge), _shown(charge), (("Idempotent-Replayed", "true"),))

    def _first(self, key: str, order: dict[str, Any]) -> Reply:
        if key not in self._refused and rules.is_unavailable_at_first(order["order_id"]):
            self._ledger.append({"type": "unavailable", "key": key, "at": _now()})
            self._refused.add(key)
            answer = {"error": "The gateway is unavailable. Nothing was charged."}
            return Reply(503, answer, (("Retry-After", "1"),))
        self._take_time()
        charge = _decided(key, order)
        self._ledger.append(charge)
        self._by_key[key] = charge
        return Reply(_status(charge), _shown(charge))


def _decided(key: str, order: dict[str, Any]) -> Record:
    reason = rules.reason_to_decline(order)
    return {
        "type": "charge",
        "key": key,
        "fingerprint": _fingerprint(order),
        "id": f"ch_{secrets.token_hex(8)}",
        "status": "declined" if reason else "captured",
        "reason": reason,
        **{name: order[name] for name in ("order_id", "customer_id", "amount", "currency")},
        "at": _now(),
    }


def _shown(charge: Record) -> dict[str, Any]:
    hidden = {"type", "key", "fingerprint"}
    return {name: value for name, value in charge.items() if name not in hidden}


def _status(charge: Record) -> int:
    return 201 if charge["status"] == "captured" else 402


def _fingerprint(order: dict[str, Any]) -> str:
    text = json.dumps(order, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
