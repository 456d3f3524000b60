"""What operations share: names in addresses, and lists by key (never by number of page)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from ninja import P, PathEx, Schema
from pydantic import Field

from workflows.models.definitions import KEY_PATTERN

Id = PathEx[int, P(ge=1, le=2**63 - 1)]
Key = PathEx[str, P(max_length=100, pattern=KEY_PATTERN.replace(r"\Z", "$"))]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class Asked(Schema):
    """Which part of a list: at most `limit` items, after the one that `cursor` names."""

    cursor: str | None = Field(
        None, pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the part before"
    )
    limit: int = Field(50, ge=1, le=200)

    @property
    def after(self) -> int | None:
        return int(self.cursor) if self.cursor else None


class Listed(Schema):
    """A part of a list; `next_cursor` is null at its end."""

    next_cursor: str | None


def part(
    rows: Sequence[Any], limit: int, key: Callable[[Any], int], shown: Callable[[Any], Any]
) -> dict[str, Any]:
    """The answer from one row more than `limit`, if there is one."""
    kept = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [shown(row) for row in kept],
        "next_cursor": str(key(kept[-1])) if more else None,
    }
