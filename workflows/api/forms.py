"""Forms that human tasks share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from workflows import access, engine
from workflows.engine import shared_forms
from workflows.errors import UnknownVersion
from workflows.models import Form, FormVersion, Scope

from .authentication import needs
from .listing import Asked, Key, Listed, Text, part
from .problems import answers

router = Router(tags=["forms"])
SEES = needs(Scope.READ, may=(access.SEE, access.EDIT))
Number = Annotated[int | None, Query(None, ge=1, le=2**31 - 1)]


class FormIn(Schema):
    """A form: `form` is a JSON Schema of an object whose properties are its fields."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: Annotated[Text, Field(max_length=100)]
    title: Annotated[Text, Field(max_length=200)] = ""
    form: dict[str, Any]


class FormRow(Schema):
    """A form with the number of its newest version."""

    key: str
    title: str
    version: int


class FormDetail(FormRow):
    """A version of a form."""

    form: dict[str, Any]
    created_at: datetime
    created_by: str | None


class Forms(Listed):
    items: list[FormRow]


@router.get("/forms", auth=SEES, response={200: Forms, **answers(422)}, summary="List forms")
def forms(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """In the order in which they were made."""
    rows = Form.objects.annotate(number=Max("versions__number")).order_by("pk")
    if asked.after is not None:
        rows = rows.filter(pk__gt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, lambda row: int(row.pk), _row)


@router.get(
    "/forms/{key}",
    auth=SEES,
    response={200: FormDetail, **answers(404, 422)},
    summary="Read a form",
)
def form(request: HttpRequest, key: Key, version: Number = None) -> dict[str, Any]:
    """Its newest version, or the one that is asked for."""
    found = shared_forms.latest(key)
    if version is not None and version != found.number:
        older = found.form.versions.select_related("form", "created_by").filter(number=version)
        wanted = older.first()
        if wanted is None:
            raise UnknownVersion(f"Form “{key}” has no version {version}.")
        found = wanted
    return _detail(found)


@router.post(
    "/forms",
    auth=needs(Scope.OPERATE, may=access.EDIT),
    response={200: FormDetail, 201: FormDetail, **answers(408, 413, 422)},
    summary="Keep a form",
)
def form_register(
    request: HttpRequest, response: HttpResponse, payload: FormIn
) -> Status[dict[str, Any]]:
    """201 for a new version; 200 when this is the newest already. Steps whose approval names the
    form ask it from their next publishing on."""
    before = Form.objects.filter(key=payload.key, versions__isnull=False)
    last = before.order_by("-versions__number").values_list("versions__pk", flat=True).first()
    version = engine.register_form(
        payload.key, payload.form, title=payload.title, by=access.person(request)
    )
    response["Location"] = reverse("api:form", args=[payload.key])
    return Status(201 if version.pk != last else 200, _detail(version))


def _row(one: Form) -> dict[str, Any]:
    return {"key": one.key, "title": one.title, "version": getattr(one, "number", 0)}


def _detail(version: FormVersion) -> dict[str, Any]:
    by = version.created_by
    return {
        "key": version.form.key,
        "title": version.title,
        "version": version.number,
        "form": version.schema,
        "created_at": version.created_at,
        "created_by": by and by.get_username(),
    }
