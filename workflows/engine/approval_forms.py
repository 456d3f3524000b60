"""The form of a human task: what is filled in with an approval, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from workflows.errors import InvalidInput

from . import arguments

DATA = "data"  # in the output of the task, and before the names of its fields in problems


def problem(form: Any) -> str:
    """Why this is no form, as a sentence; "" for one, and where there is none.

    A form is a JSON Schema of an object that names its properties.
    """
    if form is None or form == {}:
        return ""
    if not isinstance(form, Mapping) or form.get("type") != "object":
        return "“form” must be a JSON Schema of type object."
    properties = form.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return "“form” must name its fields in “properties”."
    if odd := [name for name, part in properties.items() if not isinstance(part, Mapping)]:
        return f"“form”: the field “{odd[0]}” must be a JSON Schema, an object."
    try:
        _validator(form)
    except (ValueError, TypeError) as error:
        return f"“form” is no JSON Schema: {error}"
    return next(
        (
            f"“form”: the field “{name}” is a choice without options."
            for name, part in properties.items()
            if part.get("enum") == []
        ),
        "",
    )


def of(approval: Mapping[str, Any]) -> dict[str, Any]:
    """The form in what a human task says of its approval, {} for none.

    Versions from before there were forms may hold anything under this name: it is no form then.
    """
    form = approval.get("form")
    return dict(form) if form and not problem(form) else {}


def checked(form: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is filled in with an approval; nothing where there is no form.

    Raises InvalidInput that lists every field ("data.name: …") that misses the form.
    """
    if not form:
        if given:
            raise InvalidInput([f"{DATA}: this approval has no form; no data was expected"])
        return {}
    filled = {} if given is None else given
    arguments.json_object("data", filled)
    found = [
        f"{'.'.join([DATA, *map(str, error.instance_path)])}: {error.message}"
        for error in _validator(form).iter_errors(dict(filled))
    ]
    if found:
        raise InvalidInput(found)
    return dict(filled)


def output(form: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """What a form adds to the output of its task.

    A field that was left out is null, and so is each after a rejection: the output's mapping can
    read all of them, whichever way it was decided.
    """
    return {DATA: {**dict.fromkeys(form["properties"]), **filled}} if form else {}


def _validator(form: Mapping[str, Any]) -> Any:
    # Offline: a schema's "$ref" must neither call other hosts nor read files of this one.
    return jsonschema_rs.validator_for(dict(form), offline=True, validate_formats=True)
