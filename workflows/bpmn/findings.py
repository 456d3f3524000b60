"""What a file says that this product does not do, or does otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNSUPPORTED: Final = "unsupported"  # it would behave differently: the draft is not published
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of an element: its id and name, its line from 1, a sentence, and whether
    it keeps the draft from being published (`unsupported`) or not (`note`).
    """

    element_id: str
    name: str
    line: int
    what: str
    severity: str = UNSUPPORTED

    def __str__(self) -> str:
        subject = f"“{self.name or self.element_id}”: " if self.name or self.element_id else ""
        return f"Line {self.line}: {subject}{self.what}"
