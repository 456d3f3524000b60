"""A DMN file as elements: parsed as carefully as a BPMN file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from workflows.bpmn import parsing
from workflows.errors import BpmnError, UnreadableDecisions

Lines = Mapping[etree._Element, int]
NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
        "http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
        "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
        "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
        "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
    }
)


class Element:
    """An element of a DMN namespace; of its children only those are seen that are of one too."""

    def __init__(self, found: etree._Element, lines: Lines) -> None:
        name = etree.QName(found)
        self.found, self.lines, self.line = found, lines, lines[found]
        self.tag, self.is_dmn = name.localname, name.namespace in NAMESPACES

    def get(self, name: str) -> str:
        """An attribute without a namespace; "" where there is none."""
        return str(self.found.get(name) or "").strip()

    @cached_property
    def children(self) -> list[Element]:
        every = [Element(one, self.lines) for one in self.found.iterchildren(tag=etree.Element)]
        return [one for one in every if one.is_dmn]

    def child(self, tag: str) -> Element | None:
        """The first child with a name."""
        return next((one for one in self.children if one.tag == tag), None)

    def all(self, tag: str) -> list[Element]:
        """The children with a name."""
        return [one for one in self.children if one.tag == tag]

    def count(self, *tags: str) -> int:
        """How many elements in it have one of these names, of whatever namespace."""
        return sum(1 for _ in self.found.iter(*(f"{{*}}{tag}" for tag in tags)))

    def said(self, tag: str) -> str:
        """The content of a child; "" where there is none."""
        one = self.child(tag)
        return "".join(one.found.itertext()).strip() if one is not None else ""

    @property
    def text(self) -> str:
        """What its child `text` says."""
        return self.said("text")


@dataclass
class Document:
    """The definitions of a file."""

    root: Element

    @classmethod
    def of(cls, data: bytes) -> Document:
        """Raises UnreadableDecisions, with the line where there is one."""
        try:
            tree = parsing.parsed(data)
        except BpmnError as error:
            raise UnreadableDecisions([str(error)]) from error
        root = Element(tree.root, tree.lines)
        if root.tag != "definitions" or not root.is_dmn:
            raise UnreadableDecisions(
                ["Its root is no “definitions” of DMN 1.1 to 1.5: this is no file of decisions."]
            )
        return cls(root)

    @property
    def name(self) -> str:
        return self.root.get("name")

    @property
    def namespace(self) -> str:
        return self.root.get("namespace")

    @property
    def language(self) -> str:
        """The language of texts that name none."""
        return self.root.get("expressionLanguage")

    @cached_property
    def decisions(self) -> list[Element]:
        return self.root.all("decision")

    @cached_property
    def types(self) -> dict[str, Element]:
        """The types that the file defines, by name."""
        return {one.get("name"): one for one in self.root.all("itemDefinition")}

    @cached_property
    def names(self) -> frozenset[str]:
        """What may be named in its texts, names with spaces above all."""
        return frozenset(filter(None, self._names()))

    def _names(self) -> Iterator[str]:
        for one in [*self.root.all("inputData"), *self.decisions]:
            yield one.get("name")
            variable = one.child("variable")
            yield variable.get("name") if variable is not None else ""
        left = list(self.types.values())
        while left:
            item = left.pop()
            for part in item.all("itemComponent"):
                yield part.get("name")
                left.append(part)
