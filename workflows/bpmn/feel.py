"""FEEL, the `= …` of Camunda 8 and DMN (DMN 1.3, 10.3), as far as CEL says exactly the same.

FEEL calculates with decimals: only sums and products in which one side is a whole number of the
expression itself are the same in CEL, or an error. Where FEEL gives null because something is not
there, CEL fails, which is told; `= null` is true of what is not there in both.
"""

from __future__ import annotations

import json
import re

from . import terms
from .terms import (
    ADDED,
    AND,
    COMPARED,
    NUMBER,
    OR,
    TEXT,
    TIMES,
    Naming,
    Term,
    Tokens,
    Untranslatable,
)

_TOKENS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+(?!\.[0-9]))"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|!=|<=|>=|\.\.|[-+*/<>=.,()\[\]{}:])",
    re.DOTALL,
)
_COMPARISONS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = frozenset({
    "and", "or", "in", "between", "if", "then", "else", "some", "every", "satisfies", "return",
    "for", "function", "instance", "of",
})  # fmt: skip
_METHODS = {"contains": "contains", "starts with": "startsWith", "ends with": "endsWith"}
_FUNCTIONS = frozenset({"not", "count", "list contains", *_METHODS})


class _Reading(Tokens):
    """The tokens, and the names that `some` and `every` have bound."""

    def __init__(self, source: str, named: Naming) -> None:
        super().__init__(source, _TOKENS, named)
        self.bound: set[str] = set()


def to_cel(source: str, named: Naming = terms.variable) -> str:
    """The CEL of a FEEL expression, without the `=` that some files put before it.

    `named` says what its names mean. Raises Untranslatable.
    """
    tokens = _Reading(source, named)
    term = _expression(tokens)
    tokens.finished()
    return term.text


def _expression(tokens: _Reading) -> Term:
    tokens.deeper()
    if tokens.took("if"):
        term = _if(tokens)
    elif word := tokens.took("some", "every"):
        term = _quantified(tokens, "exists" if word == "some" else "all")
    else:
        term = _either(tokens)
    tokens.higher()
    return term


def _if(tokens: _Reading) -> Term:
    condition = _expression(tokens)
    tokens.expect("then")
    then = _expression(tokens)
    tokens.expect("else")
    return terms.chosen(condition, then, _expression(tokens))


def _quantified(tokens: _Reading, macro: str) -> Term:
    name = tokens.take().text
    terms.variable(name)
    if name in terms.RESERVED or name in tokens.bound:
        raise Untranslatable(f"“{name}” cannot name an item")
    tokens.expect("in")
    listed = _sum(tokens)
    tokens.expect("satisfies")
    tokens.bound.add(name)
    condition = _expression(tokens)
    tokens.bound.discard(name)
    return Term(
        f"{listed.within(terms.MEMBER)}.{macro}({name}, {condition.text})", type=terms.TRUTH
    )


def _either(tokens: _Reading) -> Term:
    term = _both(tokens)
    while tokens.took("or"):
        term = terms.joined("||", OR, term, _both(tokens))
    return term


def _both(tokens: _Reading) -> Term:
    term = _comparison(tokens)
    while tokens.took("and"):
        term = terms.joined("&&", AND, term, _comparison(tokens))
    return term


def _comparison(tokens: _Reading) -> Term:
    term = _sum(tokens)
    if sign := tokens.took(*_COMPARISONS):
        return _compared(_COMPARISONS[sign], term, _sum(tokens))
    if tokens.took("between"):
        low = _sum(tokens)
        tokens.expect("and")
        return _range(term, ">=", low, "<=", _sum(tokens))
    if tokens.took("in"):
        return _in(tokens, term)
    return term


def _compared(sign: str, left: Term, right: Term) -> Term:
    if terms.NULL not in (left.type, right.type):
        return terms.joined(sign, COMPARED, left, right)
    other = left if right.type == terms.NULL else right
    if sign not in ("==", "!=") or not other.path:
        raise Untranslatable("only a variable or a field of one is compared with null")
    there = _there(other.path)
    return there if sign == "!=" else Term(f"!({there.text})", terms.SIGNED, terms.TRUTH)


def _there(path: tuple[str, ...]) -> Term:
    """Whether a variable, or the field of one, is there and not null."""
    at, tests = Term("vars"), []
    for name in path:
        tests.append(f"{json.dumps(name)} in {at.text}")
        at = terms.member(at, name)
        tests.append(f"{at.text} != null")
    return Term(" && ".join(tests), AND, terms.TRUTH)


def _range(term: Term, above: str, low: Term, below: str, high: Term) -> Term:
    left = terms.joined(above, COMPARED, term, low)
    return terms.joined("&&", AND, left, terms.joined(below, COMPARED, term, high))


def _in(tokens: _Reading, term: Term) -> Term:
    if tokens.now.text in ("[", "("):
        opening = tokens.take().text
        first = _sum(tokens) if tokens.now.text != "]" else None
        if first is not None and tokens.took(".."):
            high = _sum(tokens)
            closing = tokens.took("]", ")")
            if not closing:
                raise Untranslatable("a range ends with “]” or “)”")
            above, below = (">=" if opening == "[" else ">"), ("<=" if closing == "]" else "<")
            return _range(term, above, first, below, high)
        if opening == "(":
            raise Untranslatable("several tests after “in” are not read")
        return terms.joined("in", COMPARED, term, _rest_of_list(tokens, first))
    listed = _sum(tokens)
    if not listed.path:
        raise Untranslatable("“in” is followed by a list, a range or a variable")
    return terms.joined("in", COMPARED, term, listed)


def _sum(tokens: _Reading) -> Term:
    term = _product(tokens)
    while sign := tokens.took("+", "-"):
        right = _product(tokens)
        if sign == "+" and TEXT in (term.type, right.type):
            term = terms.joined(sign, ADDED, term, right, TEXT)
        else:
            term = _calculated(sign, ADDED, term, right)
    return term


def _product(tokens: _Reading) -> Term:
    term = _unary(tokens)
    while sign := tokens.took("*", "/", "**"):
        if sign != "*":
            raise Untranslatable(f"“{sign}” gives decimals, which CEL has not")
        term = _calculated("*", TIMES, term, _unary(tokens))
    return term


def _calculated(sign: str, binds: int, left: Term, right: Term) -> Term:
    if not any(type(one.value) is int for one in (left, right)):
        raise Untranslatable(f"“{sign}” of decimals can give something else in CEL")
    return terms.joined(sign, binds, left, right, NUMBER)


def _unary(tokens: _Reading) -> Term:
    if tokens.took("-"):
        tokens.deeper()
        term = terms.negative(_unary(tokens))
        tokens.higher()
        return term
    return _value(tokens)


def _value(tokens: _Reading) -> Term:
    term = _primary(tokens)
    while True:
        if tokens.took("."):
            name = tokens.take()
            if name.kind != "name":
                raise Untranslatable(f"“{name.text}” is no name")
            term = terms.member(term, name.text)
        elif tokens.took("["):
            term = _item(tokens, term)
        else:
            return term


def _item(tokens: _Reading, term: Term) -> Term:
    """FEEL counts from 1; what is no plain number may be a filter."""
    token = tokens.take()
    if token.kind != "number" or not token.text.isdecimal() or int(token.text) < 1:
        raise Untranslatable("a filter of a list is not read")
    tokens.expect("]")
    return Term(f"{term.within(terms.MEMBER)}[{int(token.text) - 1}]")


def _primary(tokens: _Reading) -> Term:
    token = tokens.take()
    if token.kind == "number":
        return terms.number(token.text)
    if token.kind == "text":
        return terms.text(_unquoted(token.text))
    if token.text == "(":
        term = _expression(tokens)
        tokens.expect(")")
        return Term(f"({term.text})", type=term.type)
    if token.text == "[":
        first = _expression(tokens) if tokens.now.text != "]" else None
        return _rest_of_list(tokens, first)
    if token.text == "{":
        return _context(tokens)
    if token.kind != "name" or token.text in _WORDS:
        raise Untranslatable(f"“{token.text or 'the end'}” was not expected")
    return _named(tokens, token.text)


def _named(tokens: _Reading, name: str) -> Term:
    if name in ("true", "false", "null"):
        return terms.literal(name)
    words = [name]
    while tokens.now.kind == "name" and tokens.now.text not in _WORDS:
        words.append(tokens.take().text)
    name = " ".join(words)
    if tokens.now.text == "(":
        return _called(tokens, name)
    if len(words) > 1:
        raise Untranslatable(f"a variable of several words, “{name}”, is not read")
    return terms.Term(name) if name in tokens.bound else tokens.named(name)


def _called(tokens: _Reading, name: str) -> Term:
    if name not in _FUNCTIONS:
        raise Untranslatable(f"the function “{name}()” is not known")
    tokens.expect("(")
    given = [_expression(tokens)]
    while tokens.took(","):
        given.append(_expression(tokens))
    tokens.expect(")")
    if len(given) != (1 if name in ("not", "count") else 2):
        raise Untranslatable(f"“{name}()” got {len(given)} values")
    if name == "not":
        return terms.opposite(given[0])
    if name == "count":
        return Term(f"size({given[0].text})", type=NUMBER)
    if name == "list contains":
        return terms.joined("in", COMPARED, given[1], given[0])
    text = f"{given[0].within(terms.MEMBER)}.{_METHODS[name]}({given[1].text})"
    return Term(text, type=terms.TRUTH)


def _rest_of_list(tokens: _Reading, first: Term | None) -> Term:
    items = [] if first is None else [first]
    while first is not None and tokens.took(","):
        items.append(_expression(tokens))
    tokens.expect("]")
    return Term(f"[{', '.join(item.text for item in items)}]")


def _context(tokens: _Reading) -> Term:
    entries = []
    while not tokens.took("}"):
        name = tokens.take()
        if name.kind not in ("name", "text"):
            raise Untranslatable(f"“{name.text}” is no name of an entry")
        tokens.expect(":")
        word = _unquoted(name.text) if name.kind == "text" else name.text
        entries.append(f"{json.dumps(word, ensure_ascii=False)}: {_expression(tokens).text}")
        if tokens.now.text != "}":
            tokens.expect(",")
    return Term(f"{{{', '.join(entries)}}}")


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise Untranslatable(f"the text {text[:40]} cannot be read") from None
