from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows import json_text
from workflows.admin import wording

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEY = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]*", fullmatch=True)
DEPENDENCY = (
    KEY
    | TEXT
    | st.fixed_dictionaries({"task": KEY | TEXT, "when": TEXT.filter(bool)})
    | st.fixed_dictionaries(
        {"task": KEY, "order": st.integers()},
        optional={"when": TEXT, "default": st.booleans(), "name": TEXT},
    )
)


@settings(deadline=None)
@given(st.lists(TEXT))
def test_any_list_of_words_survives_the_text_field(items: list[str]) -> None:
    assert wording.words(wording.written_words(items)) == items


@settings(deadline=None)
@given(st.lists(DEPENDENCY))
def test_any_dependencies_survive_the_text_field(items: list[Any]) -> None:
    assert wording.dependencies(wording.written_dependencies(items)) == items


@settings(deadline=None)
@given(st.dictionaries(TEXT, TEXT))
def test_any_output_mapping_survives_the_text_field(mapping: dict[str, str]) -> None:
    assert wording.assignments(wording.written_assignments(mapping)) == mapping


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"task": KEY, "when": KEY}) | KEY))
def test_plain_dependencies_are_written_as_lines_not_as_json(items: list[Any]) -> None:
    text = wording.written_dependencies(items)
    assert not text.startswith("[") or not items


def test_a_dependency_is_a_key_or_a_key_with_a_condition() -> None:
    text = "validate_order\r\ncheck_inventory when total_amount > approval_limit\n\na, b"
    assert wording.dependencies(text) == [
        "validate_order",
        {"task": "check_inventory", "when": "total_amount > approval_limit"},
        "a",
        "b",
    ]


def test_an_indented_line_goes_on_with_the_condition_above() -> None:
    items = ["a", {"task": "b", "when": 'total > 5\n&& country == "DE"'}]
    text = wording.written_dependencies(items)
    assert text == 'a\nb when total > 5\n  && country == "DE"'
    assert wording.dependencies(text) == items


def test_a_dependency_without_a_condition_is_written_as_its_key() -> None:
    assert wording.written_dependencies([{"task": "a", "when": ""}, {"task": "b"}]) == "a\nb"


@pytest.mark.parametrize("text", ["a b", "a when", "a if x > 1", '[{"when": "x"}]', "[1]", "[oops"])
def test_an_unclear_dependency_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        wording.dependencies(text)


@pytest.mark.parametrize("text", ["a", "= b", "a =", "a == b", "a b = c", "a = 1\na = 2"])
def test_an_unclear_assignment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        wording.assignments(text)


def test_words_stand_between_commas_of_any_script_once_each() -> None:
    assert wording.words(" email , sms，email,, push ") == ["email", "sms", "push"]


def test_a_json_error_says_where_it_is() -> None:
    with pytest.raises(json_text.Malformed, match=r"Line 3, column 3: .*near “\"b\": 2”"):
        json_text.parsed('{\n  "a": 1\n  "b": 2\n}')


@pytest.mark.parametrize(
    "text",
    [
        "[1]", '"text"', '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', '{"a": "\\u0000"}',
        '{"a": "\\ud800"}', '{"a": ' + "9" * 5000 + "}", '{"a": ' + "[" * 200 + "]" * 200 + "}",
        "[" * 100_000,
    ],
)  # fmt: skip
def test_json_that_cannot_be_stored_as_an_object_is_refused(text: str) -> None:
    with pytest.raises(json_text.Malformed):
        json_text.parsed_object(text)


@settings(deadline=None)
@given(st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT)))
def test_json_reads_back_what_is_shown(value: dict[str, Any]) -> None:
    assert json_text.parsed_object(json_text.pretty(value)) == json.loads(json.dumps(value))
