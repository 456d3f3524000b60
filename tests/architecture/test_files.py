"""Files have one subject: they are short, and named by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import workflows

PROJECT = Path(workflows.__file__).parent.parent
LONGEST = 400  # lines
DRAWERS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "services",
    "service",
    "managers",
    "manager",
    "misc",
    "core",
    "tools_common",
    "mixins",
    "constants",
}
PACKAGES = ("config", "workflows", "agents", "tests")


def _files(*suffixes: str) -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*")):
            if path.suffix in suffixes and "migrations" not in path.parts:
                yield path


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        str(path.relative_to(PROJECT)): count
        for path in _files(".py", ".sql", ".html")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_nothing_is_named_like_a_drawer() -> None:
    assert [path for path in _files(".py") if DRAWERS & {path.stem, *path.parent.parts[-1:]}] == []


@pytest.mark.parametrize("package", PACKAGES[:3])
def test_nothing_is_left_to_do_later(package: str) -> None:
    for path in (PROJECT / package).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("TODO", "FIXME", "XXX")), path


def test_no_style_of_the_whole_page_hangs_on_what_is_in_it() -> None:
    """With `.shell:has(…)` each element that is added, anywhere, has the whole page styled anew."""
    frames = re.compile(
        r"(?:^|[\s,])(?:html|body|main|\.shell|\.page|:root)[^\s,{]*:has\(", re.MULTILINE
    )
    styles = (PROJECT / "static" / "src").rglob("*.css")
    assert [path for path in styles if frames.search(path.read_text(encoding="utf-8"))] == []
