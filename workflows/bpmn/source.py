"""A file as it is being read: its elements by id, their lines, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any

from lxml import etree

from workflows.errors import BpmnError

from . import keys
from .findings import NOTE, UNSUPPORTED, Finding
from .kinds import OWNERS, SCOPES
from .parsing import Parsed

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
FLOWABLE = "http://flowable.org/bpmn"
ACTIVITI = "http://activiti.org/bpmn"
CLASSIC = (CAMUNDA, FLOWABLE, ACTIVITI)  # they share their names
MOST_FORMS = 2_000_000  # characters in one file, counted at each step that asks them
MOST_EXPRESSIONS = 200_000  # characters in one file: to read them takes below a second
_START = f"{{{BPMN}}}"


def local(element: etree._Element) -> str:
    """The name of an element of BPMN; "" for one of another namespace."""
    return _local(element.tag)


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag[len(_START) :] if tag.startswith(_START) else ""


def bpmn(name: str) -> str:
    """A name in BPMN's namespace, as lxml writes it."""
    return _START + name


def name_of(element: etree._Element) -> str:
    """Its name, on one line."""
    return " ".join((element.get("name") or "").split())


def text_of(element: etree._Element | None) -> str:
    """All text within an element, without space around it."""
    return "" if element is None else "".join(element.itertext()).strip()


def children(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The BPMN children with one of these names, or all."""
    found = element.iterchildren(*map(bpmn, names) if names else (bpmn("*"),))
    return iter(found)


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first BPMN child with a name."""
    return next(element.iterchildren(bpmn(name)), None)


def extensions(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The elements in its `extensionElements` with one of these `{namespace}name`s, or all."""
    for holder in element.iterchildren(bpmn("extensionElements")):
        yield from holder.iterchildren(*names)


def extension(element: etree._Element, *names: str) -> etree._Element | None:
    """The first of `extensions`."""
    return next(extensions(element, *names), None)


def zeebe(name: str) -> str:
    return f"{{{ZEEBE}}}{name}"


@lru_cache(maxsize=256)
def classic(name: str) -> tuple[str, ...]:
    """A name in the namespaces of Camunda 7, Flowable and Activiti."""
    return tuple(f"{{{uri}}}{name}" for uri in CLASSIC)


def attribute(element: etree._Element, name: str) -> str:
    """An attribute of Camunda 7, Flowable or Activiti; "" when it is not there."""
    for one in classic(name):
        value = element.get(one)
        if value is not None:
            return str(value).strip()
    return ""


def is_true(element: etree._Element, name: str, default: bool = False) -> bool:
    """An attribute of type xsd:boolean."""
    given = element.get(name)
    return default if given is None else given.strip() in ("true", "1")


def _held(root: etree._Element) -> set[etree._Element]:
    """The elements that extensions hold: they are not BPMN's, whatever they are called."""
    found: set[etree._Element] = set()
    for holder in root.iter(bpmn("extensionElements")):
        if holder not in found:
            found.update(holder.iterdescendants(etree.Element))
    return found


def _owner(element: etree._Element) -> etree._Element:
    """The step, flow or definition that a part of it belongs to."""
    owner = element
    while owner.getparent() is not None and not _stands_alone(owner):
        owner = owner.getparent()
    if owner is not element and owner.getparent() is None:
        named = (one for one in (element, *element.iterancestors()) if one.get("id"))
        return next(named, owner)
    return owner


def _stands_alone(element: etree._Element) -> bool:
    if local(element) in OWNERS:
        return True
    holder = local(element.getparent())
    is_part = local(element).endswith("Characteristics")
    return bool(element.get("id")) and holder in ("process", *SCOPES) and not is_part


class Source:
    """The parsed file. Raises BpmnError when two elements have the same id."""

    def __init__(self, file: Parsed, has_form: Callable[[str], bool]) -> None:
        self.root, self._lines = file.root, file.lines
        self.findings: list[Finding] = []
        self.by_id: dict[str, etree._Element] = {}
        self.used: dict[etree._Element, None] = {}  # what the process refers to beside itself
        self.readable = MOST_EXPRESSIONS  # characters of expressions that are still translated
        self.askable = MOST_FORMS  # characters of forms that steps may still ask
        self.has_form = has_form  # whether a form of this key is shared by steps
        self.forms: dict[str, Any] = {}  # of the file itself, as far as they have been read
        self._foreign = _held(self.root)
        for element in file.lines:
            given = element.get("id")
            if given is not None and local(element) and element not in self._foreign:
                self._know(given.strip(), element)

    @cached_property
    def _numbers(self) -> dict[etree._Element, int]:
        return {element: number for number, element in enumerate(self._lines, 1)}

    def within(self, element: etree._Element, *names: str) -> Iterator[etree._Element]:
        """The BPMN elements with one of these names at any depth, in the order of the file; not
        those that extensions hold.
        """
        for one in element.iter(*map(bpmn, names)):
            if one not in self._foreign:
                yield one

    @cached_property
    def thrown(self) -> set[etree._Element]:
        """The errors and escalations that the file's ends and throw events throw."""
        references = (
            one.get("errorRef") or one.get("escalationRef")
            for event in self.within(self.root, "endEvent", "intermediateThrowEvent")
            for one in event.iterchildren(etree.Element)
        )
        found = (self.find(reference) for reference in references if reference)
        return {one for one in found if one is not None}

    def line(self, element: etree._Element) -> int:
        """The line from 1 on which it begins."""
        return self._lines[element]

    def key(self, element: etree._Element) -> str:
        """The key of a node: of its id; of its kind and place in the file if it has none."""
        given = (element.get("id") or "").strip()
        return keys.key(given) if given else f"{local(element)}-{self._numbers[element]}"

    def find(self, reference: str | None) -> etree._Element | None:
        """The element that an id or a qualified name refers to, if this file has it."""
        wanted = (reference or "").strip()
        if wanted in self.by_id:
            return self.by_id[wanted]
        prefix, colon, rest = wanted.partition(":")
        is_declared = colon and any(prefix in one.nsmap for one in (self.root,))
        return self.by_id.get(rest) if is_declared else None

    def referred(self, element: etree._Element, reference: str | None, to: str) -> etree._Element:
        """The element that must be there for the file to make sense; raises BpmnError."""
        found = self.find(reference)
        if found is None:
            message = f"{to} “{(reference or '').strip():.200}”, which is not in this file."
            raise self.error(element, message)
        return found

    def error(self, element: etree._Element, message: str) -> BpmnError:
        return BpmnError(message, self.line(element), element.get("id") or "")

    def unsupported(
        self, element: etree._Element, what: str, at: etree._Element | None = None
    ) -> None:
        """Something that the file says of an element, at a line of its own perhaps, and that
        would not be carried out.
        """
        self._add(element, what, at, UNSUPPORTED)

    def note(self, element: etree._Element, what: str, at: etree._Element | None = None) -> None:
        """Something to know that changes nothing of how the process runs."""
        self._add(element, what, at, NOTE)

    def _add(
        self, element: etree._Element, what: str, at: etree._Element | None, severity: str
    ) -> None:
        owner = _owner(element)
        line = self.line(element if at is None else at)
        self.findings.append(Finding(owner.get("id") or "", name_of(owner), line, what, severity))

    def _know(self, given: str, element: etree._Element) -> None:
        if given in self.by_id:
            first = self.line(self.by_id[given])
            message = f"The id “{given:.200}” is already that of an element on line {first}."
            raise BpmnError(message, self.line(element), given)
        self.by_id[given] = element
