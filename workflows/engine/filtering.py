"""What the list of executions (or a batch) is asked for, and how it is found by index only.

Text finds an execution's number, a workflow's name or key, an idempotency key, and the error of one
of the latest failures. Each of these is a search of its own that stops at the page's size; a scan
of the whole history for a word is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from workflows.models import Execution, State, Workflow

from . import arguments

FAILURES_SEARCHED = 2000
LONGEST = 200
SHOWN = (
    "id",
    "state",
    "priority",
    "created_at",
    "started_at",
    "finished_at",
    "error",
    "workflow__key",
    "workflow__name",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One view of the list; empty parts do not filter. `states`: only those in one of them."""

    state: str
    workflow: Workflow | None
    text: str
    states: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: Mapping[str, Any], states: Iterable[str] = ()) -> Filter:
        """From a query string or a batch; what is unknown is left out."""
        state, workflow = asked.get("state", ""), asked.get("workflow", "")
        return cls(
            state if state in State.values else "",
            Workflow.objects.filter(key=workflow).first() if workflow else None,
            asked.get("q", "").strip().replace("\0", "")[:LONGEST],
            tuple(states),
        )

    def __bool__(self) -> bool:
        return bool(self.state or self.workflow or self.text)

    def frozen(self) -> dict[str, str]:
        """What `of` makes the same filter of."""
        parts = {
            "state": self.state,
            "workflow": self.workflow.key if self.workflow else "",
            "q": self.text,
        }
        return {name: value for name, value in parts.items() if value}

    def fetch(self, before: int | None, after: int | None, limit: int) -> list[Execution]:
        """Executions from the key away, at most `limit`."""
        ordered = self.ids(before, after, limit)
        rows = Execution.objects.select_related("workflow").only(*SHOWN)
        found = rows.with_doubt().in_bulk(ordered)
        return [found[number] for number in ordered if number in found]

    def ids(self, before: int | None, after: int | None, limit: int) -> list[int]:
        """Their numbers alone."""
        found: set[int] = set()
        for rows in self._searches():
            found.update(_sliced(rows, before, after, limit))
        return sorted(found, reverse=after is None)[:limit]

    def _searches(self) -> list[QuerySet[Execution]]:
        rows = Execution.objects.filter(self._plain())
        if not self.text:
            return [rows]
        named = Workflow.objects.filter(Q(name__icontains=self.text) | Q(key__icontains=self.text))
        searches: list[QuerySet[Execution]] = [
            rows.filter(workflow__in=list(named.values_list("pk", flat=True)[:100])),
            rows.filter(
                workflow__in=list(Workflow.objects.values_list("pk", flat=True)),
                idempotency_key=self.text,
            ),
            rows.filter(pk__in=_recent_failures(), error__icontains=self.text),
        ]
        number = key(self.text.removeprefix("#"))
        return [*searches, rows.filter(pk=number)] if number is not None else searches

    def _plain(self) -> Q:
        wanted = Q(state=self.state) if self.state else Q()
        if self.states:
            wanted &= Q(state__in=self.states)
        return wanted & Q(workflow=self.workflow) if self.workflow else wanted


def _sliced(
    rows: QuerySet[Execution], before: int | None, after: int | None, limit: int
) -> list[int]:
    bounds: dict[str, Any] = {}
    if before is not None:
        bounds["pk__lt"] = before
    if after is not None:
        bounds["pk__gt"] = after
    ordered = rows.filter(**bounds).order_by("-pk" if after is None else "pk")
    return list(ordered.values_list("pk", flat=True)[:limit])


def _recent_failures() -> QuerySet[Any]:
    failed = Execution.objects.filter(state=State.FAILED).order_by("-pk")
    return failed.values("pk")[:FAILURES_SEARCHED]


def key(text: str | None) -> int | None:
    """A key in an address, None when there is none or it is nonsense."""
    if not text or not text.isascii() or not text.isdigit():
        return None
    return min(int(text[:20]), arguments.LARGEST)
