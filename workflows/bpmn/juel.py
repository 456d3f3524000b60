"""JUEL, the `${…}` of Camunda 7 and Flowable, as far as CEL says exactly the same.

Left out is what depends on Java (beans, methods, functions), `/` (always a fraction in JUEL) and
`+` of two things that may be texts. A text that reads as a number, `true` or `false` equals both.
"""

from __future__ import annotations

import re

from . import terms
from .terms import ADDED, AND, COMPARED, NUMBER, OR, TIMES, Naming, Term, Tokens, Untranslatable

_WHOLE = re.compile(r"\s*[$#]\{(?P<inner>.*)\}\s*\Z", re.DOTALL)
_TOKENS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]])",
    re.DOTALL,
)
_EQUAL = {"==": "==", "eq": "==", "!=": "!=", "ne": "!="}
_ORDER = {"<": "<", "lt": "<", "<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">="}
_FACTORS = {"*": "*", "%": "%", "mod": "%", "/": "/", "div": "/"}
_ENGINE = frozenset({"execution", "task", "authenticatedUserId"})
_NUMERIC = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_WORDS = frozenset({
    "and", "or", "not", "eq", "ne", "lt", "gt", "le", "ge", "empty", "div", "mod", "instanceof",
})  # fmt: skip


def is_expression(source: str) -> bool:
    """Whether the text holds a `${…}` or `#{…}`."""
    return "${" in source or "#{" in source


def to_cel(source: str, named: Naming = terms.variable) -> str:
    """The CEL of one `${…}`; `named` says what its names mean. Raises Untranslatable."""
    found = _WHOLE.match(source)
    if found is None or is_expression(found["inner"]):
        raise Untranslatable("text around an expression is not put together")
    tokens = Tokens(found["inner"], _TOKENS, named)
    term = _ternary(tokens)
    tokens.finished()
    return term.text


def _ternary(tokens: Tokens) -> Term:
    tokens.deeper()
    term = _either(tokens)
    if tokens.took("?"):
        then = _ternary(tokens)
        tokens.expect(":")
        term = terms.chosen(term, then, _ternary(tokens))
    tokens.higher()
    return term


def _either(tokens: Tokens) -> Term:
    term = _both(tokens)
    while tokens.took("||", "or"):
        term = terms.joined("||", OR, term, _both(tokens))
    return term


def _both(tokens: Tokens) -> Term:
    term = _equal(tokens)
    while tokens.took("&&", "and"):
        term = terms.joined("&&", AND, term, _equal(tokens))
    return term


def _equal(tokens: Tokens) -> Term:
    term = _ordered(tokens)
    while sign := tokens.took(*_EQUAL):
        term = _compared(_EQUAL[sign], term, _ordered(tokens))
    return term


def _compared(sign: str, left: Term, right: Term) -> Term:
    """Equality: JUEL makes a text a number or truth value where the other side is one."""
    term = terms.joined(sign, COMPARED, left, right)
    text = next((one for one in (left, right) if one.type == terms.TEXT), None)
    other = right if text is left else left
    if text is None or other.type == terms.TEXT:
        return term
    word = str(text.value)
    meant = None
    if word in ("true", "false"):
        meant = terms.literal(word)
    elif _NUMERIC.match(word):
        meant = terms.number(word.lstrip("-"))
        meant = terms.negative(meant) if word.startswith("-") else meant
    if meant is None:
        return term
    either = terms.joined(sign, COMPARED, other, meant)
    return terms.joined(*(("||", OR) if sign == "==" else ("&&", AND)), term, either)


def _ordered(tokens: Tokens) -> Term:
    term = _sum(tokens)
    while sign := tokens.took(*_ORDER):
        term = terms.joined(_ORDER[sign], COMPARED, term, _sum(tokens))
    return term


def _sum(tokens: Tokens) -> Term:
    term = _product(tokens)
    while sign := tokens.took("+", "-"):
        right = _product(tokens)
        if sign == "+" and NUMBER not in (term.type, right.type):
            raise Untranslatable("“+” adds numbers here and joins texts in CEL")
        term = terms.joined(sign, ADDED, term, right, NUMBER)
    return term


def _product(tokens: Tokens) -> Term:
    term = _unary(tokens)
    while sign := tokens.took(*_FACTORS):
        if _FACTORS[sign] == "/":
            raise Untranslatable("“/” of whole numbers gives a fraction here and none in CEL")
        term = terms.joined(_FACTORS[sign], TIMES, term, _unary(tokens), NUMBER)
    return term


def _unary(tokens: Tokens) -> Term:
    tokens.deeper()
    if tokens.took("!", "not"):
        term = terms.opposite(_unary(tokens))
    elif tokens.took("-"):
        term = terms.negative(_unary(tokens))
    elif tokens.took("empty"):
        term = _empty(_unary(tokens))
    else:
        term = _value(tokens)
    tokens.higher()
    return term


def _empty(of: Term) -> Term:
    text = of.within(COMPARED + 1)
    return Term(" || ".join(f"{text} == {none}" for none in ("null", '""', "[]", "{}")), OR)


def _value(tokens: Tokens) -> Term:
    term = _primary(tokens)
    while True:
        if tokens.took("."):
            name = tokens.take()
            if name.kind != "name":
                raise Untranslatable(f"“{name.text}” is no name")
            if tokens.now.text == "(":
                term = _method(tokens, term, name.text)
            else:
                term = terms.member(term, name.text)
        elif tokens.took("["):
            inner = _ternary(tokens)
            tokens.expect("]")
            term = Term(f"{term.within(terms.MEMBER)}[{inner.text}]")
        else:
            return term


def _method(tokens: Tokens, of: Term, name: str) -> Term:
    """`equals` of a literal text, which nothing but that text equals; no other method."""
    tokens.expect("(")
    token = tokens.take()
    if name != "equals" or token.kind != "text":
        raise Untranslatable(f"the method “{name}()” is not called")
    tokens.expect(")")
    return terms.joined("==", COMPARED, of, terms.text(_unquoted(token.text)))


def _primary(tokens: Tokens) -> Term:
    token = tokens.take()
    if token.kind == "number":
        return terms.number(token.text)
    if token.kind == "text":
        return terms.text(_unquoted(token.text))
    if token.text == "(":
        term = _ternary(tokens)
        tokens.expect(")")
        return Term(f"({term.text})", type=term.type)
    if token.kind != "name" or token.text in _WORDS:
        raise Untranslatable(f"“{token.text or 'the end'}” was not expected")
    if token.text in ("true", "false", "null"):
        return terms.literal(token.text)
    if tokens.now.text == "(":
        raise Untranslatable(f"the function “{token.text}()” is not called")
    if token.text in _ENGINE:
        raise Untranslatable(f"“{token.text}” is an object of that engine")
    return tokens.named(token.text)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
