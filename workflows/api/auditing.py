"""The audit rows of an execution: as a list, and as events that go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Header, Query, Router, Schema

from workflows import access
from workflows.live.frames import GREETING
from workflows.live.stream import row_id
from workflows.models import FINAL, AuditEvent, Execution, Scope, State

from .authentication import needs
from .executions import found
from .listing import Asked, Id, Listed, part
from .problems import answers

router = Router(tags=["audit"])
AUDITS = needs(Scope.READ, may=access.AUDIT)
ROWS_AT_ONCE = 200


class AuditRow(Schema):
    """A row of the chain; docs/audit.md says how `hash` is made. `at` is UTC to the microsecond."""

    seq: int
    at: str
    kind: str
    entity_type: str
    entity_id: str
    task_id: int | None
    old_state: State | None
    new_state: State | None
    actor: str
    attempt: int | None
    agent_id: str | None
    lease_token: int | None
    data: dict[str, Any]
    data_digest: str
    previous_hash: str
    hash: str


class AuditRows(Listed):
    items: list[AuditRow]


EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "the row's seq"},
        "event": {"type": "string", "description": "the row's kind, or `end`"},
        "data": {
            "type": "string",
            "description": "an AuditRow; of `end`, {status}",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/AuditRow"},
        },
    },
    "required": ["id", "event", "data"],
}


@dataclass(frozen=True, slots=True)
class News:
    """Events as they go over the wire, the last row in them, and what comes then."""

    content: bytes
    seq: int
    is_more: bool
    is_end: bool


@router.get(
    "/executions/{execution_id}/audit",
    auth=AUDITS,
    response={200: AuditRows, **answers(404, 422)},
    summary="List the audit rows of an execution",
)
def execution_audit(request: HttpRequest, execution_id: Id, asked: Query[Asked]) -> dict[str, Any]:
    """Oldest first; `cursor` is the last `seq` that is known already."""
    found(execution_id)
    rows = _rows(execution_id, asked.after or 0, asked.limit + 1)
    return part(rows, asked.limit, lambda row: int(row.seq), shown)


@router.get(
    "/executions/{execution_id}/events",
    auth=AUDITS,
    response=answers(404, 422, 429, 503),
    summary="Follow an execution",
    openapi_extra={
        "responses": {
            200: {
                "description": "One event per audit row, then `end` once the execution has ended",
                "content": {"text/event-stream": {"schema": EVENT}},
            }
        }
    },
)
def execution_events(
    request: HttpRequest,
    execution_id: Id,
    last_event_id: Annotated[str | None, Header(None, alias="Last-Event-ID")] = None,
) -> HttpResponse:
    """What came after `Last-Event-ID` (a seq), then what comes, until a final state."""
    # Under ASGI `streams` answers before Django is asked. A server without it sends what there is
    # and closes: a client that comes back with the last id misses nothing.
    found(execution_id)
    content, seq, is_more = bytearray(GREETING), row_id(last_event_id or "") or 0, True
    while is_more:
        news = news_after(execution_id, seq)
        content += news.content
        seq, is_more = news.seq, news.is_more
    return HttpResponse(bytes(content), content_type="text/event-stream; charset=utf-8")


def news_after(execution_id: int, seq: int) -> News:
    """The next rows after `seq` as events; the end too when they are the last of a final state."""
    # The state first: what it was changed by is then among the rows that are read after it.
    state = Execution.objects.filter(pk=execution_id).values_list("state", flat=True).first()
    rows = _rows(execution_id, seq, ROWS_AT_ONCE + 1)
    is_more = len(rows) > ROWS_AT_ONCE
    is_end = not is_more and (state is None or state in FINAL)
    told = [_event(row.seq, row.kind, shown(row)) for row in rows[:ROWS_AT_ONCE]]
    last = rows[:ROWS_AT_ONCE][-1].seq if rows else seq
    if is_end:
        told.append(_event(last, "end", {"status": state}))
    return News("".join(told).encode(), last, is_more, is_end)


def shown(row: AuditEvent) -> dict[str, Any]:
    """What AuditRow shows."""
    same = {name: getattr(row, name) for name in AuditRow.model_fields if name != "at"}
    return {**same, "at": row.at_text}


def _rows(execution_id: int, after: int, limit: int) -> list[AuditEvent]:
    rows = AuditEvent.objects.filter(execution=execution_id, seq__gt=after)
    return list(rows.order_by("seq")[:limit])


def _event(seq: int, name: str, data: dict[str, Any]) -> str:
    return f"id: {seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
