"""From bytes to an XML tree, for files that anybody may have written.

What is too large, too deep or declares a document type is refused by expat's callbacks before
there is a tree; libxml2 then builds it without entities, without a DTD and without a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from lxml import etree

from workflows.errors import BpmnError

MAX_BYTES = 5 * 1024 * 1024
MAX_ELEMENTS = 50_000  # of every namespace; a drawn task with its flow takes about fourteen
MAX_DEPTH = 100
MAX_ATTRIBUTES = 64  # of one element, declared namespaces included
CHUNK = 65_536  # bytes: what is refused costs no more than this


@dataclass(frozen=True)
class Parsed:
    """A tree, and the line from 1 on which each of its elements begins."""

    root: etree._Element
    lines: Mapping[etree._Element, int]


def parsed(data: bytes) -> Parsed:
    """The tree of an XML file in UTF-8, UTF-16 or an encoding that it declares.

    Raises BpmnError with the line, where there is one, for what is no well-formed XML, declares a
    document type, or is beyond the limits.
    """
    if len(data) > MAX_BYTES:
        raise BpmnError(f"The file has {len(data)} bytes; {MAX_BYTES} are the most.")
    if not data.strip():
        raise BpmnError("The file is empty.")
    lines = _surveyed(data)
    root = _tree(data)
    elements = list(root.iter(etree.Element))
    if len(elements) != len(lines):
        raise BpmnError("The file can be read in two ways: its encoding is not clear.")
    return Parsed(root, dict(zip(elements, lines, strict=True)))


@dataclass
class _Survey:
    """Counts while expat reads."""

    parser: Any
    lines: list[int] = field(default_factory=list)
    depth: int = 0

    def opened(self, name: str, attributes: list[str]) -> None:
        line = self.parser.CurrentLineNumber
        self.lines.append(line)
        self.depth += 1
        count = len(attributes) // 2
        if len(self.lines) > MAX_ELEMENTS:
            raise BpmnError(f"There are more than {MAX_ELEMENTS} elements.", line)
        if self.depth > MAX_DEPTH:
            raise BpmnError(f"Elements lie more than {MAX_DEPTH} deep in each other.", line)
        if count > MAX_ATTRIBUTES:
            message = f"<{name:.100}> has {count} attributes; {MAX_ATTRIBUTES} are the most."
            raise BpmnError(message, line)

    def closed(self, name: str) -> None:
        self.depth -= 1

    def declared(self, name: str, *_: Any) -> None:
        line = self.parser.CurrentLineNumber
        raise BpmnError("It declares a document type (<!DOCTYPE …>): remove that.", line)


def _surveyed(data: bytes) -> list[int]:
    """The line of each element, in the order of their start tags."""
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.ordered_attributes = True
    survey = _Survey(parser)
    parser.StartElementHandler = survey.opened
    parser.EndElementHandler = survey.closed
    parser.StartDoctypeDeclHandler = survey.declared
    try:
        for start in range(0, len(data), CHUNK):
            parser.Parse(data[start : start + CHUNK], False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        message = f"It is no well-formed XML: {expat.ErrorString(error.code)}."
        raise BpmnError(message, error.lineno) from None
    except (ValueError, LookupError) as error:
        raise BpmnError(f"Its encoding cannot be read: {error}.") from None
    return survey.lines


def _tree(data: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line, text = getattr(error, "lineno", None), str(getattr(error, "msg", error))
        message = f"It is no well-formed XML: {text.split(', line ')[0]}."
        raise BpmnError(message, line or None) from None
    if root.getroottree().docinfo.doctype:
        raise BpmnError("It declares a document type (<!DOCTYPE …>): remove that.", 1)
    return root
