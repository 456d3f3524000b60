"""Forms built from JSON Schemas, and what was typed in: of a start's input, of an approval's data.

Names in the form are paths: `items.0.sku`. What has no widget of its own (anyOf, maps, lists in
lists) is a JSON text area; nothing that was typed is lost when it is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

MOST_ROWS = 200
_MISSING = re.compile(r'^"(?P<name>[^"]+)" is a required property')


@dataclass(slots=True)
class Field:
    """One input. `kind`: text, long, number, integer, check, choice, checks, json, group or rows.

    The value of `checks` is the list of the choices that are ticked.
    """

    path: str
    kind: str
    label: str
    help: str = ""
    is_required: bool = False
    value: Any = ""
    error: str = ""
    choices: tuple[str, ...] = ()
    input_type: str = "text"
    fields: list[Field] = field(default_factory=list)
    rows: list[list[Field]] = field(default_factory=list)
    blank_row: list[Field] = field(default_factory=list)

    @property
    def id(self) -> str:
        return "in-" + self.path.replace(".", "-")


@dataclass(slots=True)
class StartForm:
    """The fields, or `text` when the input is written as JSON; `data` is what they say."""

    fields: list[Field]
    data: dict[str, Any]
    text: str
    is_text: bool
    errors: list[str] = field(default_factory=list)

    @classmethod
    def blank(cls, schema: Mapping[str, Any]) -> StartForm:
        """Filled with the schema's defaults."""
        return cls.showing(schema, _defaults(schema))

    @classmethod
    def showing(
        cls, schema: Mapping[str, Any], data: dict[str, Any], *, is_text: bool = False
    ) -> StartForm:
        """Filled with data."""
        text = json.dumps(data, indent=2, ensure_ascii=False)
        is_text = is_text or not schema.get("properties")
        return cls(_fields(schema, data, ""), data, text, is_text)

    @classmethod
    def typed(cls, schema: Mapping[str, Any], posted: Mapping[str, Any]) -> StartForm:
        """What was typed; what cannot be read is in the fields' errors."""
        if "json" in posted:
            return _from_text(schema, str(posted["json"]))
        found: dict[str, str] = {}
        data = _read_group(schema, posted, "", found)
        form = cls.showing(schema, data)
        form.refuse(f"{path}: {message}" for path, message in found.items())
        _keep(form.fields, posted)
        return form

    def refuse(self, problems: Iterable[str]) -> None:
        """Puts each problem ("path: message") beside its field, the rest above the form."""
        by_path = {one.path: one for one in _every(self.fields)}
        for problem in problems:
            path, message = _located(problem)
            if path in by_path and not self.is_text:
                by_path[path].error = by_path[path].error or message
            else:
                self.errors.append(problem)

    @property
    def is_refused(self) -> bool:
        return bool(self.errors) or any(one.error for one in _every(self.fields))


def within(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that holds one of `schema` under a name: its fields are `name.…`."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def _located(problem: str) -> tuple[str, str]:
    path, _colon, message = problem.partition(": ")
    path = "" if path == "input" else path
    missing = _MISSING.match(message)
    if missing:
        return ".".join(filter(None, [path, missing["name"]])), _("This is needed.")
    return path, message


def _from_text(schema: Mapping[str, Any], text: str) -> StartForm:
    try:
        data = json.loads(text or "{}")
        problem = "" if isinstance(data, dict) else _("A JSON object was expected.")
    except (ValueError, RecursionError) as error:
        data, problem = {}, _("This is not JSON: %(why)s") % {"why": error}
    form = StartForm.showing(schema, data if isinstance(data, dict) else {}, is_text=True)
    form.text = text
    form.errors += [problem] if problem else []
    return form


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, part in schema.get("properties", {}).items():
        if not isinstance(part, Mapping):
            continue
        if "default" in part:
            found[name] = part["default"]
        elif _kind(part) == "group" and (inner := _defaults(part)):
            found[name] = inner
    return found


def _kind(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "json"  # true and false are schemas too
    wanted = schema.get("type")
    if "enum" in schema:
        return "choice"
    if wanted == "object":
        return "group" if schema.get("properties") else "json"
    if wanted == "array":
        items = schema.get("items", {})
        if not isinstance(items, Mapping):
            return "json"
        if items.get("enum") and schema.get("uniqueItems") is True:
            return "checks"
        simple = [_kind(part) for part in items.get("properties", {}).values()]
        return "rows" if simple and not {"group", "rows", "json"} & set(simple) else "json"
    if wanted == "string":
        return "long" if schema.get("maxLength", 0) > 300 else "text"
    known = {"number": "number", "integer": "integer", "boolean": "check"}
    return known.get(wanted, "json") if isinstance(wanted, str) else "json"


def _fields(schema: Mapping[str, Any], data: Mapping[str, Any], prefix: str) -> list[Field]:
    needed = list(schema.get("required", ()))
    return [
        _field(part, f"{prefix}{name}", name, data.get(name), name in needed)
        for name, part in _in_order(schema.get("properties", {}), needed)
    ]


def _in_order(
    properties: Mapping[str, Any], needed: list[str]
) -> list[tuple[str, Mapping[str, Any]]]:
    """By `propertyOrder`, then as `required` lists them: jsonb keeps no order of keys."""
    place = {name: at for at, name in enumerate(needed)}

    def order(item: tuple[str, Any]) -> tuple[float, int]:
        said = item[1].get("propertyOrder") if isinstance(item[1], Mapping) else None
        return (
            said if isinstance(said, int) else math.inf,
            place.get(item[0], len(place)),
        )

    return sorted(properties.items(), key=order)


def _field(schema: Any, path: str, name: str, value: Any, is_required: bool) -> Field:
    schema = schema if isinstance(schema, Mapping) else {}
    words = name.replace("_", " ")
    made = Field(
        path,
        _kind(schema),
        schema.get("title") or words[:1].upper() + words[1:],
        schema.get("description", ""),
        is_required,
        _shown(schema, value),
        choices=tuple(str(choice) for choice in _options(schema)),
        input_type={"email": "email", "date": "date", "uri": "url"}.get(
            schema.get("format", ""), "text"
        ),
    )
    if made.kind == "group":
        made.fields = _fields(schema, value if isinstance(value, dict) else {}, f"{path}.")
    if made.kind == "rows":
        items = schema.get("items", {})
        given = value if isinstance(value, list) and value else [{}] * is_required
        made.rows = [
            _fields(items, row if isinstance(row, dict) else {}, f"{path}.{number}.")
            for number, row in enumerate(given)
        ]
        made.blank_row = _fields(items, {}, f"{path}.__n__.")
    return made


def _options(schema: Mapping[str, Any]) -> Sequence[Any]:
    """What there is to choose from."""
    chosen = schema.get("items") if _kind(schema) == "checks" else schema
    options: Sequence[Any] = chosen.get("enum", ()) if isinstance(chosen, Mapping) else ()
    return options


def _shown(schema: Mapping[str, Any], value: Any) -> Any:
    if _kind(schema) == "json":
        return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    if _kind(schema) == "check":
        return bool(value)
    if _kind(schema) == "checks":
        return [str(one) for one in value] if isinstance(value, list) else []
    return "" if value is None else value


def _read_group(
    schema: Mapping[str, Any], posted: Mapping[str, Any], prefix: str, problems: dict[str, str]
) -> dict[str, Any]:
    found = {}
    for name, part in schema.get("properties", {}).items():
        value = _read(part, posted, f"{prefix}{name}", problems)
        if value is not None:
            found[name] = value
    return found


def _read(
    schema: Mapping[str, Any], posted: Mapping[str, Any], path: str, problems: dict[str, str]
) -> Any:
    """The value typed for a schema; None when nothing was."""
    kind = _kind(schema)
    if kind == "group":
        return _read_group(schema, posted, f"{path}.", problems) or None
    if kind == "rows":
        numbers = _row_numbers(posted, path)
        items = schema.get("items", {})
        rows = [_read_group(items, posted, f"{path}.{number}.", problems) for number in numbers]
        return [row for row in rows if row] or None
    if kind == "check":
        return path in posted
    if kind == "checks":
        options = enumerate(_options(schema))
        return [one for place, one in options if f"{path}.{place}" in posted] or None
    typed = str(posted.get(path, "")).strip()
    if not typed:
        return None
    try:
        return _parsed(kind, schema, typed)
    except (ValueError, RecursionError):
        problems[path] = _expected(kind)
        return None


def _parsed(kind: str, schema: Mapping[str, Any], typed: str) -> Any:
    if kind == "integer":
        return int(typed)
    if kind == "number":
        number = float(typed)
        if not math.isfinite(number):
            raise ValueError("JSON has no such number")
        return int(number) if number.is_integer() and "." not in typed else number
    if kind == "json":
        return json.loads(typed)
    if kind == "choice":
        return next((one for one in schema["enum"] if str(one) == typed), typed)
    return typed


def _expected(kind: str) -> str:
    return {
        "integer": _("A whole number was expected."),
        "number": _("A number was expected."),
    }.get(kind, _("This is not JSON."))


def _row_numbers(posted: Mapping[str, Any], path: str) -> list[int]:
    pattern = re.compile(rf"{re.escape(path)}\.(\d{{1,6}})\.")
    numbers = {int(match[1]) for name in posted if (match := pattern.match(name))}
    return sorted(numbers)[:MOST_ROWS]


def _keep(fields: Iterable[Field], posted: Mapping[str, Any]) -> None:
    """Shows what was typed where it could not be read."""
    for one in _every(fields):
        if one.error and one.path in posted and one.kind != "check":
            one.value = posted[one.path]


def _every(fields: Iterable[Field]) -> Iterable[Field]:
    for one in fields:
        yield one
        yield from _every(one.fields)
        for row in one.rows:
            yield from _every(row)
