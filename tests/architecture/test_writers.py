"""There is one writer of states."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import workflows

PROJECT = Path(workflows.__file__).parent.parent
WRITER = "workflows/engine/transitions.py"
EXCEPTIONS = {
    "workflows/engine/approvals.py": "an approval's state is open or decided, not the machine's",
    "workflows/engine/breakers.py": "a breaker is closed, open or half-open, not the machine's",
    "workflows/engine/decisions.py": "an approval's state is open or decided, not the machine's",
    "workflows/views/timeline.py": "a bar of the time line, which is drawn and never stored",
}
WRITES = {
    "update",
    "create",
    "bulk_update",
    "update_or_create",
    "get_or_create",
    "setattr",
    "Task",
    "Execution",
}


def test_only_transitions_writes_a_state() -> None:
    found = {
        str(path.relative_to(PROJECT))
        for path in _modules()
        if any(_writes_state(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found - set(EXCEPTIONS) <= {WRITER}, "states are moved by transitions.move"
    assert set(EXCEPTIONS) <= found, "an exception that is none any more is taken off the list"


def test_the_check_itself_finds_every_way_to_write() -> None:
    for source in (
        "task.state = 'x'",
        "Task.objects.update(state='x')",
        "setattr(t, 'state', 1)",
        "Execution(state='x')",
        "x.save(update_fields=['state'])",
        "cursor.execute('UPDATE workflows_task SET state = 1')",
    ):
        assert any(_writes_state(node) for node in ast.walk(ast.parse(source))), source
    for source in (
        "Task.objects.filter(state='x')",
        "entry = Entry(new_state='x')",
        "a.state == 1",
    ):
        assert not any(_writes_state(node) for node in ast.walk(ast.parse(source))), source


def _modules() -> Iterator[Path]:
    for package in ("workflows", "agents"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def _writes_state(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return any(_is_state(target) for target in targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            return _is_state(target)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            return _is_writing_call(_name(function), arguments, keywords)
        case ast.Constant(value=str(text)):
            words = " ".join(text.lower().split())
            return "update workflows_" in words and " set state" in words
    return False


def _is_state(target: ast.AST) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "state"


def _is_writing_call(name: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> bool:
    if name == "setattr":
        return any(isinstance(one, ast.Constant) and one.value == "state" for one in arguments)
    if name == "save":
        return any("'state'" in ast.dump(keyword.value) for keyword in keywords)
    return name in WRITES and any(keyword.arg == "state" for keyword in keywords)


def _name(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
