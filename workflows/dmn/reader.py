"""Decisions out of a DMN file (1.1 to 1.5), as plain data; what cannot be carried out is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workflows.errors import UnreadableDecisions

from . import tables
from .documents import Document, Element
from .texts import Place, Texts

MAX_DECISIONS = 100
MAX_CELLS = 10_000  # of all tables of a file
MAX_KEY, MAX_NAME = 100, 200  # characters
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
HARMLESS = frozenset({"description", "question", "allowedAnswers", "variable", "extensionElements"})
EXPRESSIONS = frozenset(
    {
        "context",
        "invocation",
        "list",
        "relation",
        "functionDefinition",
        "conditional",
        "filter",
        "for",
        "some",
        "every",
    }
)


@dataclass(slots=True)
class Reading:
    """What a file holds: its name and the decisions by key, in the file's order.

    A decision that cannot be made says why under "problems", each with its place.
    """

    name: str
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """All that is wrong, in sentences."""
        return [
            f"“{decision['name']}”, {said(problem)}"
            for decision in self.decisions.values()
            for problem in decision.get("problems", ())
        ]


def read(data: bytes) -> Reading:
    """The decisions of a DMN file.

    Raises UnreadableDecisions for what is no DMN, holds no decision, or is too large.
    """
    document = Document.of(data)
    reader = _Reader(document)
    found = [reader.decision(element) for element in document.decisions]
    if not found:
        raise UnreadableDecisions(["The file holds no decision."])
    repeated = {one["key"] for one in found if [two["key"] for two in found].count(one["key"]) > 1}
    if repeated:
        names = ", ".join(sorted(repeated))
        raise UnreadableDecisions([f"More than one decision has the id {names}."])
    reading = Reading(document.name[:MAX_NAME], {one["key"]: one for one in found})
    _check_needs(reading)
    return reading


def said(problem: dict[str, Any]) -> str:
    """A problem of a decision in a sentence, with its row, column and line."""
    places = [f"row {problem['row']}"] if problem.get("row") else []
    places += [f"“{problem['column']}”"] if problem.get("column") else []
    places += [f"line {problem['line']}"] if problem.get("line") else []
    return f"{', '.join(places)}: {problem['message']}" if places else str(problem["message"])


def key_of(name: str) -> str:
    """An id as a key: what keys cannot hold is written as _x and its number."""
    key = _UNFIT.sub(lambda one: f"_x{ord(one[0]):x}_", name)
    return (key if key[:1].isalpha() or key[:1] == "_" else f"_{key}")[:MAX_KEY]


class _Reader:
    """Reads the decisions of one document."""

    def __init__(self, document: Document) -> None:
        self.document, self.cells = document, 0
        if len(document.decisions) > MAX_DECISIONS:
            count = len(document.decisions)
            raise UnreadableDecisions(
                [f"There are {count} decisions; {MAX_DECISIONS} is the most."]
            )

    def decision(self, element: Element) -> dict[str, Any]:
        """One decision as plain data."""
        given = element.get("id") or element.get("name")
        if not given:
            raise UnreadableDecisions([f"Line {element.line}: a decision has no id."])
        texts, name = Texts(self.document), element.get("name") or given
        variable = element.child("variable")
        named = variable.get("name") if variable is not None else ""
        made: dict[str, Any] = {
            "key": key_of(given),
            "name": name[:MAX_NAME],
            "names": list(dict.fromkeys(filter(None, [named, name, given]))),
            "description": element.said("description"),
        }
        made["requires"] = list(self._needs(element, texts))
        made |= self._logic(element, variable, texts)
        for one in element.children:
            if one.is_dmn and one.tag not in READ | HARMLESS:
                texts.refuse(Place(one.line), f"“{one.tag}” is not carried out.")
        return made | ({"problems": texts.problems} if texts.problems else {})

    def _needs(self, element: Element, texts: Texts) -> Iterator[str]:
        """The keys of the decisions that this one needs."""
        for one in element.children:
            if one.tag == "knowledgeRequirement":
                message = "It needs a business knowledge model, which is not carried out."
                texts.refuse(Place(one.line), message)
            if one.tag != "informationRequirement":
                continue
            target = one.child("requiredDecision")
            if target is None:
                continue
            space, _, name = target.get("href").rpartition("#")
            if space not in ("", self.document.namespace) or not name:
                message = f"It needs “{target.get('href')}”, which is in another file."
                texts.refuse(Place(one.line), message)
            else:
                yield key_of(name)

    def _logic(self, element: Element, variable: Element | None, texts: Texts) -> dict[str, Any]:
        """The table or expression by which a decision is made."""
        table, expression = element.child("decisionTable"), element.child("literalExpression")
        if table is not None:
            self.cells += table.count("inputEntry", "outputEntry")
            if self.cells > MAX_CELLS:
                raise UnreadableDecisions([f"The tables have more than {MAX_CELLS} cells."])
            return tables.read(table, element.get("name"), texts)
        if expression is not None:
            place = Place(expression.line)
            kind = texts.kind(variable.get("typeRef"), place) if variable is not None else ""
            return {"expression": texts.expression(expression, place), "type": kind}
        other = next((one for one in element.children if one.tag in EXPRESSIONS), None)
        what = f"“{other.tag}” is not carried out" if other else "It says nothing"
        message = f"{what}: a decision table or a literal expression was expected."
        texts.refuse(Place((other or element).line), message)
        return {"expression": {"text": "", "cel": "null"}, "type": ""}


READ = frozenset(
    {"decisionTable", "literalExpression", "informationRequirement", "knowledgeRequirement"}
    | EXPRESSIONS
    | {"authorityRequirement", "supportedObjective", "impactedPerformanceIndicator"}
    | {"decisionMaker", "decisionOwner", "usingProcess", "usingTask"}
)


def _check_needs(reading: Reading) -> None:
    """Each decision that is needed is there, and none needs itself in the end."""
    for key, decision in reading.decisions.items():
        for needed in decision["requires"]:
            if needed not in reading.decisions:
                message = f"It needs the decision “{needed}”, which the file does not hold."
                decision.setdefault("problems", []).append({"message": message})
        if _leads_back(reading, key):
            message = "It needs itself in the end: decisions go round in a circle."
            decision.setdefault("problems", []).append({"message": message})


def _leads_back(reading: Reading, key: str) -> bool:
    left, seen = list(reading.decisions[key]["requires"]), set()
    while left:
        needed = left.pop()
        if needed == key:
            return True
        if needed not in seen and needed in reading.decisions:
            seen.add(needed)
            left += reading.decisions[needed]["requires"]
    return False
