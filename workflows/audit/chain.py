"""The canonical form of an audit row and its hash; docs/audit.md specifies both."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

# One encoder for all rows: json.dumps would build one for each.
_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Row(NamedTuple):
    """An audit row as it is hashed. `data_text` is PostgreSQL's text of the jsonb column."""

    execution_id: int | None
    seq: int
    kind: str
    entity_type: str
    entity_id: str
    task_id: int | None
    old_state: str | None
    new_state: str | None
    actor: str
    attempt: int | None
    agent_id: str | None
    lease_token: int | None
    at_text: str
    data_text: str
    data_digest: str
    previous_hash: str
    hash: str


def digest(row: Row) -> str:
    """Lower-case hex SHA-256 of kind, task id and data, a line each."""
    task = "" if row.task_id is None else str(row.task_id)
    return _sha256(f"{row.kind}\n{task}\n{row.data_text}")


def hash_of(row: Row) -> str:
    """Lower-case hex SHA-256 of the row's canonical JSON array."""
    fields = (
        row.previous_hash,
        row.execution_id,
        row.seq,
        row.entity_type,
        row.entity_id,
        row.old_state,
        row.new_state,
        row.actor,
        row.attempt,
        row.agent_id,
        row.lease_token,
        row.at_text,
        row.data_digest,
    )
    return _sha256(_encoded(fields))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
