"""Which ways can never both be taken in a run, as far as their conditions say so plainly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations

from workflows.graph.shape import ONE

from .normal import Normal, Way

MOST = 20_000  # pairs of ways looked at for one task
_COMPARED = re.compile(
    r"(?P<left>[^<>=!&|?]+?)\s*(?P<sign>==|!=|<=|>=|<|>)\s*(?P<right>[^<>=!&|?]+)\Z"
)
_TEXT = re.compile(r"""("[^"\\]*"|'[^'\\]*')\Z""")
_WHOLE = re.compile(r"-?\d+\Z")
_TRUE_OF = {"==": "=", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def conditions(one: str, other: str) -> bool:
    """Whether two CEL conditions, over the same values, plainly never both hold.

    Known are comparisons of the same two sides, equality with different literals, and `!x`.
    """
    one, other = one.strip(), other.strip()
    if _denied(one) == other or _denied(other) == one:
        return True
    first, second = _COMPARED.match(one), _COMPARED.match(other)
    if not first or not second or first["left"] != second["left"] or not _is_closed(first["left"]):
        return False
    if first["right"] == second["right"]:
        return not set(_TRUE_OF[first["sign"]]) & set(_TRUE_OF[second["sign"]])
    is_same = first["sign"] == second["sign"] == "=="
    return is_same and any(
        pattern.match(first["right"]) and pattern.match(second["right"])
        and _bare(first["right"]) != _bare(second["right"])
        for pattern in (_TEXT, _WHOLE)
    )  # fmt: skip


def all_conditions(ways: Iterable[Way]) -> bool:
    """Whether of some ways out of one task at most one is ever taken."""
    ways = list(ways)
    return all(way.when for way in ways) and all(
        conditions(one.when, other.when) for one, other in combinations(ways, 2)
    )


def into(workflow: Normal, key: str) -> bool:
    """Whether at most one of the ways into a task is taken in a run of a plain workflow."""
    known: dict[tuple[Way, Way], bool] = {}
    return all(
        _are(workflow, one, other, known) for one, other in combinations(workflow.into[key], 2)
    )


def _are(workflow: Normal, one: Way, other: Way, known: dict[tuple[Way, Way], bool]) -> bool:
    """Whether two ways are never both taken: they part somewhere, or what leads to them does."""
    pending = [(one, other)]
    while pending:
        if len(known) > MOST:
            return False
        pair = pending[-1]
        if pair not in known:
            left = [each for each in _asked(workflow, *pair) if each not in known]
            if left and not _parts(*pair):
                pending += left
                continue
            known[pair] = _parts(*pair) or _follows(workflow, *pair, known)
        pending.pop()
    return known[one, other]


def _parts(one: Way, other: Way) -> bool:
    is_fork = one.source == other.source and one != other
    return is_fork and bool(one.when and other.when) and conditions(one.when, other.when)


def _asked(workflow: Normal, one: Way, other: Way) -> Iterable[tuple[Way, Way]]:
    if one != other:
        yield from ((before, other) for before in workflow.into[one.source])
        yield from ((one, before) for before in workflow.into[other.source])


def _follows(workflow: Normal, one: Way, other: Way, known: dict[tuple[Way, Way], bool]) -> bool:
    if one == other:
        return False
    left = [known[before, other] for before in workflow.into[one.source]]
    right = [known[one, before] for before in workflow.into[other.source]]
    return _enough(workflow, one.source, left) or _enough(workflow, other.source, right)


def _enough(workflow: Normal, key: str, excluded: list[bool]) -> bool:
    """A task that needs one way is out when all are; one that needs every way when any is."""
    needs_all = workflow.tasks[key]["join"] != ONE
    return bool(excluded) and (any(excluded) if needs_all else all(excluded))


def _is_closed(text: str) -> bool:
    """Whether no bracket is left open: the comparison is not inside a call."""
    return all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))


def _denied(condition: str) -> str:
    return f"!({condition})" if not condition.isidentifier() else f"!{condition}"


def _bare(literal: str) -> str:
    return literal[1:-1] if literal[0] in "\"'" else literal
