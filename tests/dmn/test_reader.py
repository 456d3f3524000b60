"""DMN files of every age and shape: what is read, what is named, what is turned away."""

from __future__ import annotations

import resource
import time

import pytest

from tests.dmn.making import DISH, decision, dmn, expression, table
from workflows.dmn.reader import Reading, key_of, read
from workflows.errors import UnreadableDecisions

AGES = (
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "https://www.omg.org/spec/DMN/20230324/MODEL/",
)
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="&c;"/>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="&a;"/>"""


def problems(*decisions: str) -> list[str]:
    return read(dmn(*decisions)).problems


@pytest.mark.parametrize("namespace", AGES)
def test_a_table_is_read_whatever_its_age(namespace: str) -> None:
    reading = read(dmn(decision("it", table([["< 5", "1"]])), namespace=namespace))
    assert reading.problems == []
    assert reading.decisions["it"]["rules"][0]["tests"][0]["text"] == "< 5"


def test_all_that_a_table_says_is_kept() -> None:
    reading = read(DISH)
    dish = reading.decisions["dish"]
    assert (reading.name, list(reading.decisions)) == ("Dinner", ["season", "dish"])
    assert (dish["hit_policy"], dish["requires"]) == ("F", ["season"])
    assert dish["names"] == ["desired dish", "Dish", "dish"]
    assert [(one["label"], one["type"]) for one in dish["outputs"]] == [
        ("Dish", "string"),
        ("Guests", "number"),
    ]
    assert dish["annotations"] == ["Why"]
    assert dish["rules"][0]["annotations"] == ["It is warm outside."]


def test_types_of_the_file_are_looked_up_with_the_values_that_they_allow() -> None:
    age = (
        '<dmn:itemDefinition name="tAge"><dmn:typeRef>tWhole</dmn:typeRef>'
        "<dmn:allowedValues><dmn:text>[0..150]</dmn:text></dmn:allowedValues></dmn:itemDefinition>"
        '<dmn:itemDefinition name="tWhole"><dmn:typeRef>feel:integer</dmn:typeRef>'
        "</dmn:itemDefinition>"
    )
    reading = read(dmn(age, decision("it", table([["> 5", "1"]], types=["tAge"]))))
    (column,) = reading.decisions["it"]["inputs"]
    assert (column["type"], column["allowed"]["text"]) == ("number", "[0..150]")


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (table([["-", "1"], ["duration(x)", "1"]]), "row 2, “X”, line 3: “duration(x)” cannot"),
        (table([['"a', "1"]]), 'row 1, “X”, line 2: “"a” cannot be translated.'),
        (table([["-", "sum(x)"]]), "row 1, “y”, line 2: “sum(x)” cannot be translated."),
        (table([["[1,2]", "1"]]), "A list in brackets is not translated"),
        (table([["0.12345678901234567", "1"]]), "has more than 15 digits"),
        (table([['"a"', "1"]], types=["number"]), "compares with text; the column holds a number"),
        (table([['date("2026-13-01")', "1"]]), "“2026-13-01” is no date"),
        (
            table([['date("2026-01-01")', "1"], ["5", "1"]]),
            "row 2, “X”, line 3: “5” compares with a number; the column holds a date",
        ),
        (table([["-", "1"]], types=["time"]), "“X”, line 2: Its type “time” is not known."),
        (table([["-", "1"]], inputs=["x[1]"]), "A filter, […], is not translated"),
        (table([["-", "1"]], policy="BEST"), "“BEST” is no hit policy"),
        (table([["-", "1"]], policy="COLLECT", aggregation="MEAN"), "“MEAN” is no aggregation"),
        (table([["-", "1"]], aggregation="SUM"), "Only the hit policy collect has"),
        (table([["-", "1"]], policy="PRIORITY"), "needs a list of output values"),
        (table([["-"]]), "The row has no output for it"),
        (table([["-", "1", "2"]]), "The row has more outputs than there are columns"),
        (table([["-", "1"]], outputs=["", ""]), "Each of its outputs needs a name of its own"),
        ("<dmn:context/>", "“context” is not carried out"),
        ("", "It says nothing: a decision table or a literal expression was expected"),
        (
            '<dmn:informationRequirement><dmn:requiredDecision href="#none"/>'
            "</dmn:informationRequirement>" + expression("1"),
            "It needs the decision “none”, which the file does not hold",
        ),
        (
            '<dmn:informationRequirement><dmn:requiredDecision href="urn:other#a"/>'
            "</dmn:informationRequirement>" + expression("1"),
            "which is in another file",
        ),
        (
            '<dmn:knowledgeRequirement><dmn:requiredKnowledge href="#b"/>'
            "</dmn:knowledgeRequirement>" + expression("1"),
            "It needs a business knowledge model",
        ),
        (
            '<dmn:literalExpression expressionLanguage="javascript"><dmn:text>1</dmn:text>'
            "</dmn:literalExpression>",
            "Its language “javascript” is not known",
        ),
        (expression("x" + " + 1" * 400), "longer than 1000 characters"),
        (expression("a ** 2"), "Powers are not translated"),
        (expression("(" * 60 + "1" + ")" * 60), "nested too deeply"),
    ],
)
def test_what_cannot_be_carried_out_is_named_with_its_place(inside: str, said: str) -> None:
    found = problems(decision("it", inside))
    assert said in " ".join(found)
    assert all(one.startswith("“It”, ") for one in found)


def test_decisions_that_need_each_other_in_a_circle_are_named() -> None:
    found = problems(
        decision("a", expression("1"), "b"), decision("b", expression("1"), "a"),
        decision("c", expression("1"), "a"),
    )  # fmt: skip
    assert [one.split(":")[0] for one in found] == [
        "“A”, It needs itself in the end",
        "“B”, It needs itself in the end",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "file is empty"),
        (b"no xml at all", "Line 1"),
        (b"<a><b></a>", "Line 1"),
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<a/>", "no “definitions” of DMN"),
        (b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "no “definitions”"),
        (dmn(), "holds no decision"),
        (dmn("<dmn:decision/>"), "a decision has no id"),
        (dmn(*[decision("a", expression("1"))] * 2), "More than one decision has the id a"),
        (dmn(*[decision(f"a{n}", expression("1")) for n in range(101)]), "100 is the most"),
        (
            dmn(decision("a", table([["1"] * 11] * 1000, inputs=["x"] * 10))),
            "more than 10000 cells",
        ),
        (b"<a>" * 20_000 + b"</a>" * 20_000, "Line 1"),
        (b" " * 50_000_000, "50000000 bytes"),
        (DISH.replace(b"UTF-8", b"UTF-99"), "encoding"),
    ],
    ids=range(15),
)
def test_a_hostile_file_ends_in_one_clear_error_soon(data: bytes, said: str) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(UnreadableDecisions, match=said):
        read(data)
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_ids_that_are_no_keys_are_written_as_keys() -> None:
    assert key_of("dish") == "dish"
    assert key_of("ünï 1") == "_xfc_n_xef__x20_1"
    assert key_of("1st") == "_1st"
    assert len(key_of("ü" * 90)) <= 100
    reading: Reading = read(dmn(decision("größe", expression("1"))))
    assert list(reading.decisions) == ["gr_xf6__xdf_e"]
