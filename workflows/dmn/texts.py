"""The texts of a DMN file as CEL, whatever language they are in; what does not go over is noted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from workflows.errors import InvalidExpression
from workflows.graph import expressions

from . import feel, unary
from .documents import Document, Element
from .words import Untranslatable

FEEL, CEL = "feel", "cel"
KINDS = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "long": "number",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "dateTime",
    "date and time": "dateTime",
    "dateandtime": "dateTime",
    "any": "",
    "": "",
}
MOST_TYPES = 20  # types that name one another


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file, and in which row (from 1) and column of a table."""

    line: int
    column: str = ""
    row: int = 0


class Texts:
    """Translates the texts of one decision; `problems` are those that it could not."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[dict[str, Any]] = []
        self.tests: dict[tuple[str, str], unary.Test] = {}

    def refuse(self, place: Place, message: str) -> None:
        """Note what cannot be carried out, and where."""
        at = {name: value for name, value in asdict(place).items() if value}
        self.problems.append({**at, "message": message})

    def expression(self, element: Element, place: Place) -> dict[str, Any]:
        """{"text", "cel", "language": "cel" if it was}; no text gives null."""
        text, language = element.text, self._language(element, place)
        found: dict[str, Any] = {"text": text, "cel": "null"}
        try:
            if language == CEL:
                found |= {"cel": text, "language": CEL}
            elif language == FEEL and text and text != "-":
                found["cel"] = feel.expression(text, self.document.names)
            expressions.compiled(found["cel"])
        except (Untranslatable, InvalidExpression) as error:
            self.refuse(place, _told(text, error))
            found["cel"] = "null"
        return found

    def test(self, element: Element, place: Place) -> unary.Test:
        """What a cell lets through."""
        text, language = element.text, self._language(element, place)
        if (text, language) in self.tests:
            return self.tests[text, language]
        try:
            if language == FEEL:
                found = unary.translated(text, self.document.names)
            else:
                found = unary.Test(text if language == CEL else unary.ANY)
            if found.cel:
                expressions.compiled(found.cel)
            self.tests[text, language] = found
            return found
        except (Untranslatable, InvalidExpression) as error:
            self.refuse(place, _told(text, error))
            return unary.Test(unary.ANY)

    def kind(self, name: str, place: Place) -> str:
        """The kind of value that a type stands for; "" for any. Types of the file are looked up."""
        wanted = name
        for _ in range(MOST_TYPES):
            known = KINDS.get(wanted.rpartition(":")[2].strip().lower())
            if known is not None:
                return known
            item = self.document.types.get(wanted.rpartition(":")[2])
            if item is None:
                self.refuse(place, f"Its type “{name}” is not known.")
                return ""
            if item.get("isCollection") == "true" or item.child("itemComponent") is not None:
                return ""
            wanted = item.said("typeRef")
        self.refuse(place, f"Its type “{name}” goes round in a circle.")
        return ""

    def allowed(self, name: str) -> Element | None:
        """The values that a type of the file allows, if it says so."""
        item = self.document.types.get(name.rpartition(":")[2])
        return item.child("allowedValues") if item is not None else None

    def _language(self, element: Element, place: Place) -> str:
        given = element.get("expressionLanguage") or self.document.language
        if not given or "feel" in given.lower():
            return FEEL
        if given.lower() == CEL or "cel-spec" in given.lower():
            return CEL
        self.refuse(place, f"Its language “{given}” is not known; FEEL or CEL was expected.")
        return ""


def _told(text: str, error: Exception) -> str:
    shown = text if len(text) <= 60 else text[:60] + "…"
    return f"“{shown}” cannot be translated. {error}"
