"""What is wrong with a graph, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflows.errors import InvalidExpression

from . import expressions


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: the element's key ("": the workflow itself), its field, a sentence."""

    element: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.element}: {self.message}" if self.element else self.message


def of_expression(key: str, field: str, source: object) -> Iterator[Problem]:
    """What is wrong with a CEL expression in a field of an element."""
    if not isinstance(source, str) or not source.strip():
        yield Problem(key, field, f"{source!r} is not an expression.")
        return
    try:
        expressions.compiled(source)
    except InvalidExpression as error:
        yield Problem(key, field, str(error))


def of_mapping(key: str, field: str, name: str, mapping: object) -> Iterator[Problem]:
    """What is wrong with a mapping of names to expressions, given as `name` within a field."""
    if not isinstance(mapping, dict):
        yield Problem(key, field, f"“{name}” maps names to expressions.")
        return
    for source in mapping.values():
        yield from of_expression(key, field, source)
