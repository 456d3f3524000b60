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
from tests.web.translatable import Text, in_python, in_template, texts

FOLDER = settings.LOCALE_PATHS[0] / "zh_Hans" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-z]")
ENTRY = re.compile(
    r"""(?P<flags>(?:^\#,.*\n)*)
    (?:^msgctxt\ (?P<msgctxt>(?:".*"\n)+))?
    ^msgid\ (?P<msgid>(?:".*"\n)+)
    (?:^msgid_plural\ (?P<msgid_plural>(?:".*"\n)+))?
    ^msgstr(?:\[0\])?\ (?P<msgstr>(?:".*"\n)+)""",
    re.MULTILINE | re.VERBOSE,
)
MODULE = """
from django.utils.translation import gettext as _now, gettext_lazy as _, ngettext_lazy
from django.utils import translation

LABELS = (_("One " "text"), translation.pgettext_lazy("a context", "Start"))


def said(count, known):
    return _now("Told."), ngettext_lazy("%(n)d row", "%(n)d rows"), _now(known), unknown("No")
"""
TEMPLATE = """{% load i18n %}
{% translate "Home" %} {% translate 'It’s "new"' context "a page" as label %}
{{ who|default:_("system") }}
{% blocktranslate with n=one.pk %}Row {{ n }} (100%){% endblocktranslate %}{# _("No") #}
{% blocktranslate count n=rows %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %} gettext
"""


def entries() -> list[dict[str, str]]:
    """The entries of the .po, without its header: {"msgid": …, "msgstr": …, "flags": …}."""
    source = (FOLDER / "django.po").read_text(encoding="utf-8")
    found = [{"flags": one["flags"], **_read(one)} for one in ENTRY.finditer(source)]
    assert len(found) == len(re.findall(r"^msgid ", source, re.MULTILINE)), "an entry is malformed"
    return found[1:]


def _read(entry: re.Match[str]) -> dict[str, str]:
    fields = entry.groupdict()
    del fields["flags"]
    return {name: ast.literal_eval(f"({text})") for name, text in fields.items() if text}


def keys() -> dict[tuple[str, str], dict[str, str]]:
    """The entries by context and text."""
    return {(one.get("msgctxt", ""), one["msgid"]): one for one in entries()}


def test_every_text_of_the_source_is_in_the_catalogue() -> None:
    found, known = dict[Text, str](), keys()
    for place, text in texts():
        found.setdefault(text, place)
    assert len(found) > 700
    missing = [
        f"{place}: {text.singular}"
        for text, place in found.items()
        if (text.context, text.singular) not in known
    ]
    assert missing == []


def test_a_text_with_a_plural_has_it_in_the_catalogue_too() -> None:
    known = keys()
    counted = [text for _place, text in texts() if text.plural]
    assert len(counted) > 10
    for text in counted:
        assert known[text.context, text.singular].get("msgid_plural") == text.plural


def test_texts_are_found_in_a_module_under_any_name_that_gettext_is_imported_by() -> None:
    assert [text for _line, text in sorted(in_python(MODULE))] == [
        Text("", "One text", ""),
        Text("a context", "Start", ""),
        Text("", "%(n)d row", "%(n)d rows"),
        Text("", "Told.", ""),
    ]


def test_texts_are_found_in_tags_filters_and_blocks_of_a_template() -> None:
    assert list(in_template(TEMPLATE)) == [
        (2, Text("", "Home", "")),
        (2, Text("a page", 'It’s "new"', "")),
        (3, Text("", "system", "")),
        (4, Text("", "Row %(n)s (100%%)", "")),
        (5, Text("", "%(n)s row", "%(n)s rows")),
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
        assert bool(wanted) == ("python-format" in one["flags"]), one["msgid"]


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for one in entries():
        plural = one.get("msgid_plural")
        key = "\x04".join((one.get("msgctxt", ""), one["msgid"])).lstrip("\x04")
        said = compiled.ngettext(key, plural, 1) if plural else compiled.gettext(key)
        assert said == one["msgstr"]


@pytest.mark.django_db(transaction=True)
def test_the_language_cookie_turns_the_desk_chinese(operator: Client) -> None:
    assert "执行" not in page(operator, "/")
    operator.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    text = page(operator, "/")
    assert '<html lang="zh-hans"' in text
    assert "执行" in text
