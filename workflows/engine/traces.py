"""The documents of versions and where their graphs lie in them: kept by each process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from workflows.bpmn import writer
from workflows.bpmn.tracing import Trace, traced
from workflows.models import Version, VersionDiagram

from . import describing, graphs
from .diagrams import sha256

MOST = 128
_TRACES: dict[int, Trace] = {}


@dataclass(frozen=True, slots=True)
class Document:
    """A BPMN document and its digest in hex."""

    content: bytes
    sha256: str


def document(version: Version) -> Document:
    """The document that a version was published with; one that is laid out here if it had none.

    What a version arranges, it has the document of.
    """
    published = version.arranges_id or version.pk
    stored = _stored(published)
    if stored is not None:
        return stored
    source = version if version.pk == published else Version.objects.get(pk=published)
    return _written(json.dumps(describing.definition_of_version(source, graphs.of(published))))


def digest(version: Version) -> str:
    """Of the document that a version was published with; "" when it had none."""
    stored = _stored(version.arranges_id or version.pk)
    return stored.sha256 if stored else ""


def trace(version: Version) -> Trace:
    """Where the graph of a version lies in its document."""
    known = _TRACES.get(version.pk)
    if known is None:
        while len(_TRACES) >= MOST:
            _TRACES.pop(next(iter(_TRACES)))
        known = _TRACES[version.pk] = traced(graphs.of(version.pk), document(version).content)
    return known


@lru_cache(maxsize=64)
def _stored(version_id: int) -> Document | None:
    found = VersionDiagram.objects.filter(version=version_id).first()
    return Document(bytes(found.content), found.sha256) if found else None


@lru_cache(maxsize=64)
def _written(definition: str) -> Document:
    """Laid out once for each name that a version's workflow has."""
    content = writer.write(json.loads(definition))
    return Document(content, sha256(content))
