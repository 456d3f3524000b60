"""The order of slots in their columns (few crossings) and their height (straight lines)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

SWEEPS, STARTS = 8, 16
SMALL = 150  # slots; a larger drawing is swept from one start only
STRAIGHT = 6  # how much more a box wants to be level with a box than with a passing line


class Placed(Protocol):
    """What has a height, neighbours in the columns beside, and gets a y."""

    height: float
    is_passing: bool
    before: list[int]
    after: list[int]
    y: float


def ordered(columns: Sequence[Sequence[int]], slots: Sequence[Placed]) -> list[list[int]]:
    """The columns with their slots in the order, of all that were tried, that crosses least."""
    best = [list(column) for column in columns]
    fewest = _crossings(best, slots)
    for start in range(STARTS if len(slots) <= SMALL else 1):
        current = _flipped(columns, start)
        for sweep in range(SWEEPS):
            if not fewest:
                return best
            current = _swept(current, slots, to_the_right=sweep % 2 == 0)
            crossings = _crossings(current, slots)
            if crossings < fewest:
                best, fewest = current, crossings
    return best


def _flipped(columns: Sequence[Sequence[int]], pattern: int) -> list[list[int]]:
    """Column i upside down where bit i (repeating after four) of `pattern` is set."""
    return [
        list(reversed(column)) if pattern >> position % 4 & 1 else list(column)
        for position, column in enumerate(columns)
    ]


def settled(columns: Sequence[Sequence[int]], slots: Sequence[Placed], *, gap: float) -> None:
    """Sets each y: near the mean of its neighbours, in order, at least `gap` between boxes."""
    for column in columns:
        _stack(column, slots, [0.0] * len(column), gap)
    for sweep in range(SWEEPS):
        to_the_right = sweep % 2 == 0
        for column in columns if to_the_right else reversed(columns):
            wishes = [_wish(slots[number], slots, to_the_right) for number in column]
            _stack(column, slots, wishes, gap)


def _swept(
    columns: Sequence[Sequence[int]], slots: Sequence[Placed], *, to_the_right: bool
) -> list[list[int]]:
    result = [list(column) for column in columns]
    place = {number: at for column in result for at, number in enumerate(column)}
    sequence = range(1, len(result)) if to_the_right else range(len(result) - 2, -1, -1)
    for position in sequence:
        column = result[position]
        weight = {
            number: _barycentre(slots[number], number, place, to_the_right) for number in column
        }
        column.sort(key=lambda number: (weight[number], place[number]))
        place.update((number, at) for at, number in enumerate(column))
    return result


def _barycentre(slot: Placed, number: int, place: dict[int, int], to_the_right: bool) -> float:
    beside = slot.before if to_the_right else slot.after
    return sum(place[other] for other in beside) / len(beside) if beside else place[number]


def _crossings(columns: Sequence[Sequence[int]], slots: Sequence[Placed]) -> int:
    return sum(_between(left, right, slots) for left, right in pairwise(columns))


def _between(left: Sequence[int], right: Sequence[int], slots: Sequence[Placed]) -> int:
    place = {number: at for at, number in enumerate(right)}
    ends = [
        place[other]
        for number in left
        for other in sorted(slots[number].after, key=lambda other: place.get(other, 0))
        if other in place
    ]
    return sum(ends[i] > ends[j] for i in range(len(ends)) for j in range(i + 1, len(ends)))


def _wish(slot: Placed, slots: Sequence[Placed], to_the_right: bool) -> float:
    beside = slot.before if to_the_right else slot.after
    if not beside:
        return slot.y + slot.height / 2
    weights = [STRAIGHT if slots[other].is_passing == slot.is_passing else 1 for other in beside]
    middles = [slots[other].y + slots[other].height / 2 for other in beside]
    return sum(w * y for w, y in zip(weights, middles, strict=True)) / sum(weights)


def _stack(
    column: Sequence[int], slots: Sequence[Placed], wishes: Sequence[float], gap: float
) -> None:
    """The least-squares heights that keep order and distance: pool adjacent violators."""
    offsets, offset = [], 0.0
    for above, number in zip([None, *column], column, strict=False):
        if above is not None:
            distance = gap / 2 if slots[above].is_passing or slots[number].is_passing else gap
            offset += slots[above].height / 2 + distance + slots[number].height / 2
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        blocks.append((wish - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (one, many), (other, more) = blocks.pop(-2), blocks.pop()
            blocks.append(((one * many + other * more) / (many + more), many + more))
    bases = [base for base, count in blocks for _ in range(count)]
    for number, base, offset in zip(column, bases, offsets, strict=True):
        slots[number].y = base + offset - slots[number].height / 2
