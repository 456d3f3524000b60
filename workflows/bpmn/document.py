"""A BPMN document as a tree that is written to: ids, indentation, and elements of the root."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from .expanding import free
from .vocabulary import BPMN, BPMNDI, XSI, bpmn, local, rank

NAMING = {
    "message": "name",
    "signal": "name",
    "error": "errorCode",
    "escalation": "escalationCode",
}
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class Document:
    """The tree of a document and its process; ids are given out once."""

    def __init__(self, root: etree._Element, process: etree._Element) -> None:
        self.root, self.process = root, process
        self.ids = {str(value) for value in root.xpath("//@id")}
        self.renamed: dict[str, str] = {}  # ids of elements whose key is another one, by key

    def id_of(self, key: str) -> str:
        """The id of the element of a task."""
        return self.renamed.get(key, key)

    def new_id(self, wish: str) -> str:
        """An id that nothing has yet: the wish, made fit for XML, perhaps with a number."""
        fit = _UNFIT.sub("_", wish)
        name = free(fit if re.match(r"[A-Za-z_]", fit) else f"_{fit}", self.ids)
        self.ids.add(name)
        return name

    def named(self, kind: str, name: str) -> str:
        """The id of the message, signal, error or escalation with a name or code."""
        for element in self.root.iterchildren(bpmn(kind)):
            if element.get(NAMING[kind]) == name and element.get("id"):
                return str(element.get("id"))
        attributes = {"id": self.new_id(f"{kind}_{name}"), "name": name, NAMING[kind]: name}
        element = self.root.makeelement(bpmn(kind), attributes)
        following = [one for one in self.root if one.tag == f"{{{BPMNDI}}}BPMNDiagram"]
        place(self.root, element, following[0] if following else None)
        return attributes["id"]

    def typed(self, element: etree._Element, text: str, language: str = "") -> None:
        """Make an element a formal expression (BPMN 2.0, 8.3.7) with a text."""
        prefix = next((p for p, uri in element.nsmap.items() if uri == BPMN and p), None)
        name = f"{prefix}:tFormalExpression" if prefix else "tFormalExpression"
        element.set(f"{{{XSI}}}type", name)
        if language:
            element.set("language", language)
        element.text = text


def child(parent: etree._Element, name: str) -> etree._Element | None:
    """The first BPMN child with a local name."""
    found: etree._Element | None = parent.find(bpmn(name))
    return found


def children(parent: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The BPMN children with one of some local names."""
    return (one for one in parent if local(one) in names)


def put(parent: etree._Element, element: etree._Element) -> etree._Element:
    """Insert a child where the schema wants it, behind those of its rank."""
    before, own = None, rank(element)
    for one in parent.iterchildren(reversed=True):
        if local(one) and rank(one) <= own:
            break
        before = one if local(one) else before
    place(parent, element, before)
    return element


def place(parent: etree._Element, element: etree._Element, before: etree._Element | None) -> None:
    """Insert a child before another one or at the end, on a line of its own."""
    indent = _indent(parent)
    last = next(parent.iterchildren(reversed=True), None)
    if last is None:
        parent.text, element.tail = indent, indent.removesuffix(_step(parent))
        parent.append(element)
    elif before is None:
        element.tail, last.tail = last.tail, indent
        parent.append(element)
    else:
        before.addprevious(element)
        element.tail = indent


def remove(element: etree._Element) -> None:
    """Take an element out, and its line with it."""
    parent = element.getparent()
    if parent is None:
        return
    before, tail = element.getprevious(), element.tail
    is_last = element.getnext() is None
    parent.remove(element)
    if before is not None and is_last:
        before.tail = tail
    elif before is None and is_last and not (parent.text or "").strip():
        parent.text = None


def _indent(parent: etree._Element) -> str:
    """The line break and blanks before a child of `parent`."""
    if parent.text and not parent.text.strip() and "\n" in parent.text and _has_any(parent):
        return str(parent.text)
    depth = sum(1 for _ in parent.iterancestors()) + 1
    return "\n" + _step(parent) * depth


def _step(parent: etree._Element) -> str:
    """One level of the document's indentation: two blanks where it has none."""
    root = parent.getroottree().getroot()
    text = root.text or ""
    blanks = text[text.rfind("\n") + 1 :] if "\n" in text and not text.strip() else ""
    return blanks or "  "


def _has_any(parent: etree._Element) -> bool:
    return next(iter(parent), None) is not None
