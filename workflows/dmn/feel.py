"""Simple FEEL expressions to CEL: names and paths, literals, comparisons, logic, if, arithmetic.

What FEEL means otherwise than CEL is refused, never guessed. FEEL calculates with decimals, which
the functions of `graph.decimals` do. Variables are `vars.name`, so no name can hide another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from .words import Untranslatable, Word, number, quoted, words

LOGIC = ({"or": "||"}, {"and": "&&"})
COMPARING = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
ADDING = ("+", "-")
DEEPEST = 40  # levels of brackets
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?\Z")
FARTHEST = timedelta(hours=14)  # of a zone from UTC
CALCULATING = {  # functions of graph.decimals
    "+": "feel_sum",
    "-": "feel_difference",
    "*": "feel_product",
    "/": "feel_quotient",
}
_CEL_WORDS = frozenset(
    {
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "null",
        "return",
        "true",
        "var",
        "void",
        "while",
    }
)


def expression(text: str, names: Iterable[str] = ()) -> str:
    """The CEL of a FEEL expression, of a date the text of it; raises Untranslatable."""
    found = Reader(words(text, names))
    if (moment := found.moment()) is not None and found.is_done:
        return quoted(moment[1])
    found.at = 0
    cel = found.either()
    if not found.is_done:
        raise Untranslatable(f"“{found.said}” was not expected there.")
    return cel


class Reader:
    """Words and how far they have been read. Each method reads one kind of phrase as CEL."""

    def __init__(self, found: list[Word]) -> None:
        self.words, self.at, self.depth = found, 0, 0

    @property
    def is_done(self) -> bool:
        return self.at == len(self.words)

    @property
    def said(self) -> str:
        """The word that is next; "" at the end."""
        return "" if self.is_done else self.words[self.at].said

    def takes(self, *said: str) -> str:
        """Reads a sign or keyword if it is next; "" otherwise."""
        if self.is_done or self.words[self.at].kind not in ("sign", "keyword"):
            return ""
        if self.words[self.at].said not in said:
            return ""
        self.at += 1
        return self.words[self.at - 1].said

    def needs(self, said: str) -> None:
        if not self.takes(said):
            what = f"“{self.said}”" if self.said else "the end"
            raise Untranslatable(f"{what} was found where “{said}” was expected.")

    def either(self, level: int = 0) -> str:
        """Terms joined by or, and within them by and."""
        if level == len(LOGIC):
            return self.comparison()
        cel = self.either(level + 1)
        while sign := self.takes(*LOGIC[level]):
            cel = f"({cel} {LOGIC[level][sign]} {self.either(level + 1)})"
        return cel

    def comparison(self) -> str:
        cel = self.sum()
        if sign := self.takes(*COMPARING):
            cel = f"({cel} {COMPARING[sign]} {self.sum()})"
        if self.said in ("between", "in"):
            raise Untranslatable(f"“{self.said}” is not translated; write comparisons.")
        return cel

    def sum(self) -> str:
        cel = self.product()
        while sign := self.takes(*ADDING):
            cel = _calculated(cel, sign, self.product())
        return cel

    def product(self) -> str:
        cel = self.signed()
        while sign := self.takes("*", "/"):
            cel = _calculated(cel, sign, self.signed())
        if self.said == "**":
            raise Untranslatable("Powers are not translated.")
        return cel

    def signed(self) -> str:
        return f"(-{self.term()})" if self.takes("-") else self.term()

    def term(self) -> str:
        """A literal, a path, something in brackets, not(…) or if."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Untranslatable("It is nested too deeply.")
        cel = self._term()
        self.depth -= 1
        return cel

    def literal(self) -> tuple[str, str] | None:
        """A number, text, boolean or null: its kind ("number", "string", …) and its CEL."""
        start, sign = self.at, self.takes("-")
        if not self.is_done:
            word = self.words[self.at]
            if word.kind == "number":
                self.at += 1
                return "number", sign + number(word.said)
            if not sign and word.kind == "text":
                self.at += 1
                return "string", quoted(word.said)
            if not sign and (said := self.takes("true", "false", "null")):
                return ("null" if said == "null" else "boolean"), said
        self.at = start
        return None

    def moment(self) -> tuple[str, str] | None:
        """date("…") or date and time("…"): "date", "dateTime" or "zoned", and its ISO text."""
        start, said = self.at, list[str]()
        while len(said) < 3 and not self.is_done and self.words[self.at].kind != "sign":
            said.append(self.said)
            self.at += 1
        is_date, is_moment = said == ["date"], said == ["date", "and", "time"]
        if (is_date or is_moment) and self.takes("("):
            content = None if self.is_done else self.words[self.at]
            if content is None or content.kind != "text":
                raise Untranslatable("Only a date in quotes is translated.")
            self.at += 1
            self.needs(")")
            return day(content.said) if is_date else instant(content.said)
        self.at = start
        return None

    def path(self) -> str:
        """A variable, and what lies in it."""
        cel = f"vars{_step(self.words[self.at].said)}"
        self.at += 1
        while self.takes("."):
            if self.is_done or self.words[self.at].kind != "name":
                raise Untranslatable("A name was expected after “.”.")
            cel += _step(self.said)
            self.at += 1
        if self.said == "(":
            raise Untranslatable(
                f"The function “{self.words[self.at - 1].said}” is not translated."
            )
        if self.said == "[":
            raise Untranslatable("A filter, […], is not translated.")
        return cel

    def _term(self) -> str:
        if self.moment() is not None:
            raise Untranslatable("A date is translated only where it stands alone.")
        if (literal := self.literal()) is not None:
            return literal[1]
        if self.takes("("):
            cel = self.either()
            self.needs(")")
            return f"({cel})"
        if self.takes("not"):
            self.needs("(")
            cel = self.either()
            self.needs(")")
            return f"!({cel})"
        if self.takes("if"):
            return self._choice()
        if not self.is_done and self.words[self.at].kind == "name":
            return self.path()
        raise Untranslatable(
            f"“{self.said}” is not translated." if self.said else "Something is missing at the end."
        )

    def _choice(self) -> str:
        condition = self.either()
        self.needs("then")
        yes = self.either()
        self.needs("else")
        return f"({condition} == true ? {yes} : {self.either()})"


def day(said: str) -> tuple[str, str]:
    """("date", the text); raises Untranslatable for what is no date."""
    try:
        if len(said) != 10:
            raise ValueError
        date.fromisoformat(said)
    except ValueError:
        raise Untranslatable(f"“{said}” is no date; 2030-01-31 was expected.") from None
    return "date", said


def instant(said: str) -> tuple[str, str]:
    """("zoned" or "dateTime", the text in ISO 8601); raises Untranslatable."""
    try:
        if len(said) < 16 or "@" in said:
            raise ValueError
        moment = datetime.fromisoformat(said)
        if abs(moment.utcoffset() or timedelta()) > FARTHEST:
            raise ValueError
    except ValueError:
        text = f"“{said}” is no date and time; 2030-01-31T09:00:00Z was expected."
        raise Untranslatable(text) from None
    kind = "zoned" if moment.tzinfo else "dateTime"
    return kind, said if _INSTANT.match(said) else moment.isoformat()


def _calculated(left: str, sign: str, right: str) -> str:
    is_text = sign == "+" and any(side.startswith('"') for side in (left, right))
    return f"({left} + {right})" if is_text else f"{CALCULATING[sign]}({left}, {right})"


def _step(name: str) -> str:
    is_plain = bool(_PLAIN.match(name)) and name not in _CEL_WORDS
    return f".{name}" if is_plain else f"[{quoted(name)}]"
