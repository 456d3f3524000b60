"""Sums, differences, products and quotients of decimals, as FEEL has them (DMN 1.3, 10.3).

CEL calculates with whole numbers or binary fractions, in which 0.1 * 3 is not 0.3: translated FEEL
calls these functions instead. What is calculated with null is null, and so is a division by zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

_FEEL = Context(prec=34, rounding=ROUND_HALF_EVEN)
_LARGEST = 2**63 - 1


def _calculated(how: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def calculate(left: Any, right: Any) -> Any:
        if left is None or right is None:
            return None
        return _plain(how(_decimal(left), _decimal(right)))

    return calculate


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.80} is no number")
    return Decimal(repr(value))


def _plain(found: Decimal) -> int | float:
    is_whole = found == found.to_integral_value() and abs(found) <= _LARGEST
    return int(found) if is_whole else float(found)


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _add(left, right)


def _quotient(left: Any, right: Any) -> Any:
    return None if right == 0 and not isinstance(right, bool) else _divide(left, right)


_add, _divide = _calculated(_FEEL.add), _calculated(_FEEL.divide)
PREFIX = "feel_"
FUNCTIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "feel_sum": _sum,
    "feel_difference": _calculated(_FEEL.subtract),
    "feel_product": _calculated(_FEEL.multiply),
    "feel_quotient": _quotient,
}
