"""The Simplified Chinese catalogue is whole, and its compiled form is what the pages show."""

from __future__ import annotations

import ast
import gettext
import re
from collections import Counter

import pytest
from django.conf import settings
from django.test import Client

from tests.web.conftest import page

FOLDER = settings.LOCALE_PATHS[0] / "zh_Hans" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-z]")
FIELD = re.compile(r'^(msg\w+)(?:\[0\])? ((?:".*"\n?)+)', re.MULTILINE)


def entries() -> list[dict[str, str]]:
    """The entries of the .po, without its header: {"msgid": …, "msgstr": …}."""
    blocks = (FOLDER / "django.po").read_text(encoding="utf-8").strip().split("\n\n")
    return [
        {name: ast.literal_eval(f"({text})") for name, text in FIELD.findall(block)}
        for block in blocks[1:]
    ]


def test_every_text_is_translated_and_none_is_fuzzy() -> None:
    found = entries()
    assert len(found) > 500
    assert [one["msgid"] for one in found if not one["msgstr"].strip()] == []
    flags = re.findall(r"^#,.*", (FOLDER / "django.po").read_text(encoding="utf-8"), re.MULTILINE)
    assert not [line for line in flags if "fuzzy" in line]


def test_placeholders_are_the_same_on_both_sides() -> None:
    for one in entries():
        original = one.get("msgid_plural", one["msgid"])
        wanted, given = (Counter(PLACEHOLDER.findall(x)) for x in (original, one["msgstr"]))
        assert wanted == given, one["msgid"]


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for one in entries():
        plural = one.get("msgid_plural")
        said = compiled.ngettext(one["msgid"], plural, 1) if plural else None
        assert (said or compiled.gettext(one["msgid"])) == one["msgstr"]


@pytest.mark.django_db(transaction=True)
def test_the_language_cookie_turns_the_desk_chinese(operator: Client) -> None:
    assert "执行" not in page(operator, "/")
    operator.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    text = page(operator, "/")
    assert '<html lang="zh-hans"' in text
    assert "执行" in text
