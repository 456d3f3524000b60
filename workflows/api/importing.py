"""BPMN over REST: a file that becomes a draft, and the document of a draft or a version."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema
from ninja.errors import ValidationError

from workflows import access, engine
from workflows.engine.importing import Import
from workflows.models import LARGEST_DIAGRAM, Scope

from .authentication import needs
from .bodies import XML, TooLarge
from .listing import Key, Text
from .problems import Refusal, answers

router = Router(tags=["workflows"])
MEDIA_TYPE = "application/bpmn+xml"
FORM = "multipart/form-data"
BINARY = {"type": "string", "format": "binary"}
SENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/DefinitionIn"}},
            **{kind: {"schema": BINARY} for kind in XML},
            FORM: {
                "schema": {"type": "object", "properties": {"file": BINARY}, "required": ["file"]}
            },
        },
    }
}
DOCUMENT = {
    "responses": {
        200: {
            "description": "The document, for an unedited import byte for byte",
            "content": {MEDIA_TYPE: {"schema": BINARY}},
        }
    }
}
Number = Annotated[int | None, Query(None, ge=1, le=2**31 - 1)]


class Importing(Schema):
    """How a BPMN file is taken; a definition in JSON is always published."""

    key: Annotated[Text, Field(max_length=100)] = Field(
        "", description="The workflow's key; else the id of the process."
    )
    publish: bool = Field(False, description="Publish it; else it is a draft.")
    strict: bool = Field(False, description="Refuse a file with parts that cannot be run.")
    process: Annotated[Text, Field(max_length=255)] = Field(
        "", description="The id of one of several processes in the file."
    )


class Found(Schema):
    """What the reader says of an element. `severity`: unsupported (to be changed) or note."""

    element_id: str
    name: str
    line: int | None
    what: str
    severity: str


class Flaw(Schema):
    """What keeps the draft from being published."""

    element: str
    field: str
    message: str


def is_sent(request: HttpRequest) -> bool:
    """Whether the body is a BPMN file, bare or in a form."""
    return (request.content_type or "").lower() in (*XML, FORM)


def imported(request: HttpRequest, asked: Importing) -> Import:
    """The file in the body as a draft, or published. Raises as `engine.import_bpmn`, TooLarge."""
    try:
        content = _content(request)
    except TooLarge:
        raise Refusal(413, f"The file is larger than {LARGEST_DIAGRAM} bytes.") from None
    return engine.import_bpmn(
        content,
        key=asked.key or None,
        by=access.person(request),
        strict=asked.strict,
        process=asked.process or None,
        publish=asked.publish,
    )


def told(done: Import) -> dict[str, Any]:
    """The part of the answer that is about the draft."""
    return {
        "revision": done.workflow.revision,
        "findings": [asdict(one) for one in done.findings],
        "problems": [asdict(one) for one in done.problems],
    }


@router.get(
    "/workflows/{key}/bpmn",
    auth=needs(Scope.READ, may=access.SEE),
    response=answers(404, 422),
    summary="Read a workflow as BPMN 2.0",
    openapi_extra=DOCUMENT,
)
def workflow_bpmn(request: HttpRequest, key: Key, version: Number = None) -> HttpResponse:
    """The document of the draft, or of a version."""
    content = engine.export_bpmn(key, version)
    return HttpResponse(content, content_type=MEDIA_TYPE)


def _content(request: HttpRequest) -> bytes:
    content = _sent(request).read(LARGEST_DIAGRAM + 1)
    if len(content) > LARGEST_DIAGRAM:
        raise TooLarge
    return content


def _sent(request: HttpRequest) -> Any:
    """What the file is read from: the body, or the form's field."""
    if (request.content_type or "").lower() != FORM:
        return request
    file = request.FILES.get("file")
    if file is None:
        raise ValidationError([{"loc": ("body", "", "file"), "msg": "Send the file here."}])
    return file
