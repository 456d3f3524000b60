"""What BPMN needs and a definition says without an element: drawn with a mark, folded on reading.

A marked gateway before a task says that it waits for every path (parallel) or for the first one
(complex); one behind a task carries the conditions of the ways that leave it; marked start and end
events stand where a workflow begins and ends without saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from . import exclusive
from .extension import qualified
from .normal import Way

IMPLICIT: Final = qualified("implicit")  # attribute of an element: one of MARKS
LABEL: Final = qualified("label")  # attribute of a flow: the name that was made from its condition
JOIN, SPLIT, START, END = "join", "split", "start", "end"
MARKS: Final = (JOIN, SPLIT, START, END)
TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    JOIN: ("parallelGateway", "complexGateway"),
    SPLIT: ("inclusiveGateway", "exclusiveGateway"),
    START: ("startEvent",),
    END: ("endEvent",),
}


@dataclass(frozen=True, slots=True)
class Marked:
    """An element with a mark: its mark and the local name of its tag."""

    mark: str
    tag: str
