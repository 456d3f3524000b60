"""The order of slots in their columns (few crossings) and their height (straight lines)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol

SWEEPS, STARTS = 8, 16
SMALL = 150  # slots; a larger drawing is swept from one start only
APART = 16.0  # pixels between a line back and the middle of what it leads to
SMALL_STEP = 60  # pixels that a slot may be moved for a straight line
STRAIGHT = 6  # how much more a box wants to be level with a box than with a passing line


class Placed(Protocol):
    """What has a height, a lane, neighbours in the columns beside, and gets a y."""

    height: float
    band: int
    is_passing: bool
    is_turned: bool
    before: list[int]
    after: list[int]
    y: float


def ordered(columns: Sequence[Sequence[int]], slots: Sequence[Placed]) -> list[list[int]]:
    """The columns with their slots in the order, of all that were tried, that crosses least."""
    best = _flipped(columns, slots, 0)
    fewest = _crossings(best, slots)
    for start in range(STARTS if len(slots) <= SMALL else 1):
        current = _flipped(columns, slots, start)
        for sweep in range(SWEEPS):
            if not fewest:
                return best
            current = _swept(current, slots, to_the_right=sweep % 2 == 0)
            crossings = _crossings(current, slots)
            if crossings < fewest:
                best, fewest = current, crossings
    return best


def _flipped(
    columns: Sequence[Sequence[int]], slots: Sequence[Placed], pattern: int
) -> list[list[int]]:
    """Column i upside down, lane by lane, where bit i (repeating after four) is set."""
    return [
        sorted(
            reversed(column) if pattern >> position % 4 & 1 else column,
            key=lambda number: slots[number].band,
        )
        for position, column in enumerate(columns)
    ]


def settled(
    columns: Sequence[Sequence[int]], slots: Sequence[Placed], *, gap: float, band_gap: float
) -> list[tuple[float, float]]:
    """Sets each y: near the mean of its neighbours, in order, at least `gap` between boxes.

    The upper and lower edge of each lane are returned; lanes are `band_gap` apart.
    """
    edges: list[tuple[float, float]] = []
    for band in range(max(slot.band for slot in slots) + 1):
        within = [[n for n in column if slots[n].band == band] for column in columns]
        _settle(within, slots, gap)
        found = [slots[number] for column in within for number in column]
        upper = edges[-1][1] + band_gap if edges else 0.0
        down = upper - min((slot.y for slot in found), default=0.0) if band else 0.0
        for slot in found:
            slot.y += down
        edges.append(
            (
                min((slot.y for slot in found), default=upper),
                max((slot.y + slot.height for slot in found), default=upper + gap),
            )
        )
    return edges


def _settle(columns: Sequence[Sequence[int]], slots: Sequence[Placed], gap: float) -> None:
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
        column.sort(key=lambda number: (slots[number].band, weight[number], place[number]))
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
    beside = [other for other in beside if slots[other].band == slot.band]
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


def straighten(
    columns: Sequence[Sequence[int]],
    slots: Sequence[Placed],
    edges: Sequence[tuple[float, float]],
    *,
    gap: float,
) -> None:
    """Moves slots a little, where there is room, so that more of their lines are level.

    `edges` are those of the lanes, which stay as they are.
    """
    for sweep in range(4):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            for at, number in enumerate(column):
                slot = slots[number]
                low, high = _leeway(column, at, slots, edges, gap)
                _level(slot, slots, low, high)
    place = {number: (column, at) for column in columns for at, number in enumerate(column)}
    for number, slot in enumerate(slots):
        for other in slot.after:
            step = _middle(slots[other]) - _middle(slot)
            if 1 <= abs(step) <= APART and not (slot.is_turned or slots[other].is_turned):
                _ = _move(number, step, place, slots, edges, gap) or _move(
                    other, -step, place, slots, edges, gap
                )
    for number, slot in enumerate(slots):
        if slot.is_turned and _meets_an_end(slot, slots):
            _ = _move(number, APART, place, slots, edges, gap) or _move(
                number, -APART, place, slots, edges, gap
            )


def _meets_an_end(slot: Placed, slots: Sequence[Placed]) -> bool:
    """Whether a line back is level with what it comes from or leads to, and so with other lines."""
    ends = (slots[other] for other in (*slot.before, *slot.after))
    return any(not end.is_passing and abs(_middle(end) - _middle(slot)) < APART for end in ends)


def _move(
    number: int,
    step: float,
    place: Mapping[int, tuple[Sequence[int], int]],
    slots: Sequence[Placed],
    edges: Sequence[tuple[float, float]],
    gap: float,
) -> bool:
    """Move a passing slot, and what of its line is level with it, if there is room for all."""
    if not slots[number].is_passing:
        return False
    level, left = {number}, [number]
    while left:
        slot = slots[left.pop()]
        for other in {*slot.before, *slot.after} - level:
            if slots[other].is_passing and abs(_middle(slots[other]) - _middle(slot)) < 1:
                level.add(other)
                left.append(other)
    for one in level:
        low, high = _leeway(*place[one], slots, edges, gap)
        if not low <= slots[one].y + step <= high:
            return False
    for one in level:
        slots[one].y += step
    return True


def _middle(slot: Placed) -> float:
    return slot.y + slot.height / 2


def _leeway(
    column: Sequence[int],
    at: int,
    slots: Sequence[Placed],
    edges: Sequence[tuple[float, float]],
    gap: float,
) -> tuple[float, float]:
    """Between which y a slot may be, so that its neighbours and its lane stay where they are."""
    slot = slots[column[at]]
    low, high = slot.y - SMALL_STEP, slot.y + SMALL_STEP
    for beside in (at - 1, at + 1):
        if not 0 <= beside < len(column):
            continue
        other = slots[column[beside]]
        distance = gap / 2 if other.is_passing or slot.is_passing else gap
        if other.band != slot.band:
            continue
        if beside < at:
            low = max(low, min(slot.y, other.y + other.height + distance))
        else:
            high = min(high, max(slot.y, other.y - distance - slot.height))
    if len(edges) > 1:
        low = max(low, edges[slot.band][0])
        high = min(high, edges[slot.band][1] - slot.height)
    return low, high


def _level(slot: Placed, slots: Sequence[Placed], low: float, high: float) -> None:
    """Move a slot level with as many of its neighbours as it can be."""
    beside = [slots[other] for other in (*slot.before, *slot.after)]
    wishes = [
        _middle(other) - slot.height / 2
        for other in beside
        if not ((slot.is_turned or other.is_turned) and slot.is_passing != other.is_passing)
    ]
    best, most = slot.y, sum(abs(slot.y - wish) < 1 for wish in wishes)
    for wish in wishes:
        count = sum(abs(wish - other) < 1 for other in wishes)
        if low <= wish <= high and count > most:
            best, most = wish, count
    slot.y = best
