"""Forms that human tasks share: kept in versions, and frozen into the graphs that use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from workflows import json_text
from workflows.bpmn import camunda_forms, embedded
from workflows.errors import InvalidForm, UnknownForm
from workflows.graph.problems import Problem
from workflows.graph.shape import HUMAN, Graph, Node
from workflows.models import Form, FormVersion, TaskDefinition

from . import approval_forms, transitions

OF = "form_of"  # in the approval of a published version: of which form its fields are


@dataclass(frozen=True, slots=True)
class ImportedForm:
    """A form that a file was read as; `notes` name what of the file is not taken over."""

    version: FormVersion
    is_new: bool
    notes: list[str]


def register_form(
    key: str, schema: Mapping[str, Any], *, title: str = "", by: AbstractBaseUser | None
) -> FormVersion:
    """Keep a form, a JSON Schema of an object with properties, as the newest version of its key.

    Steps whose approval says `"form": key` ask it from their next publishing on. The same form
    again gives the same version. Raises InvalidForm that names key, title or form.
    """
    version, _is_new = _registered(key, schema, title, by)
    return version


def import_form(
    data: bytes, *, key: str | None = None, by: AbstractBaseUser | None, name: str = ""
) -> ImportedForm:
    """Keep a form file: one of Camunda (`.form`), or a JSON Schema.

    It gets the key that is given, else the file's own id, else its `name` without its ending.
    Raises InvalidForm; nothing is stored then.
    """
    found = _read(data)
    wanted = key or found.key or name.rpartition(".")[0] or name
    version, is_new = _registered(wanted, found.schema, found.title, by)
    return ImportedForm(version, is_new, found.notes)


def latest(key: str) -> FormVersion:
    """The newest version of a form; raises UnknownForm."""
    found = FormVersion.objects.filter(form__key=key).select_related("form", "created_by")
    version = found.order_by("-number").first()
    if version is None:
        raise UnknownForm(f"There is no form “{key}”.")
    return version


def frozen(graph: Graph) -> Graph:
    """The graph with the newest fields in the steps that share a form. Raises UnknownForm."""
    if not any(_shared(node.kind, node.approval) for node in graph.nodes):
        return graph
    return replace(graph, nodes=tuple(_frozen(node) for node in graph.nodes))


def unfrozen(approval: Mapping[str, Any]) -> Mapping[str, Any]:
    """An approval of a version as its draft said it: the key of a form in place of its fields."""
    if OF not in approval:
        return approval
    kept = {name: told for name, told in approval.items() if name != OF}
    return {**kept, "form": approval[OF]["key"]}


def problems(rows: Iterable[TaskDefinition]) -> list[Problem]:
    """Forms that the rows of a draft name and that are not there."""
    named = {row.key: key for row in rows if (key := _shared(row.kind, row.approval or {}))}
    known = set(Form.objects.filter(key__in=named.values()).values_list("key", flat=True))
    names = {row.key: row.name or row.key for row in rows}
    return [
        Problem(
            place,
            "approval",
            f"Form “{key}” of step “{names[place]}” is not there: add it under Forms in the admin, "
            "or draw a form at the step.",
        )
        for place, key in named.items()
        if key not in known
    ]


def _shared(kind: str, approval: Mapping[str, Any]) -> str:
    """The key of the form that a step shares; "" for none, and for one of its own."""
    form = approval.get("form") if kind == HUMAN else None
    return form if isinstance(form, str) else ""


def _frozen(node: Node) -> Node:
    key = _shared(node.kind, node.approval)
    if not key:
        return node
    version = latest(key)
    told = {"key": key, "version": version.number}
    return replace(node, approval={**node.approval, "form": version.schema, OF: told})


def _registered(
    key: str, schema: Mapping[str, Any], title: str, by: AbstractBaseUser | None
) -> tuple[FormVersion, bool]:
    title = " ".join(title.split()) or key
    _check(key, schema, title)
    with transaction.atomic():
        Form.objects.bulk_create([Form(key=key, title=title)], ignore_conflicts=True)
        form = Form.objects.select_for_update().get(key=key)
        last = form.versions.select_related("form").order_by("-number").first()
        kept = json_text.storable(dict(schema))
        if last is not None and (last.schema, last.title) == (kept, title):
            return last, False
        version = FormVersion.objects.create(
            form=form,
            number=last.number + 1 if last else 1,
            title=title,
            schema=kept,
            created_by_id=by.pk if by is not None else None,
        )
        Form.objects.filter(pk=form.pk).update(title=title)
        form.title = title
        transitions.record([_entry(version, by)])
        transitions.doorbell([], "workflows")
    return version, True


def _check(key: str, schema: Any, title: str) -> None:
    found = []
    try:
        Form(key=key, title=title).clean_fields()
    except ValidationError as error:
        found = [
            f"{field}: {message}"
            for field, messages in error.message_dict.items()
            for message in messages
        ]
    if not schema:
        found.append("form: a JSON Schema of type object with properties was expected")
    elif wrong := approval_forms.problem(schema):
        found.append(f"form: {wrong}")
    if found:
        raise InvalidForm(found)


def _read(data: bytes) -> camunda_forms.Converted:
    try:
        document = embedded.parsed_object(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidForm(["file: it is no UTF-8 text"]) from None
    except embedded.Malformed as error:
        raise InvalidForm([f"file: {error}"]) from None
    if camunda_forms.is_form(document):
        return camunda_forms.converted(document)
    title = document.get("title")
    return camunda_forms.Converted(document, title=title if isinstance(title, str) else "")


def _entry(version: FormVersion, by: AbstractBaseUser | None) -> transitions.Entry:
    return transitions.Entry(
        kind="form.registered",
        entity_type="form",
        entity_id=str(version.form_id),
        actor=transitions.actor(by),
        data={"key": version.form.key, "version": version.number, "title": version.title},
    )
