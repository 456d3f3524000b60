"""The REST API as a whole: the resources of every app under one OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from ninja import NinjaAPI, Schema
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from agents.api import workforce
from workflows.api import (
    approvals,
    auditing,
    batches,
    definitions,
    events,
    executions,
    forms,
    importing,
    operating,
    problems,
    repairing,
)
from workflows.api.authentication import Bearer, acting
from workflows.api.bodies import JsonParser

DESCRIPTION = """Start and operate executions, decide approvals, read the audit log.

Send a token of `manage.py create_token` with each request; session cookies are not accepted. Errors
are problem details (RFC 9457). Lists are read part by part with `cursor`."""


class DeskAPI(NinjaAPI):
    """Its document says how problems look and which scope an operation needs."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **asked: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**asked)
        shapes = document["components"]["schemas"]
        _tell_shapes(shapes, definitions.DefinitionIn)
        doors = {name: door for name, _operation, door in self.declared()}
        for operations in document["paths"].values():
            for operation in operations.values():
                _tell_problems(operation["responses"])
                _tell_scopes(operation, doors[operation["operationId"]])
        return document

    def declared(self) -> Iterator[tuple[str, Operation, Bearer]]:
        """Every operation with its name and who may use it."""
        for router in self._get_bound_routers():
            for view in router.path_operations.values():
                for operation in view.operations:
                    door = cast("Bearer", operation.auth_callbacks[0])
                    yield self.get_openapi_operation_id(operation), operation, door


api = DeskAPI(
    title="Signalbox", version="1", description=DESCRIPTION, docs_url=None,
    urls_namespace="api", parser=JsonParser(),
)  # fmt: skip
problems.install(api)
api.add_decorator(acting)
for resource in (
    executions,
    operating,
    repairing,
    batches,
    events,
    auditing,
    approvals,
    definitions,
    importing,
    forms,
    workforce,
):
    api.add_router("", resource.router)


def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """What no resource answers to is told as a problem too."""
    return problems.Refusal(404).response(request.path)


def routes() -> list[URLPattern | URLResolver]:
    """Everything under /api/."""
    found, app_name, namespace = api.urls
    return [
        path("api/v1/", (found, app_name, namespace)),
        path("api/<path:rest>", nothing_here, name="api_nothing_here"),
    ]


def _tell_shapes(shapes: dict[str, Any], model: type[Schema]) -> None:
    """The shape of a body that an operation reads by itself, because it takes others too."""
    told = model.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes.update(told.pop("$defs", {}))
    shapes[model.__name__] = told


def _tell_problems(responses: dict[Any, Any]) -> None:
    for status, told in responses.items():
        if int(status) >= 400 and "application/json" in told.get("content", {}):
            told["content"] = {problems.MEDIA_TYPE: told["content"].pop("application/json")}


def _tell_scopes(operation: dict[str, Any], door: Bearer) -> None:
    """One of the scopes, as role names of the scheme (OpenAPI 3.1 §4.8.30); and a permission."""
    operation["security"] = [{"Bearer": [str(scope)]} for scope in door.scopes]
    operation["x-permissions"] = list(door.permissions)
