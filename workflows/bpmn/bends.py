"""Lines with right angles: between two columns each bend has an upright line of its own."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .layout import Point

_NEAR = 0.5  # pixels that nobody sees
Gap = tuple[float, float]


def squared(paths: Iterable[Sequence[Point]]) -> list[tuple[Point, ...]]:
    """Paths whose slanting parts, all in gaps between columns, are replaced by right angles.

    What leaves one point shares an upright line, as a fork; the others stand apart, those that
    would be crossed by another's level part nearer to it.
    """
    rounded = [_levelled([(round(x), round(y)) for x, y in path]) for path in paths]
    upright = _placed(rounded)
    return [_simple(_bent(path, upright)) for path in rounded]


def _levelled(path: list[Point]) -> list[Point]:
    """Without steps of a pixel between two level parts."""
    for number in range(1, len(path)):
        (x1, y1), (x2, y2) = path[number - 1], path[number]
        if x1 != x2 and abs(y1 - y2) <= 1 and number < len(path) - 1:
            path[number] = (x2, y1)
    return path


def _slanting(path: Sequence[Point]) -> Iterable[tuple[Point, Point]]:
    """The slanting parts, each from left to right."""
    for one, other in itertools.pairwise(path):
        if abs(one[0] - other[0]) > _NEAR and abs(one[1] - other[1]) > _NEAR:
            yield (one, other) if one[0] < other[0] else (other, one)


def _placed(paths: Iterable[Sequence[Point]]) -> dict[tuple[Point, float], float]:
    """The x of the upright line by the left point of a bend and the x where its gap ends."""
    gaps: dict[Gap, dict[Point, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        for left, right in _slanting(path):
            gaps[left[0], right[0]][left].append(right[1])
    found = {}
    for (begin, end), bends in gaps.items():
        places = sorted(bends, key=lambda left: _turn(left[1], bends[left]))
        for number, left in enumerate(places):
            x = begin + (end - begin) * (number + 1) / (len(places) + 1)
            found[left, end] = float(round(x))
    return found


def _turn(y: float, ends: Sequence[float]) -> tuple[int, float]:
    """Of those that go down the lowest turns first, of those that go up the highest."""
    is_down = sum(ends) / len(ends) > y
    return (0, -y) if is_down else (1, y)


def _bent(path: Sequence[Point], upright: dict[tuple[Point, float], float]) -> list[Point]:
    result = [path[0]]
    for one, other in itertools.pairwise(path):
        if abs(one[0] - other[0]) > _NEAR and abs(one[1] - other[1]) > _NEAR:
            left, right = (one, other) if one[0] < other[0] else (other, one)
            x = upright[left, right[0]]
            result += [(x, one[1]), (x, other[1])]
        result.append(other)
    return result


def _simple(path: Sequence[Point]) -> tuple[Point, ...]:
    """Without points that a straight line passes anyway."""
    result: list[Point] = []
    for point in path:
        if result and point == result[-1]:
            continue
        if len(result) > 1 and _is_straight(result[-2], result[-1], point):
            result[-1] = point
        else:
            result.append(point)
    return tuple(result)


def _is_straight(one: Point, middle: Point, other: Point) -> bool:
    on_column = one[0] == middle[0] == other[0]
    on_row = one[1] == middle[1] == other[1]
    return on_column or on_row
