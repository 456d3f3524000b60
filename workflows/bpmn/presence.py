"""What a document has: its elements by the keys of their tasks, its flows, what is drawn of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from lxml import etree

from . import implicit, keys
from .document import Document
from .expanding import FORKING, Added, Present
from .normal import Normal
from .vocabulary import NODE_TAGS, SCOPE_TAGS, bpmn, local

Element: TypeAlias = etree._Element


def process(root: Element, wanted: str | None = None) -> Element:
    """The process that the reader reads: the one with the id or name wanted, else an executable
    one first, then one with something in it."""
    found = list(root.iterchildren(bpmn("process")))
    if wanted:
        return next(one for one in found if wanted in (one.get("id"), one.get("name")))
    return min(found, key=_preference)


def _preference(one: Element) -> tuple[bool, bool]:
    is_executable = (one.get("isExecutable") or "").strip() in ("true", "1")
    return not is_executable, not any(local(node) in NODE_TAGS for node in one)


def bare(reference: str | None) -> str:
    """An id that a qualified name refers to."""
    return (reference or "").strip().rpartition(":")[2]


def nodes(document: Document) -> dict[str, Element]:
    """The flow nodes of the document's process by key; those without an id are given their key."""
    numbers = {one: number for number, one in enumerate(document.root.iter(etree.Element), 1)}
    found = {}
    for element in _inside(document.process):
        name = (element.get("id") or "").strip()
        key = keys.key(name) if name else f"{local(element)}-{numbers[element]}"
        if not name:
            element.set("id", key)
        elif key != name:
            document.renamed[key] = name
        found[key] = element
    return found


def present(workflow: Normal, elements: Mapping[str, Element]) -> Present:
    """The elements that a workflow's document has beyond its tasks, and how its ways are drawn."""
    key_of = {element.get("id"): key for key, element in elements.items()}
    added = {}
    for key, element in elements.items():
        mark = element.get(implicit.IMPLICIT)
        if not mark or key in workflow.tasks:
            continue
        parent = element.getparent()
        scope = key_of.get(parent.get("id"), "") if local(parent) in SCOPE_TAGS else ""
        added[key] = Added(key, mark, local(element), scope, _task(element, mark, key_of))
    split = {one.task for one in added.values() if one.mark == implicit.SPLIT}
    unsplit = frozenset(
        key
        for key, ways in workflow.out_of.items()
        if key not in split
        and workflow.tasks[key]["kind"] not in FORKING
        and any(way.when or way.is_default for way in ways)
    )
    return Present(added, unsplit, is_whole=False)


def flows(document: Document, elements: Mapping[str, Element]) -> dict[tuple[str, str], Element]:
    """The sequence flows of the process by the keys of their ends."""
    key_of = {element.get("id"): key for key, element in elements.items()}
    found = {}
    for flow in document.process.iter(bpmn("sequenceFlow")):
        ends = key_of.get(bare(flow.get("sourceRef"))), key_of.get(bare(flow.get("targetRef")))
        if ends[0] is not None and ends[1] is not None:
            found[ends[0], ends[1]] = flow
    return found


def _inside(scope: Element) -> Iterator[Element]:
    for element in scope:
        if local(element) in NODE_TAGS:
            yield element
            if local(element) in SCOPE_TAGS:
                yield from _inside(element)


def _task(element: Element, mark: str, key_of: Mapping[str | None, str]) -> str:
    """The key of the task whose join or split a gateway is."""
    side, other = {
        implicit.JOIN: ("sourceRef", "targetRef"),
        implicit.SPLIT: ("targetRef", "sourceRef"),
    }.get(mark, ("", ""))
    for flow in element.getparent().iterchildren(bpmn("sequenceFlow")):
        if side and bare(flow.get(side)) == element.get("id"):
            return key_of.get(bare(flow.get(other)), "")
    return ""
