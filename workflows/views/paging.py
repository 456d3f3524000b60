"""Pages by key, newest first: a page costs the same at any depth, and nothing is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from workflows.engine.filtering import key

SIZE = 50
Fetch = Callable[[int | None, int | None, int], list[Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the keys that lead on: `older` than the last row, `newer` than the first."""

    rows: Sequence[Any]
    older: int | None
    newer: int | None
    is_first: bool


def page(
    rows: QuerySet[Any] | Fetch,
    asked: dict[str, Any] | Any,
    size: int = SIZE,
) -> Page:
    """The page that `before` or `after` (ids in the query string) ask for.

    `rows` is a queryset, or a function (before, after, limit) -> rows ordered from the key away.
    """
    before, after = key(asked.get("before")), key(asked.get("after"))
    fetch = _from(rows) if isinstance(rows, QuerySet) else rows
    if after is not None:
        found = fetch(None, after, size + 1)
        kept = found[:size][::-1]
        return Page(kept, _last(kept), _first(kept) if len(found) > size else None, False)
    found = fetch(before, None, size + 1)
    kept = found[:size]
    older = _last(kept) if len(found) > size else None
    return Page(kept, older, _first(kept) if before is not None else None, before is None)


def _from(rows: QuerySet[Any]) -> Fetch:
    def fetch(before: int | None, after: int | None, limit: int) -> list[Any]:
        if after is not None:
            return list(rows.filter(pk__gt=after).order_by("pk")[:limit])
        older = rows if before is None else rows.filter(pk__lt=before)
        return list(older.order_by("-pk")[:limit])

    return fetch


def _first(rows: Sequence[Any]) -> int | None:
    return rows[0].pk if rows else None


def _last(rows: Sequence[Any]) -> int | None:
    return rows[-1].pk if rows else None
