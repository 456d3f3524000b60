"""Unary tests of S-FEEL (DMN 1.3, 9.2) to CEL over `input`, the value of the column, and `vars`.

Null is less than nothing: a comparison with it does not hold, as in FEEL; CEL would break off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .feel import Reader
from .words import Untranslatable, quoted, words

ANY = ""  # the CEL of a cell that lets everything through
MOMENTS = frozenset({"date", "dateTime", "zoned", "moment"})
COMPARING = ("<", "<=", ">", ">=")
OPENING, CLOSING = {"[": ">=", "(": ">", "]": ">"}, {"]": "<=", ")": "<", "[": "<"}


@dataclass(slots=True)
class Test:
    """The CEL of a cell, and the kinds of what `input` is compared with: number, string, boolean,
    date, dateTime (without a zone), zoned, null, or name for a variable.
    """

    cel: str
    kinds: set[str] = field(default_factory=set)
    literals: list[str] = field(default_factory=list)


def translated(text: str, names: Iterable[str] = ()) -> Test:
    """The test that a cell's text says; raises Untranslatable."""
    if text.strip() in ("", "-"):
        return Test(ANY)
    reader = _Tests(words(text, names))
    is_negative = reader.takes("not") == "not"
    if is_negative:
        reader.needs("(")
    parts = [reader.one()]
    while reader.takes(","):
        parts.append(reader.one())
    if is_negative:
        reader.needs(")")
    if not reader.is_done:
        raise Untranslatable(f"“{reader.said}” was not expected there.")
    return reader.found(parts, is_negative)


class _Tests(Reader):
    """Reads single tests, and notes what they compare with."""

    kinds: set[str]
    literals: list[str]
    is_ordering = False

    def one(self) -> str:
        """One test: a comparison, an interval, or a value that must be equal."""
        if not hasattr(self, "kinds"):
            self.kinds, self.literals = set(), []
        if sign := self.takes(*COMPARING):
            return self._compared(sign, self._endpoint())
        interval = self._interval()
        if interval:
            return interval
        self.takes("=")
        kind, cel = self._endpoint()
        self.literals.append(cel)
        if kind == "name":
            return f"(type({cel}) == list ? input in {cel} : input == {cel})"
        return f"input == {cel}"

    def found(self, parts: list[str], is_negative: bool) -> Test:
        """The test that single ones are together."""
        if len(parts) == len(self.literals) > 1 and "name" not in self.kinds:
            parts = [f"input in [{', '.join(self.literals)}]"]
        cel = " || ".join(parts) if len(parts) == 1 else " || ".join(f"({one})" for one in parts)
        if is_negative:
            guard = "input != null && " if self.is_ordering else ""
            cel = f"{guard}!({cel})"
        return Test(cel, self.kinds, [] if is_negative or self.is_ordering else self.literals)

    def _interval(self) -> str:
        start = self.at
        opening = self.takes(*OPENING)
        if not opening:
            return ""
        lower = self._endpoint()
        if not self.takes(".."):
            self.at = start
            raise Untranslatable("A list in brackets is not translated; separate values by commas.")
        upper = self._endpoint()
        closing = self.takes(*CLOSING)
        if not closing:
            raise Untranslatable("The interval does not end with “]”, “)” or “[”.")
        above, below = (
            self._compared(OPENING[opening], lower),
            self._compared(CLOSING[closing], upper),
        )
        return f"{above} && {below.removeprefix('input != null && ')}"

    def _compared(self, sign: str, endpoint: tuple[str, str]) -> str:
        kind, cel = endpoint
        if kind in ("null", "boolean"):
            raise Untranslatable(f"“{sign} {cel}”: nothing is less or greater than {cel}.")
        self.is_ordering = True
        guard = f"{cel} != null && " if kind == "name" else ""
        return f"input != null && {guard}input {sign} {cel}"

    def _endpoint(self) -> tuple[str, str]:
        if (moment := self.moment()) is not None:
            kind, cel = moment[0], f"timestamp({quoted(_timestamp(moment[1]))})"
        elif (literal := self.literal()) is not None:
            kind, cel = literal
        elif not self.is_done and self.words[self.at].kind == "name":
            kind, cel = "name", self.path()
        else:
            what = f"“{self.said}” is not translated in a cell." if self.said else ""
            raise Untranslatable(what or "Something is missing at the end.")
        if self.said in ("+", "-", "*", "/", "**"):
            raise Untranslatable("Arithmetic is not translated in a cell.")
        self.kinds.add(kind)
        return kind, cel


def _timestamp(text: str) -> str:
    """RFC 3339; what has no zone is compared only with what has none, so any will do."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
