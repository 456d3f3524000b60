"""BPMN files for tests, put together from their parts."""

from __future__ import annotations

from typing import Any

from workflows.bpmn.reader import Reading, read

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
    'xmlns:flowable="http://flowable.org/bpmn" '
    'xmlns:signalbox="urn:signalbox:bpmn:1.0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'targetNamespace="http://example.com/orders"'
)


def file(*elements: str, root: str = "", attributes: str = "", head: str = "") -> bytes:
    """A file with one executable process "orders"; `root` stands before it."""
    inner = "\n".join(elements)
    text = (
        f"{HEAD} {head}>\n{root}\n"
        f'<bpmn:process id="orders" isExecutable="true" {attributes}>\n{inner}\n</bpmn:process>\n'
        "</bpmn:definitions>"
    )
    return text.encode()


def el(tag: str, key: str = "", inner: str = "", **attributes: str) -> str:
    """An element of BPMN; `a__b` is the attribute a:b."""
    given = {"id": key, **attributes} if key else attributes
    written = "".join(f' {name.replace("__", ":")}="{value}"' for name, value in given.items())
    return f"<bpmn:{tag}{written}>{inner}</bpmn:{tag}>"


def flow(start: str, end: str, when: str = "", language: str = "", **attributes: str) -> str:
    marked = f' language="{language}"' if language else ""
    condition = f"<bpmn:conditionExpression{marked}>{when}</bpmn:conditionExpression>"
    inner = condition if when else ""
    return el("sequenceFlow", f"{start}-{end}", inner, sourceRef=start, targetRef=end, **attributes)


def ext(inner: str) -> str:
    return f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>"


def tasks(reading: Reading) -> dict[str, dict[str, Any]]:
    """The tasks of a reading by their keys."""
    return {task["key"]: task for task in reading.definition["tasks"]}


def one(*elements: str, key: str = "a", root: str = "", unsupported: int = 0) -> dict[str, Any]:
    """The task with a key, read from a file in which so many things are unsupported."""
    reading = read(file(*elements, root=root))
    assert len(reading.unsupported) == unsupported, [str(found) for found in reading.findings]
    task = tasks(reading)[key]
    return {name: value for name, value in task.items() if name != "key"}


def findings(*elements: str, root: str = "", severity: str = "unsupported") -> list[str]:
    """What is found, as “element: sentence”."""
    reading = read(file(*elements, root=root))
    return [f"{x.element_id}: {x.what}" for x in reading.findings if x.severity == severity]
