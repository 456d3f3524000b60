"""CEL as it is put together while an expression of another language is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

TERNARY, OR, AND, COMPARED, ADDED, TIMES, SIGNED, MEMBER = range(1, 9)  # how tightly it binds
NUMBER, TEXT, TRUTH, NULL, ANY = "number", "text", "truth", "null", "any"
MAX_LENGTH = 1_000  # characters of a foreign expression
MAX_DEPTH = 40  # levels of nesting
LARGEST = 2**63 - 1
RESERVED: Final = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
    "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    "vars", "output", "type", "size", "has", "int", "uint", "double", "string", "bool", "bytes",
    "list", "map", "duration", "timestamp", "dyn", "matches",
})  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Untranslatable(ValueError):
    """It cannot be said in CEL so that it means exactly the same; the message names the part."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a CEL expression: its text, how tightly it binds, what it is, as far as is known,
    the names that lead to it if it is a variable or a field of one, and a literal's value.
    """

    text: str
    binds: int = MEMBER
    type: str = ANY
    path: tuple[str, ...] = ()
    value: str | int | float | bool | None = None

    def within(self, binds: int) -> str:
        """The text, in brackets where it binds less tightly."""
        return self.text if self.binds >= binds else f"({self.text})"


def variable(name: str) -> Term:
    """A variable; one whose name is a word of CEL's own is looked up in `vars`."""
    if not _WORD.match(name):
        raise Untranslatable(f"“{name}” is no name of a variable")
    return Term(f'vars["{name}"]' if name in RESERVED else name, path=(name,))


def given(name: str) -> Term:
    """What a finished step gave under a name, else the variable of that name."""
    before = variable(name).text
    of_step = member(Term("output"), name).text
    return Term(f'("{name}" in output ? {of_step} : {before})')


def member(of: Term, name: str) -> Term:
    """A field of an object."""
    path = (*of.path, name) if of.path else ()
    if not _WORD.match(name) or name in RESERVED:
        return Term(f"{of.within(MEMBER)}[{json.dumps(name, ensure_ascii=False)}]", path=path)
    return Term(f"{of.within(MEMBER)}.{name}", path=path)


def text(value: str) -> Term:
    """A literal text."""
    return Term(json.dumps(value, ensure_ascii=False), type=TEXT, value=value)


def number(source: str) -> Term:
    """A literal number; raises Untranslatable for one that CEL cannot hold."""
    if source.isdecimal():
        whole = int(source) if len(source) < 30 else LARGEST + 1
        if whole > LARGEST:
            raise Untranslatable(f"{source[:30]} is too large a number")
        return Term(str(whole), type=NUMBER, value=whole)
    real = float(source)
    if real in (float("inf"), float("-inf")):
        raise Untranslatable(f"{source[:30]} is too large a number")
    return Term(repr(real), type=NUMBER, value=real)


def literal(word: str) -> Term:
    """`true`, `false` or `null`."""
    if word == "null":
        return Term("null", type=NULL)
    return Term(word, type=TRUTH, value=word == "true")


def joined(sign: str, binds: int, left: Term, right: Term, kind: str = TRUTH) -> Term:
    """Two terms with a sign between them, read from the left; comparisons are never chained."""
    inner = binds + 1 if binds == COMPARED else binds
    return Term(f"{left.within(inner)} {sign} {right.within(binds + 1)}", binds, kind)


def opposite(of: Term) -> Term:
    return Term(f"!{of.within(SIGNED)}", SIGNED, TRUTH)


def negative(of: Term) -> Term:
    value = -of.value if isinstance(of.value, int | float) and of.type == NUMBER else None
    return Term(f"-{of.within(MEMBER)}", SIGNED, NUMBER, value=value)


def chosen(condition: Term, then: Term, other: Term) -> Term:
    parts = condition.within(OR), then.within(OR), other.within(TERNARY)
    kind = then.type if then.type == other.type else ANY
    return Term("{} ? {} : {}".format(*parts), TERNARY, kind)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: number, text, name, sign or end."""

    kind: str
    text: str


Naming = Callable[[str], Term]


class Tokens:
    """The tokens of an expression, one after the other."""

    def __init__(self, source: str, pattern: re.Pattern[str], named: Naming) -> None:
        if len(source) > MAX_LENGTH:
            raise Untranslatable(f"it is longer than {MAX_LENGTH} characters")
        self._tokens = [*_split(source, pattern), Token("end", "")]
        self.named = named
        self._place = 0
        self._depth = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._place]

    @property
    def following(self) -> Token:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def took(self, *texts: str) -> str:
        """The sign or word that comes next, taken if it is one of these; else ""."""
        token = self._tokens[self._place]
        if token.text in texts and token.kind in ("sign", "name"):
            return self.take().text
        return ""

    def expect(self, sign: str) -> None:
        if not self.took(sign):
            raise Untranslatable(f"“{sign}” was expected before “{self.now.text or 'the end'}”")

    def finished(self) -> None:
        if self.now.kind != "end":
            raise Untranslatable(f"“{self.now.text}” was not expected")

    def deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Untranslatable("it is nested too deeply")

    def higher(self) -> None:
        self._depth -= 1


def _split(source: str, pattern: re.Pattern[str]) -> Iterator[Token]:
    place = 0
    while place < len(source):
        found = pattern.match(source, place)
        if found is None or found.end() == place:
            raise Untranslatable(f"“{source[place : place + 10]}” cannot be read")
        place = found.end()
        if found.lastgroup and found.lastgroup != "space":
            yield Token(found.lastgroup, found.group())
