"""Expressions of a file: in which language one is, and what it is in CEL."""

from __future__ import annotations

import json
from typing import Any

from lxml import etree

from . import extension, feel, juel, terms
from .source import Source, child, text_of
from .terms import Naming, Untranslatable

# Files of Camunda 7 and Flowable name XPath, the standard's default, and mean JUEL.
_OPEN = frozenset(
    {"", "juel", "http://java.sun.com/products/jsp/", "http://www.java.com/javaTypes"}
)


def of(
    source: Source, element: etree._Element, what: str, named: Naming = terms.variable
) -> str | None:
    """The CEL of an expression element (BPMN 2.0, 8.3.7), None if it has no text.

    What has no exact translation is named as unsupported and given back as it stands.
    """
    text = text_of(element)
    if not text:
        return None
    return cel(source, element, text, what, spoken(source, element), named)


def spoken(source: Source, element: etree._Element | None) -> str:
    """The language that an expression element names, else its document; "" if neither does."""
    own = element.get("language") if element is not None else ""
    return (own or source.root.get("expressionLanguage") or "").strip()


def cel(
    source: Source,
    element: etree._Element,
    text: str,
    what: str,
    language: str = "",
    named: Naming = terms.variable,
) -> str:
    """The CEL of a text; without an exact translation it is named and given back as it stands."""
    try:
        return within(source, text, language, named)
    except Untranslatable as reason:
        shown = " ".join(text.split())
        source.unsupported(
            element, f"{what} “{shown:.200}” has no exact translation to CEL: {reason}."
        )
        return text


def translated(text: str, language: str = "", named: Naming = terms.variable) -> str:
    """The CEL of a text in a language, which its signs tell where none is named.

    Raises Untranslatable.
    """
    text = text.strip()
    if language == extension.CEL or language.lower() == "cel":
        return text
    is_open = language in _OPEN or "xpath" in language.lower()
    if "feel" in language.lower() or (is_open and text.startswith("=")):
        return feel.to_cel(text.removeprefix("="), named)
    if is_open and juel.is_expression(text):
        return juel.to_cel(text, named)
    raise Untranslatable(f"it is in {language}" if not is_open else "its language is not named")


def within(source: Source, text: str, language: str = "", named: Naming = terms.variable) -> str:
    """`translated`, within what is read of one file. Raises Untranslatable."""
    source.readable -= len(text)
    if source.readable < 0:
        raise Untranslatable("this file holds more expressions than are read")
    return translated(text, language, named)


def is_dynamic(text: str) -> bool:
    """Whether the text of a vendor's attribute is an expression."""
    return text.startswith("=") or juel.is_expression(text)


def static(source: Source, element: etree._Element, given: str, what: str) -> Any:
    """The JSON value of a vendor's attribute: the text itself, or what its expression always is.

    None, and named as unsupported, when that depends on variables.
    """
    text = given.strip()
    if not is_dynamic(text):
        return text
    try:
        return json.loads(within(source, text))
    except Untranslatable as reason:
        source.unsupported(element, f"{what} “{text:.200}” is not read: {reason}.")
    except ValueError:
        source.unsupported(element, f"{what} “{text:.200}” depends on variables: name it plainly.")
    return None


def names(source: Source, element: etree._Element, given: str, what: str) -> list[str]:
    """The names in a vendor's attribute: separated by commas, or a list that is always the same."""
    if not is_dynamic(given.strip()):
        return [name.strip() for name in given.split(",") if name.strip()]
    found, parts = [], [given] if given.strip().startswith("=") else given.split(",")
    for part in parts:
        value = static(source, element, part, what)
        listed = value if isinstance(value, list) else [value]
        found += [name.strip() for name in listed if isinstance(name, str) and name.strip()]
    return found


def condition(source: Source, element: etree._Element, name: str, what: str) -> str | None:
    """The CEL of the first child expression with a name, None if there is none or it is empty."""
    found = child(element, name)
    return None if found is None else of(source, found, what)
