"""The words of a FEEL text (DMN 1.3, 10.3.1): numbers, texts, names that may hold spaces, signs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

LARGEST_WHOLE, LARGEST = Decimal(2**63 - 1), Decimal("1e300")
EXACT_DIGITS = 15  # significant digits that a 64-bit floating point number keeps
KEYWORDS = frozenset(
    {
        "if",
        "then",
        "else",
        "and",
        "or",
        "not",
        "true",
        "false",
        "null",
        "in",
        "between",
        "for",
        "some",
        "every",
        "return",
        "function",
    }
)
_WORD = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>\.\.|<=|>=|!=|\*\*|[-<>=+*/()\[\],.?@{}:])
    )""",
    re.VERBOSE | re.DOTALL,
)


class Untranslatable(ValueError):
    """What of a FEEL text has no exact counterpart in CEL; the message says it."""


@dataclass(frozen=True, slots=True)
class Word:
    """`kind`: number, text, name, keyword or sign. `said` is the word, of a text its content."""

    kind: str
    said: str


def words(text: str, names: Iterable[str] = ()) -> list[Word]:
    """The words of a text; `names` are declared ones, the longest is read first.

    Raises Untranslatable at a character that FEEL does not know.
    """
    return list(_words(text.rstrip(), _declared(frozenset(names))))


def number(said: str) -> str:
    """A FEEL number as CEL; raises Untranslatable where it would lose digits."""
    try:
        exact = Decimal(said)
    except InvalidOperation:
        raise Untranslatable(f"“{said}” is no number.") from None
    if abs(exact) <= LARGEST_WHOLE and exact == exact.to_integral_value():
        return str(int(exact))
    if len(exact.normalize().as_tuple().digits) > EXACT_DIGITS or abs(exact) > LARGEST:
        raise Untranslatable(f"“{said}” has more than {EXACT_DIGITS} digits.")
    return repr(float(exact))


def quoted(text: str) -> str:
    """A text as a CEL literal."""
    return json.dumps(text, ensure_ascii=False)


def _words(text: str, declared: re.Pattern[str] | None) -> Iterator[Word]:
    at = 0
    while at < len(text):
        named = declared.match(text, at) if declared else None
        if named is not None and named[1] not in KEYWORDS:
            yield Word("name", " ".join(named[1].split()))
            at = named.end()
            continue
        found = _WORD.match(text, at)
        if found is None:
            raise Untranslatable(f"“{text[at:].strip()[:20]}” cannot be read.")
        yield _word(str(found.lastgroup), found[str(found.lastgroup)])
        at = found.end()


def _word(kind: str, said: str) -> Word:
    if kind == "text":
        return Word("text", _content(said))
    return Word("keyword" if said in KEYWORDS else kind, said)


def _content(said: str) -> str:
    try:
        content = json.loads(said, strict=False)
    except ValueError:
        raise Untranslatable(f"{said[:40]} holds a sign after “\\” that is not known.") from None
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in content):
        raise Untranslatable(f"{said[:40]} holds a character that cannot be stored.")
    return str(content)


@lru_cache(maxsize=64)
def _declared(names: frozenset[str]) -> re.Pattern[str] | None:
    """Only names that the general rule would not read whole need one of their own."""
    odd = [name for name in names if not re.fullmatch(r"[^\W\d]\w*", name)]
    if not odd:
        return None
    patterns = [
        r"\s+".join(map(re.escape, name.split())) for name in sorted(odd, key=len, reverse=True)
    ]
    return re.compile(rf"\s*({'|'.join(patterns)})(?!\w)")
