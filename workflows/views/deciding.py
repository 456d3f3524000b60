"""Decision tables: what there is, one of them in its versions, and what one decided in a task."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from workflows import access, engine
from workflows.bpmn.parsing import MAX_BYTES
from workflows.dmn import reader
from workflows.engine import decision_tables, graphs
from workflows.engine.filtering import key as number
from workflows.errors import DecisionFailed, UnreadableDecisions
from workflows.graph.shape import DECISION
from workflows.models import DecisionTable, DecisionVersion, Workflow

from .execution import found as execution_found
from .refusals import answered
from .repairing import task_of

VERSIONS_SHOWN, WORKFLOWS_SHOWN = 50, 20


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of a table with its number; `is_chosen` where the result is made of it."""

    number: int
    rule: Mapping[str, Any]
    is_hit: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision for the page, with what came of it if it was made."""

    decision: Mapping[str, Any]
    outcome: Mapping[str, Any] | None
    rows: Sequence[ShownRow]
    columns: Sequence[tuple[Mapping[str, Any], Any]]

    @property
    def policy(self) -> str:
        """The letter of the hit policy and its aggregator."""
        return str(self.decision.get("hit_policy", "")) + str(self.decision.get("aggregator", ""))

    @property
    def policy_name(self) -> str:
        return policy_names().get(str(self.decision.get("hit_policy")), "")

    @property
    def has_notes(self) -> bool:
        return any("annotations" in row.rule or "description" in row.rule for row in self.rows)

    @property
    def problems(self) -> list[str]:
        return [reader.said(one) for one in self.decision.get("problems", ())]


def policy_names() -> dict[str, str]:
    """What each hit policy means, by its letter."""
    return {
        "U": _("Unique: one row may hit"),
        "F": _("First: the first row that hits counts"),
        "A": _("Any: all rows that hit give the same"),
        "P": _("Priority: the most important output counts"),
        "R": _("Rule order: all rows that hit, in their order"),
        "O": _("Output order: all rows that hit, the most important first"),
        "C": _("Collect: all rows that hit"),
    }


def shown(decision: Mapping[str, Any], outcome: Mapping[str, Any] | None = None) -> Shown:
    """A decision as `dmn.reader` makes it, with its `graph.decisions.Outcome` as plain data."""
    hits: Collection[int] = (outcome or {}).get("hits", ())
    chosen: Collection[int] = (outcome or {}).get("chosen", ())
    inputs = list((outcome or {}).get("inputs", ()))
    columns = list(decision.get("inputs", ()))
    inputs += [None] * (len(columns) - len(inputs))
    rows = [
        ShownRow(place, rule, place in hits, place in chosen)
        for place, rule in enumerate(decision.get("rules", ()), start=1)
    ]
    return Shown(decision, outcome, rows, list(zip(columns, inputs, strict=False)))


@require_safe
@access.requires(access.SEE)
def decisions(request: HttpRequest) -> HttpResponse:
    """Every decision with its newest version."""
    is_part = getattr(request, "htmx", False)
    name = "workflows/_decision_list.html" if is_part else "workflows/decisions.html"
    return render(request, name, {"rows": _rows()})


@require_safe
@access.requires(access.SEE)
@answered
def decision(request: HttpRequest, key: str) -> HttpResponse:
    """One decision: the table of a version, its problems, who uses it, its versions."""
    version = _version(key, request.GET.get("version"))
    versions = list(version.table.versions.select_related("created_by").defer("model"))
    context = {
        "version": version,
        "is_newest": version.pk == versions[0].pk,
        "shown": shown(version.model),
        "needed": _needed(version),
        "users": _users(key),
        "versions": versions[:VERSIONS_SHOWN],
    }
    return render(request, "workflows/decision.html", context)


@require_safe
@access.requires(access.SEE)
@answered
def decision_file(request: HttpRequest, key: str) -> HttpResponse:
    """The file that a version came in, byte for byte."""
    version = _version(key, request.GET.get("version"))
    name = f"{version.table.key}-v{version.number}.dmn"
    return HttpResponse(
        bytes(version.file.content),
        content_type="application/xml",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@require_POST
@access.requires(access.EDIT)
@answered
def decision_import(request: HttpRequest) -> HttpResponse:
    """Import an uploaded file; leads to its last decision, or says what is wrong with the file."""
    try:
        done = _imported(request)
    except UnreadableDecisions as error:
        context = {"rows": _rows(), "problems": error.problems}
        return render(request, "workflows/decisions.html", context, status=422)
    _tell(request, done)
    return redirect("decision", done[-1].version.table.key)


@require_safe
@access.requires(access.SEE)
@answered
def task_decision(request: HttpRequest, execution_id: int, task_id: int) -> HttpResponse:
    """What a task decided: its tables as they were frozen, with the rows that hit."""
    run = execution_found(execution_id)
    task = task_of(run, task_id)
    node = graphs.of(run.version_id).nodes[task.node]
    if node.kind != DECISION:
        raise Http404
    made = {one["key"]: one for one in (task.output or {}).get("decisions", ())}
    tables = [shown(one, made.get(one["key"])) for one in node.decision["tables"]]
    context = {
        "execution": run,
        "task": task,
        "decision": node.decision,
        "tables": tables[::-1],
        "is_made": bool(made),
    }
    is_part = getattr(request, "htmx", False)
    name = "workflows/_task_decision.html" if is_part else "workflows/task_decision.html"
    return render(request, name, context)


def _imported(request: HttpRequest) -> list[decision_tables.Imported]:
    file = request.FILES.get("file")
    if file is None:
        raise UnreadableDecisions([_("Choose a DMN file first.")])
    if (file.size or 0) > MAX_BYTES:
        text = _("The file has %(size)d bytes; %(most)d is the most.")
        raise UnreadableDecisions([text % {"size": file.size, "most": MAX_BYTES}])
    return engine.import_dmn(file.read(), by=access.person(request), name=file.name or "")


def _rows() -> list[dict[str, Any]]:
    tables = list(DecisionTable.objects.all())
    newest = DecisionVersion.objects.order_by("table_id", "-number").distinct("table_id")
    versions = {one.table_id: one for one in newest.select_related("created_by")}
    return [{"table": one, "version": versions.get(one.pk)} for one in tables]


def _version(key: str, asked: str | None) -> DecisionVersion:
    wanted = number(asked)
    if wanted is None:
        return decision_tables.latest(key)
    rows = DecisionVersion.objects.select_related("table", "file", "created_by")
    version = rows.filter(table__key=key, number=min(wanted, 2**31 - 1)).first()
    if version is None:
        raise Http404
    return version


def _needed(version: DecisionVersion) -> list[Mapping[str, Any]]:
    try:
        return decision_tables.with_needed(version)[:-1]
    except DecisionFailed:
        return []  # its problems say so


def _users(key: str) -> list[Workflow]:
    """Workflows whose draft uses the decision."""
    using = Workflow.objects.filter(
        task_definitions__kind=DECISION, task_definitions__decision__decision=key
    )
    return list(using.distinct()[:WORKFLOWS_SHOWN])


def _tell(request: HttpRequest, done: Sequence[decision_tables.Imported]) -> None:
    count = sum(one.is_new for one in done)
    if not count:
        messages.info(request, _("The file is imported already: nothing has changed."))
        return
    text = ngettext("%(count)d decision is imported.", "%(count)d decisions are imported.", count)
    messages.success(request, text % {"count": count})
    if any(one.version.problems for one in done):
        messages.warning(request, _("Not all of it can be carried out: see what must change."))
