"""Who does a step: a person of a group, an agent, or whoever has a capability."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from workflows.graph.validation import ROLES

from . import expressing, extension
from .kinds import ROLES as RESOURCE_ROLES
from .source import (
    Source,
    attribute,
    child,
    children,
    classic,
    local,
    name_of,
    text_of,
    zeebe,
)
from .source import extension as first_extension

PRIORITIES = ("low", "normal", "high", "critical")
_EXTERNAL = {"external", "external-worker"}
_CODE = ("class", "delegateExpression", "expression")
_PERSON = re.compile(r"(user|group)\((.*?)\)", re.DOTALL)
ANYBODY = "approver"  # the group of those who decide where nobody is named
_CYCLE = re.compile(r"R([0-9]{1,4})/P\S+\Z")


@dataclass
class Asked:
    """People and groups who may do a step."""

    users: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def approval(source: Source, element: etree._Element, lane: str) -> dict[str, Any]:
    """Who may decide at a user task: named ones, else the lane that it is drawn in, else approvers.

    The standard lets a requester do a step as well as anybody else.
    """
    asked = Asked()
    _classic_people(source, element, asked)
    _zeebe_people(source, element, asked)
    if not (asked.users or asked.groups):
        _standard_people(source, element, asked)
    if not (asked.users or asked.groups) and lane:
        asked.groups.append(lane)
    if not (asked.users or asked.groups):
        asked.groups.append(ANYBODY)
        source.note(element, f"It names nobody who may do it: the group “{ANYBODY}” is asked.")
    users, groups = _unique(asked.users), _unique(asked.groups)
    return {"groups": groups, "users": users, "not_requester": False}


def worker(source: Source, element: etree._Element, lane: str) -> dict[str, Any]:
    """Which agent does a task, as the fields of a definition; {} when nothing says so."""
    found = definition(source, element) or _vendor_worker(source, element)
    named = found.keys() & {"agent", "role", "capabilities"}
    if not named and lane.strip().lower() in ROLES - {""}:
        return {**found, "role": lane.strip().lower()}
    return found


def is_named(element: etree._Element) -> bool:
    """Whether anything says which agent, program or service does it."""
    own = first_extension(element, extension.TASK_DEFINITION, zeebe("taskDefinition"))
    said = (attribute(element, name) for name in ("type", "topic", *_CODE))
    return own is not None or any(said) or bool(element.get("operationRef"))


def definition(source: Source, element: etree._Element) -> dict[str, Any]:
    """What our own taskDefinition says, as the fields of a definition."""
    own = first_extension(element, extension.TASK_DEFINITION)
    if own is None:
        return {}
    found: dict[str, Any] = {}
    for name in (extension.AGENT, extension.ROLE):
        if value := (own.get(name) or "").strip():
            found[name] = value
    if value := (own.get(extension.CAPABILITIES) or "").split():
        found["capabilities"] = value
    priority = (own.get(extension.PRIORITY) or "").strip().lower()
    if priority in PRIORITIES:
        found["priority"] = priority
    elif priority:
        what = f"“{priority:.40}” is no priority; one of {', '.join(PRIORITIES)} was expected."
        source.unsupported(element, what, own)
    found.update(_whole(source, element, own, extension.RETRIES, "max_retries", 0, 32_767))
    found.update(
        _whole(source, element, own, extension.TIMEOUT, "timeout_seconds", 1, 2_147_483_647)
    )
    return found


def _whole(
    source: Source,
    element: etree._Element,
    own: etree._Element,
    name: str,
    to: str,
    least: int,
    most: int,
) -> dict[str, int]:
    text = (own.get(name) or "").strip()
    if not text:
        return {}
    if text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most:
        return {to: int(text)}
    what = f"“{name}” is “{text:.40}”; a number from {least} to {most} was expected."
    source.unsupported(element, what, own)
    return {}


def _vendor_worker(source: Source, element: etree._Element) -> dict[str, Any]:
    """The type of a job (Camunda 8) or the topic of external work, as a capability."""
    found: dict[str, Any] = {}
    job = first_extension(element, zeebe("taskDefinition"))
    if job is not None:
        name = expressing.static(source, element, job.get("type") or "", "The type of the job")
        found.update(_capability(name))
        found.update(_attempts(source, element, job.get("retries") or ""))
    kind, topic = attribute(element, "type"), attribute(element, "topic")
    if topic and kind in _EXTERNAL | {""}:
        found.update(_capability(expressing.static(source, element, topic, "The topic")))
    elif kind:
        source.unsupported(element, f"A task of type “{kind:.100}” is done by no agent here.")
    for name in _CODE:
        if code := attribute(element, name):
            source.unsupported(element, f"The code “{code:.200}” ({name}) is not run.")
    if element.get("operationRef"):
        source.unsupported(element, "The operation of an interface is not called.")
    cycle = first_extension(element, *classic("failedJobRetryTimeCycle"))
    if cycle is not None:
        found.update(_attempts(source, element, text_of(cycle)))
    return found


def _capability(name: Any) -> dict[str, list[str]]:
    return {"capabilities": [name]} if isinstance(name, str) and name else {}


def _attempts(source: Source, element: etree._Element, text: str) -> dict[str, int]:
    """Vendors count all attempts; retries are one less."""
    text = text.strip()
    found = _CYCLE.match(text)
    if found:
        source.note(element, f"“{text}”: how long to wait between attempts is the workflow's.")
        text = found[1]
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 1_000:
        return {"max_retries": int(text[:9]) - 1}
    if text:
        source.unsupported(element, f"“{text:.100}” is no number of attempts.")
    return {}


def _classic_people(source: Source, element: etree._Element, asked: Asked) -> None:
    if assignee := attribute(element, "assignee"):
        asked.users += expressing.names(source, element, assignee, "The assignee")
        return
    if users := attribute(element, "candidateUsers"):
        asked.users += expressing.names(source, element, users, "The candidate users")
    if groups := attribute(element, "candidateGroups"):
        asked.groups += expressing.names(source, element, groups, "The candidate groups")


def _zeebe_people(source: Source, element: etree._Element, asked: Asked) -> None:
    own = first_extension(element, zeebe("assignmentDefinition"))
    if own is None:
        return
    if assignee := own.get("assignee"):
        asked.users += expressing.names(source, element, assignee, "The assignee")
        return
    if users := own.get("candidateUsers"):
        asked.users += expressing.names(source, element, users, "The candidate users")
    if groups := own.get("candidateGroups"):
        asked.groups += expressing.names(source, element, groups, "The candidate groups")


def _standard_people(source: Source, element: etree._Element, asked: Asked) -> None:
    """Resource roles (BPMN 2.0, 10.3.4): `user(name)`, `group(name)`, a group's name, or a
    resource, whose name is a group's.
    """
    for role in children(element, *RESOURCE_ROLES):
        reference = child(role, "resourceRef")
        if reference is not None:
            resource = source.find(reference.text)
            name = "" if resource is None else name_of(resource)
            asked.groups += [name or text_of(reference)]
        formal = [one for one in role.iter() if local(one) == "formalExpression"]
        for text in map(text_of, formal):
            _named_people(source, element, role, text, asked)


def _named_people(
    source: Source, element: etree._Element, role: etree._Element, text: str, asked: Asked
) -> None:
    """A bare name is a group, as Flowable and Camunda 7 read it; of a performer, a user."""
    rest = _PERSON.sub("", text)
    for kind, names in _PERSON.findall(text):
        found = expressing.names(source, element, names, "Who may do it")
        (asked.users if kind == "user" else asked.groups).extend(found)
    plain = expressing.names(source, element, rest, "Who may do it") if rest.strip(", \n\t") else []
    is_one = local(role) in ("performer", "humanPerformer")
    (asked.users if is_one else asked.groups).extend(plain)


def _unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
