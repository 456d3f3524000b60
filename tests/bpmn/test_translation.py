"""FEEL and JUEL in CEL: what is translated means the same, the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.bpmn import expressing, feel, juel
from workflows.bpmn.extension import CEL
from workflows.bpmn.terms import Untranslatable
from workflows.graph import expressions

SEEN: dict[str, Any] = {
    "amount": 1200,
    "price": 9.5,
    "status": "paid",
    "approved": True,
    "flag": "true",
    "none": None,
    "list": [1, 2, 3],
    "order": {"lines": [{"price": 40}, {"price": 7}], "id": "A-1", "in": 3},
    "output": 5,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("${approved}", True),
        ("#{!approved}", False),
        ("${not approved}", False),
        ("${amount > 1000 && status == 'paid'}", True),
        ("${amount gt 1000 and price le 9.5 or false}", True),
        ("${status ne 'paid'}", False),
        ("${flag == 'true'}", True),
        ("${approved == 'true'}", True),
        ("${approved != 'true'}", False),
        ("${amount == '1200'}", True),
        ("${empty none}", True),
        ("${empty list}", False),
        ("${!empty status}", True),
        ("${empty amount}", False),
        ("${none == null}", True),
        ("${order.lines[1].price}", 7),
        ("${order['id']}", "A-1"),
        ("${order.in}", 3),
        ("${approved ? 'yes' : 'no'}", "yes"),
        ("${amount + 1 - 2 * 3}", 1195),
        ("${(amount - 200) * 2}", 2000),
        ("${amount % 7 == 3}", True),
        ("${-amount < 0}", True),
        ("${status.equals('paid')}", True),
        ("${!order.id.equals('A-2') && amount.equals('1200')}", False),
        ("${output == 5}", True),
        ('${status == "it\'s"}', False),
    ],
)
def test_juel_means_the_same_in_cel(source: str, expected: Any) -> None:
    assert expressions.value(juel.to_cel(source), SEEN, {}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "${order.isPaid()}",
        "${order.equals(other)}",
        "${bean.check(order)}",
        "${fn(x)}",
        "${var:equals(x, 1)}",
        "${execution.id}",
        "${a + b}",
        "${'a' + 'b'}",
        "${a / 2}",
        "${a}${b}",
        "pay ${a}",
        "${}",
        "${a b}",
        "${99999999999999999999}",
        "${" + "(" * 60 + "a" + ")" * 60 + "}",
        "${a" + " " * 1_000 + "}",
        "${a = 1}",
    ],
)
def test_juel_that_cel_does_not_say_exactly_is_refused(source: str) -> None:
    with pytest.raises(Untranslatable):
        juel.to_cel(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("approved", True),
        ("not(approved)", False),
        ('amount > 1000 and status = "paid"', True),
        ("approved = false or amount != 1200", False),
        ("amount in [1..2000]", True),
        ("amount in (1200..2000]", False),
        ('status in ["open", "paid"]', True),
        ("amount between 1 and 1200", True),
        ("list contains(list, 4)", False),
        ("count(list) = 3", True),
        ("some line in order.lines satisfies line.price > 30", True),
        ("every line in order.lines satisfies line.price > 30", False),
        ('if approved then "yes" else "no"', "yes"),
        ("order.lines[1].price", 40),
        ('starts with(status, "pa") and ends with(status, "id")', True),
        ('contains(order.id, "-")', True),
        ("missing = null", True),
        ("missing != null", False),
        ("none = null", True),
        ("order.missing.deeper = null", True),
        ("order.id != null", True),
        ("amount + 1", 1201),
        ('"no " + status', "no paid"),
        ("-amount", -1200),
        ('{a: 1, "b c": [true, null]}', {"a": 1, "b c": [True, None]}),
        ("output", 5),
    ],
)
def test_feel_means_the_same_in_cel(source: str, expected: Any) -> None:
    assert expressions.value(feel.to_cel(source), SEEN, {}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "amount / 2",
        "2 ** 3",
        "price + amount",
        "0.1 + x",
        "order total > 5",
        "now()",
        'date("2030-01-31")',
        "list[item > 2]",
        "list[-1]",
        "x in (1, 2)",
        "for i in list return i",
        "null = null",
        "approved approved",
        "",
        "some if in list satisfies if",
        "“x”",
    ],
)
def test_feel_that_cel_does_not_say_exactly_is_refused(source: str) -> None:
    with pytest.raises(Untranslatable):
        feel.to_cel(source)


def test_the_language_is_what_the_file_names_or_the_signs_show() -> None:
    assert expressing.translated("a && b", CEL) == "a && b"
    assert expressing.translated("= a and b") == "a && b"
    assert (
        expressing.translated("a and b", "https://www.omg.org/spec/DMN/20191111/FEEL/") == "a && b"
    )
    assert expressing.translated("${a and b}", "http://www.w3.org/1999/XPath") == "a && b"
    for text, language in (("a and b", ""), ("a && b", "text/javascript"), ("true", "groovy")):
        with pytest.raises(Untranslatable):
            expressing.translated(text, language)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abx12.5\"'<>=!&|?:()[]{},+-*/% \\nulltrueempty", max_size=40))
def test_whatever_is_translated_can_be_compiled(text: str) -> None:
    for source in (lambda: feel.to_cel(text), lambda: juel.to_cel(f"${{{text}}}")):
        try:
            found = source()
        except Untranslatable:
            continue
        expressions.compiled(found)
