"""BPMN files for tests: one of another editor, by hand, and ours with something done to it."""

from __future__ import annotations

from typing import Any

from tests.factories import chain
from workflows.bpmn import writer


def file(*tasks: dict[str, Any], key: str = "flow", **fields: Any) -> bytes:
    """A document of these tasks, with a comment of somebody's so that bytes can be told apart."""
    definition = {
        "key": key,
        "name": key.title(),
        "tasks": list(tasks or chain("a", "b")),
        **fields,
    }
    return writer.write(definition).rstrip() + b"\n<!-- drawn by hand -->\n"


def with_complex_gateway(document: bytes) -> bytes:
    """The same with an element that is not run."""
    gateway = b'<bpmn:complexGateway id="maze" name="Which way?"/>\n</bpmn:process>'
    return document.replace(b"</bpmn:process>", gateway)


def renamed(document: bytes, old: str, new: str) -> bytes:
    """With one name in it changed, as an editor does it."""
    was, now = f'"{old}"'.encode(), f'"{new}"'.encode()
    assert document.count(was) == 1, document
    return document.replace(was, now)
