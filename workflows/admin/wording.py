"""Lists and mappings as short lines of text, and back: what cannot be said so is shown as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows import json_text

SEPARATORS = re.compile(r"[,，\n]")
CONDITIONAL = re.compile(r"(\S+)\s+when\b\s*(.*)", re.DOTALL)
DEFAULT = re.compile(r"(\S+)\s+otherwise")


class Unreadable(ValueError):
    """The text cannot be understood; the message says why."""


def words(text: str) -> list[str]:
    """The words between commas, each once, in order."""
    if text.lstrip().startswith("["):
        return _list_of_text(json_text.parsed(text))
    found = (word.strip() for word in SEPARATORS.split(text))
    return list(dict.fromkeys(word for word in found if word))


def written_words(items: Sequence[Any]) -> str:
    return _written(items, words, lambda: ", ".join(items))


def dependencies(text: str) -> list[Any]:
    """A task's key per line, `key when condition` or `key otherwise` (its default way out).

    As TaskDefinition.depends_on holds them.
    """
    if text.lstrip().startswith("["):
        return _list(json_text.parsed(text))
    return [item for line in _lines(text) for item in _dependency(line)]


def written_dependencies(items: Sequence[Any]) -> str:
    plain = [_plain(item) for item in items]
    return _written(
        plain, dependencies, lambda: "\n".join(_indented(_conditional(item)) for item in plain)
    )


def assignments(text: str) -> dict[str, str]:
    """`variable = CEL expression` per line."""
    if text.lstrip().startswith("{"):
        return _texts(json_text.parsed_object(text))
    found: dict[str, str] = {}
    for line in _lines(text):
        name, expression = _assignment(line)
        if name in found:
            raise Unreadable(_("“%(name)s” is set twice.") % {"name": name})
        found[name] = expression
    return found


def written_assignments(mapping: Mapping[str, Any]) -> str:
    return _written(
        mapping,
        assignments,
        lambda: "\n".join(_indented(f"{name} = {value}") for name, value in mapping.items()),
    )


def _written(value: Any, read: Callable[[str], Any], write: Callable[[], str]) -> str:
    """The short form if it reads back as the same value, else JSON."""
    try:
        text = write()
        if read(text) == value:
            return text
    except (TypeError, ValueError):
        pass
    return json_text.pretty(value)


def _lines(text: str) -> Iterator[str]:
    """Lines that hold something; an indented line goes on with the one before it."""
    joined = re.sub(r"\r\n?", "\n", text).strip()
    for line in re.split(r"\n(?![ \t])", joined):
        if line.strip():
            yield re.sub(r"\n(  |[ \t])", "\n", line).strip()


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _dependency(line: str) -> list[Any]:
    default = DEFAULT.fullmatch(line)
    if default is not None:
        return [{"task": _key(default[1]), "default": True}]
    conditional = CONDITIONAL.fullmatch(line)
    if conditional is None:
        return [_key(word) for word in words(line)]
    key, condition = conditional.groups()
    if not condition:
        raise Unreadable(_("“%(line)s”: the condition after “when” is missing.") % {"line": line})
    return [{"task": _key(key), "when": condition}]


def _key(word: str) -> str:
    if re.search(r"\s", word):
        raise Unreadable(
            _("“%(line)s”: write a task's key, or key when condition.") % {"line": word}
        )
    return word


def _plain(item: Any) -> Any:
    """{"task": key} without a condition and the bare key mean the same."""
    if isinstance(item, Mapping) and set(item) <= {"task", "when"} and not item.get("when"):
        return item.get("task", "")
    return item


def _conditional(item: Any) -> str:
    match item:
        case str():
            return item
        case {"task": key, "default": True}:
            return f"{key} otherwise"
        case {"task": key, "when": condition}:
            return f"{key} when {condition}"
    raise Unreadable(str(item))


def _assignment(line: str) -> tuple[str, str]:
    name, sign, expression = (part.strip() for part in line.partition("="))
    if not (name and sign and expression) or expression.startswith("=") or re.search(r"\s", name):
        raise Unreadable(_("“%(line)s”: write variable = expression.") % {"line": line})
    return name, expression


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(_("A list was expected: […]."))
    if not all(isinstance(item, str) or _is_dependency(item) for item in value):
        raise Unreadable(_("Each entry is a key, or an object with task and when."))
    return value


def _is_dependency(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("task"), str)


def _list_of_text(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unreadable(_("A list of words was expected."))
    return value


def _texts(mapping: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in mapping.values()):
        raise Unreadable(_("Each variable needs an expression in quotes."))
    return mapping
