"""Decision tables: imported from DMN files, and frozen into the graphs that use them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from workflows import json_text
from workflows.dmn import reader
from workflows.errors import DecisionFailed, UnknownDecision, UnreadableDecisions
from workflows.graph import decisions
from workflows.graph.problems import Problem
from workflows.graph.shape import DECISION, Graph, Node
from workflows.models import DecisionFile, DecisionTable, DecisionVersion, TaskDefinition

from . import transitions


@dataclass(frozen=True, slots=True)
class Imported:
    """A decision of an imported file; `is_new` when this made a version of it."""

    version: DecisionVersion
    is_new: bool


def import_dmn(
    data: bytes,
    *,
    by: AbstractBaseUser | None,
    name: str = "",
    is_strict: bool = False,
) -> list[Imported]:
    """Keep a DMN file and a version of each of its decisions, in the file's order.

    A file that is a decision's latest already makes no new version. Raises UnreadableDecisions, and
    with `is_strict` also when a decision could not be carried out; nothing is stored then.
    """
    reading = reader.read(data)
    if is_strict and reading.problems:
        raise UnreadableDecisions(reading.problems)
    with transaction.atomic():
        file, _ = DecisionFile.objects.get_or_create(
            sha256=hashlib.sha256(data).hexdigest(),
            defaults={"content": data, "name": name[:200]},
        )
        tables = _locked(reading)
        done = [_kept(tables[key], one, file, by) for key, one in reading.decisions.items()]
        transitions.record([_entry(one.version, by) for one in done if one.is_new])
        transitions.doorbell([], "workflows")
    return done


def latest(key: str) -> DecisionVersion:
    """The newest version of a decision; raises UnknownDecision."""
    found = DecisionVersion.objects.filter(table__key=key).select_related("table", "file")
    version = found.order_by("-number").first()
    if version is None:
        raise UnknownDecision(f"There is no decision “{key}”.")
    return version


def with_needed(version: DecisionVersion) -> list[Mapping[str, Any]]:
    """The decisions that a version needs, from its file, each after what it needs, it last.

    Raises DecisionFailed.
    """
    rows = DecisionVersion.objects.filter(file=version.file_id).order_by("number")
    models = {one["key"]: one for one in rows.values_list("model", flat=True)}
    return decisions.in_order(models, version.model["key"])


def frozen(graph: Graph) -> Graph:
    """The graph with the newest tables in the nodes that use them, as it is to be published."""
    if not any(node.kind == DECISION for node in graph.nodes):
        return graph
    return replace(graph, nodes=tuple(_frozen(node) for node in graph.nodes))


def problems(rows: Iterable[TaskDefinition]) -> list[Problem]:
    """Decisions that the rows of a draft name and that are not there, or cannot be made."""
    return [
        Problem(row.key, "decision", message)
        for row in rows
        if row.kind == DECISION and isinstance(key := (row.decision or {}).get("decision"), str)
        for message in (_problems(key) if key else ())
    ]


def _problems(key: str) -> list[str]:
    try:
        version = latest(key)
        needed = with_needed(version)
    except (UnknownDecision, DecisionFailed) as error:
        return [str(error)]
    return [
        f"Decision “{one['name']}”, version {version.number}, {reader.said(problem)}"
        for one in needed
        for problem in one.get("problems", ())
    ]


def _frozen(node: Node) -> Node:
    if node.kind != DECISION:
        return node
    version = latest(str(node.decision.get("decision")))
    given = {name: node.decision[name] for name in ("decision", "result") if name in node.decision}
    tables = [dict(one) for one in with_needed(version)]
    return replace(node, decision={**given, "version": version.number, "tables": tables})


def _locked(reading: reader.Reading) -> dict[str, DecisionTable]:
    """The tables of a file, made where they are new, locked in the order of their keys."""
    DecisionTable.objects.bulk_create(
        [DecisionTable(key=key, name=one["name"]) for key, one in reading.decisions.items()],
        ignore_conflicts=True,
    )
    rows = DecisionTable.objects.filter(key__in=reading.decisions).order_by("key")
    return {row.key: row for row in rows.select_for_update()}


def _kept(
    table: DecisionTable, model: dict[str, Any], file: DecisionFile, by: AbstractBaseUser | None
) -> Imported:
    last = table.versions.select_related("table").order_by("-number").first()
    if last is not None and last.file_id == file.pk:
        return Imported(last, is_new=False)
    number = last.number + 1 if last else 1
    version = DecisionVersion.objects.create(
        table=table,
        number=number,
        name=model["name"],
        file=file,
        model=json_text.storable(model),
        created_by_id=by.pk if by is not None else None,
    )
    DecisionTable.objects.filter(pk=table.pk).update(name=model["name"])
    return Imported(version, is_new=True)


def _entry(version: DecisionVersion, by: AbstractBaseUser | None) -> transitions.Entry:
    return transitions.Entry(
        kind="decision.imported",
        entity_type="decision",
        entity_id=str(version.table_id),
        actor=transitions.actor(by),
        data={
            "key": version.table.key,
            "version": version.number,
            "sha256": version.file.sha256,
            "problems": len(version.problems),
        },
    )
