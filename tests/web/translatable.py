"""Every text in the source that is marked for translation, found without GNU gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.translation.template import templatize

PACKAGES = ("agents", "config", "workflows")
PARTS = {"gettext": 1, "pgettext": 2, "ngettext": 2, "npgettext": 3}  # leading texts of a call
MARKS = {name + end: name for name in PARTS for end in ("", "_lazy", "_noop")}
LITERAL = r"""u?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
IN_TEMPLATE = re.compile(rf"\b(_|n?p?gettext)\(({LITERAL}(?:, ?{LITERAL})*)", re.DOTALL)
Reader = Callable[[str], Iterator[tuple[int, "Text"]]]


class Text(NamedTuple):
    """A text as the catalogue knows it; `plural` is empty when it has none."""

    context: str
    singular: str
    plural: str


def texts() -> Iterator[tuple[str, Text]]:
    """Each marked text, after the file and line that it stands in: "workflows/apps.py:9"."""
    for package in PACKAGES:
        yield from _found(settings.BASE_DIR / package, "*.py", in_python)
    yield from _found(settings.BASE_DIR / "templates", "*.html", in_template)


def in_python(source: str) -> Iterator[tuple[int, Text]]:
    """Lines and texts of a module, whatever names it imports gettext's functions under."""
    tree = ast.parse(source)
    marks = MARKS | _renamed(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        mark = marks.get(str(called))
        said = [_constant(argument) for argument in node.args[: PARTS[mark]]] if mark else []
        if mark and all(said):
            yield node.lineno, _text(mark, said)


def in_template(source: str) -> Iterator[tuple[int, Text]]:
    """Lines and texts of a template, as Django's own makemessages reads it."""
    code = templatize(source)
    for call in IN_TEMPLATE.finditer(code):
        said = ast.literal_eval(f"[{call[2]}]")
        yield code.count("\n", 0, call.start()) + 1, _text(call[1].replace("_", "gettext"), said)


def _found(folder: Path, pattern: str, reader: Reader) -> Iterator[tuple[str, Text]]:
    for path in sorted(folder.rglob(pattern)):
        for line, text in reader(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(settings.BASE_DIR)}:{line}", text


def _renamed(tree: ast.Module) -> dict[str, str]:
    """The names that imports give to gettext's functions: {"_": "gettext"}."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    named = (name for node in imports for name in node.names)
    return {one.asname or one.name: MARKS[one.name] for one in named if one.name in MARKS}


def _constant(argument: ast.expr) -> str:
    """The text of a literal; none of a name, which is marked where its text is written."""
    return str(argument.value) if isinstance(argument, ast.Constant) else ""


def _text(mark: str, said: list[str]) -> Text:
    context = said.pop(0) if "p" in mark else ""
    return Text(context, said[0], said[1] if mark.startswith("n") else "")
