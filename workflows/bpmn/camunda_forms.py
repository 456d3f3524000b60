"""Forms of Camunda (`.form` files, and those within a BPMN file), as JSON Schemas.

A component becomes a field where a JSON Schema asks the very same; the others are named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jsonschema_rs

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHOWS: Final = frozenset(("text", "html", "image", "iframe", "table"))
_SILENT: Final = frozenset(("button", "separator", "spacer"))
MOST_FIELDS: Final = 500
LONGEST = 100_000  # characters: a field for more than 300 has several lines


@dataclass(frozen=True, slots=True)
class Converted:
    """A form as a JSON Schema; `notes` say in words what of it is not taken over."""

    schema: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    key: str = ""
    title: str = ""


def is_form(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a form of Camunda."""
    return isinstance(document.get("components"), list)


def converted(document: Mapping[str, Any]) -> Converted:
    """The schema of a form, {} when it asks nothing; its key and title as far as it says any."""
    made = _Conversion()
    schema = made.object_of(document.get("components"))
    key, title = (document.get(name) for name in ("id", "name"))
    return Converted(
        schema if schema.get("properties") else {},
        made.notes,
        key if isinstance(key, str) else "",
        title if isinstance(title, str) else "",
    )


class _Conversion:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._count = 0

    def object_of(self, components: Any) -> dict[str, Any]:
        """The schema of an object that has a property for each component that asks something."""
        properties: dict[str, Any] = {}
        required: list[str] = []
        for one in self._flat(components):
            self._put(one, properties, required)
        said = {"required": required} if required else {}
        return {"type": "object", "properties": properties, **said}

    def _flat(self, components: Any) -> Iterator[Mapping[str, Any]]:
        """The components, with those of groups that hold no object of their own."""
        for one in components if isinstance(components, list) else ():
            if not isinstance(one, Mapping):
                continue
            if one.get("type") == "group" and not one.get("path"):
                yield from self._flat(one.get("components"))
            else:
                yield one

    def _put(self, one: Mapping[str, Any], properties: dict[str, Any], required: list[str]) -> None:
        kind = str(one.get("type"))
        if kind in _SILENT:
            return
        if kind in _SHOWS:
            self._tell(one, "is not shown: a person sees the input")
            return
        name = str(one.get("path" if kind in ("group", "dynamiclist") else "key") or "")
        if not _NAME.match(name) or name in properties or self._count >= MOST_FIELDS:
            self._tell(one, "cannot be read: a name of its own was expected")
            return
        if one.get("readonly") is True or one.get("disabled") is True:
            self._tell(one, "is only looked at there: it is not filled in")
            return
        part = self._part(kind, one)
        if part is None:
            self._tell(one, f"is a “{kind:.40}”: it is not filled in")
            return
        self._count += 1
        properties[name] = {**_described(one), **part, "propertyOrder": len(properties) + 1}
        if self._is_required(one):
            required.append(name)

    def _part(self, kind: str, one: Mapping[str, Any]) -> dict[str, Any] | None:
        match kind:
            case "textfield" | "textarea":
                return self._text(one, kind)
            case "number":
                return self._number(one)
            case "checkbox":
                must = {"const": True} if _rules(one).get("required") is True else {}
                return {"type": "boolean", **must, **self._default(one, bool)}
            case "select" | "radio":
                return self._choice(one)
            case "checklist" | "taglist":
                return self._several(one)
            case "datetime":
                return self._datetime(one)
            case "group":
                inner = self.object_of(one.get("components"))
                return inner if inner["properties"] else None
            case "dynamiclist":
                inner = self.object_of(one.get("components"))
                return {"type": "array", "items": inner} if inner["properties"] else None
        return None

    def _text(self, one: Mapping[str, Any], kind: str) -> dict[str, Any]:
        part: dict[str, Any] = {"type": "string"}
        rules = _rules(one)
        for name in ("minLength", "maxLength"):
            if name in rules:
                part |= self._limit(one, name, name, rules[name], lambda given: given >= 0)
        if rules.get("required") is True:
            part["minLength"] = max(part.get("minLength", 0), 1)
        if pattern := rules.get("pattern"):
            part |= self._pattern(one, pattern)
        if rules.get("validationType") not in (None, "", "custom"):
            self._tell(one, f"is not checked to be a “{rules['validationType']!s:.40}”")
        if kind == "textarea":
            part.setdefault("maxLength", LONGEST)
        return part | self._default(one, str)

    def _number(self, one: Mapping[str, Any]) -> dict[str, Any]:
        is_whole = one.get("decimalDigits") == 0
        part: dict[str, Any] = {"type": "integer" if is_whole else "number"}
        rules = _rules(one)
        for name, to in (("min", "minimum"), ("max", "maximum")):
            if name in rules:
                part |= self._limit(one, name, to, rules[name], lambda given: True)
        if not is_whole and one.get("decimalDigits") is not None:
            self._tell(one, f"may have more than {one['decimalDigits']!s:.20} decimal digits")
        if one.get("increment") not in (None, "", 1, "1"):
            self._tell(one, f"goes in steps of {one['increment']!s:.20} there: that is not checked")
        if one.get("serializeToString") is True:
            self._tell(one, "is given on as a number, not as text")
        return part | self._default(one, int if is_whole else float)

    def _choice(self, one: Mapping[str, Any]) -> dict[str, Any] | None:
        options = self._options(one)
        if not options:
            return None
        return {"type": "string", "enum": options, **self._default(one, str, options)}

    def _several(self, one: Mapping[str, Any]) -> dict[str, Any] | None:
        options = self._options(one)
        if not options:
            return None
        items = {"type": "string", "enum": options}
        least: dict[str, Any] = {"minItems": 1} if _rules(one).get("required") is True else {}
        return {"type": "array", "items": items, "uniqueItems": True, **least}

    def _datetime(self, one: Mapping[str, Any]) -> dict[str, Any] | None:
        if one.get("subtype") not in (None, "date"):
            return None
        if one.get("disallowPassedDates") is True:
            self._tell(one, "may be a day that has passed")
        return {"type": "string", "format": "date"}

    def _options(self, one: Mapping[str, Any]) -> list[str] | None:
        """The values to choose from; None where they are known at the time only."""
        values = one.get("values")
        if not isinstance(values, list) or not values:
            return None
        found = [value.get("value") for value in values if isinstance(value, Mapping)]
        texts = [value for value in found if isinstance(value, str) and value]
        if len(texts) < len(values):
            return None
        if any(value.get("label", value["value"]) != value["value"] for value in values):
            self._tell(one, "shows its options by their values")
        return list(dict.fromkeys(texts))

    def _limit(
        self,
        one: Mapping[str, Any],
        rule: str,
        name: str,
        given: Any,
        is_fit: Callable[[float], bool],
    ) -> dict[str, Any]:
        if isinstance(given, int | float) and not isinstance(given, bool) and is_fit(given):
            return {name: given}
        if given not in (None, ""):
            self._tell(one, f"has a rule that is not checked: {rule} {given!s:.60}")
        return {}

    def _pattern(self, one: Mapping[str, Any], pattern: Any) -> dict[str, str]:
        try:
            jsonschema_rs.validator_for({"type": "string", "pattern": pattern}, offline=True)
        except (ValueError, TypeError):
            self._tell(one, f"has a rule that is not checked: pattern {pattern!s:.60}")
            return {}
        return {"pattern": pattern}

    def _default(
        self, one: Mapping[str, Any], kind: type, options: list[str] | None = None
    ) -> dict[str, Any]:
        given = one.get("defaultValue")
        if given in (None, "") or given is False:
            return {}
        wanted = (int, float) if kind is float else kind
        is_fit = isinstance(given, wanted) and isinstance(given, bool) == (kind is bool)
        if not is_fit or (options is not None and given not in options) or _is_worked_out(given):
            self._tell(one, f"begins empty: its default {given!s:.60} is not taken over")
            return {}
        return {"default": given}

    def _is_required(self, one: Mapping[str, Any]) -> bool:
        is_hidden = isinstance(one.get("conditional"), Mapping) and bool(one["conditional"])
        if is_hidden:
            self._tell(one, "is always shown, and may be left empty")
        required = _rules(one).get("required")
        if required not in (None, True, False):
            self._tell(one, f"has a rule that is not checked: required {required!s:.60}")
        return required is True and not is_hidden

    def _tell(self, one: Mapping[str, Any], what: str) -> None:
        shown = one.get("key") or one.get("path") or one.get("label") or one.get("text")
        shown = shown or one.get("id") or one.get("type")
        self.notes.append(f"“{' '.join(str(shown).split()):.100}” of the form {what}.")


def _described(one: Mapping[str, Any]) -> dict[str, str]:
    """Its label and description, unless they are worked out."""
    given = (("title", one.get("label")), ("description", one.get("description")))
    return {
        name: " ".join(text.split())
        for name, text in given
        if isinstance(text, str) and text.strip() and not _is_worked_out(text)
    }


def _is_worked_out(given: Any) -> bool:
    return isinstance(given, str) and (given.lstrip().startswith("=") or "{{" in given)


def _rules(one: Mapping[str, Any]) -> Mapping[str, Any]:
    rules = one.get("validate")
    return rules if isinstance(rules, Mapping) else {}
