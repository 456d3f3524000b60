"""Decision tables against an oracle that a reader can check by eye, and what they refuse."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dmn.making import DISH, decision, dmn, expression, table
from workflows.dmn.reader import read
from workflows.errors import DecisionFailed
from workflows.graph import decisions

POLICIES = {
    "UNIQUE": "U", "FIRST": "F", "ANY": "A", "PRIORITY": "P", "RULE ORDER": "R",
    "OUTPUT ORDER": "O", "COLLECT": "C",
}  # fmt: skip
RANKS = ["high", "middle", "low"]
Row = tuple[int, int, str]

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(RANKS)), max_size=6)


def made(*given: str, **variables: Any) -> decisions.Outcome:
    """The last decision of a file, made."""
    reading = read(dmn(*given))
    assert reading.problems == []
    return decisions.evaluate(
        decisions.in_order(reading.decisions, list(reading.decisions)[-1]), variables
    )[-1]


def tabled(texts: Any, **fields: Any) -> str:
    return decision("it", table(texts, **fields))


def oracle(policy: str, hits: list[tuple[int, str]]) -> Any:
    """DMN 1.3, 8.2.11, for a table with one output; "refused" where the standard allows none."""
    values = [value for _, value in hits]
    if not hits:
        return None
    match policy:
        case "UNIQUE":
            return values[0] if len(hits) == 1 else "refused"
        case "FIRST":
            return values[0]
        case "ANY":
            return values[0] if len(set(values)) == 1 else "refused"
        case "PRIORITY":
            return min(values, key=RANKS.index)
        case "OUTPUT ORDER":
            return sorted(values, key=RANKS.index)
    return values


@given(rows, st.integers(0, 9), st.sampled_from(list(POLICIES)))
def test_every_hit_policy_gives_what_the_standard_says(
    found: list[Row], x: int, policy: str
) -> None:
    texts = [[f"[{low}..{high}]", f'"{value}"'] for low, high, value in found]
    hits = [(place, value) for place, (low, high, value) in enumerate(found) if low <= x <= high]
    expected = oracle(policy, hits)
    ranked = ", ".join(f'"{one}"' for one in RANKS)
    source = tabled(texts, policy=policy, values=ranked)
    if expected == "refused":
        with pytest.raises(DecisionFailed, match=r"Rows \d, \d.* hit"):
            made(source, x=x)
        return
    outcome = made(source, x=x)
    assert outcome.result == expected
    seen = hits[:1] if policy == "FIRST" else hits
    assert outcome.hits == tuple(place + 1 for place, _ in seen)
    assert set(outcome.chosen) <= set(outcome.hits)


@given(
    st.lists(st.integers(-50, 50) | st.sampled_from([0.1, 0.2, 2.5]), max_size=5),
    st.sampled_from(["SUM", "MIN", "MAX", "COUNT"]),
)
def test_collected_numbers_are_added_compared_or_counted(
    numbers: list[float], aggregation: str
) -> None:
    source = tabled([["-", str(one)] for one in numbers], policy="COLLECT", aggregation=aggregation)
    expected: Any = None
    if numbers:
        tenths = sum(round(one * 10) for one in numbers)
        expected = {
            "SUM": tenths / 10, "MIN": min(numbers), "MAX": max(numbers), "COUNT": len(numbers),
        }[aggregation]  # fmt: skip
    assert made(source, x=0).result == expected


@given(
    st.integers(-5, 5), st.integers(-5, 5), st.floats(-6, 6), st.sampled_from("[(]"),
    st.sampled_from("])["),
)  # fmt: skip
def test_an_interval_holds_what_lies_in_it(
    low: int, high: int, x: float, opening: str, closing: str
) -> None:
    above = x >= low if opening == "[" else x > low
    below = x <= high if closing == "]" else x < high
    text = f"{opening}{low}..{high}{closing}"
    assert bool(made(tabled([[text, "1"]]), x=x).hits) == (above and below)
    assert bool(made(tabled([[f"not({text})", "1"]]), x=x).hits) != (above and below)


@pytest.mark.parametrize(
    ("cell", "hitting", "missing"),
    [
        ("-", [None, 5, "a"], []),
        ("", [None, 5], []),
        ("5", [5, 5.0], [6, "5", None, True]),
        ("-5.5", [-5.5], [5.5]),
        ("< 5", [4, 4.9], [5, None]),
        (">= 5", [5, 7], [4.9, None]),
        ("1, 2, [5..6]", [1, 2, 5.5], [3, None]),
        ('"a", "b"', ["a", "b"], ["c", "A", None, 1]),
        ('not("a", "b")', ["c", "", None], ["a", "b"]),
        ("not(< 5)", [5, 6], [4, None]),
        ("true", [True], [False, None, 1, "true"]),
        ("null", [None], [0, "", False]),
        ("not(null)", [0, ""], [None]),
        ('"a \\"b\\" \\u00e9 ]"', ['a "b" é ]'], ["a"]),
        ("< limit", [1], [10, None]),
        ("known", ["a", "b"], ["c"]),
        ("deep.inner", [3], [4]),
        ("Upper limit", [7], [8]),
    ],
)
def test_a_cell_lets_through_what_feel_says(
    cell: str, hitting: list[Any], missing: list[Any]
) -> None:
    upper = '<dmn:inputData id="u" name="Upper limit"/>'
    around = {"limit": 10, "known": ["a", "b"], "deep": {"inner": 3}, "Upper limit": 7}
    source = upper + tabled([[cell, "1"]])
    assert [x for x in hitting if not made(source, x=x, **around).hits] == []
    assert [x for x in missing if made(source, x=x, **around).hits] == []


@pytest.mark.parametrize(
    ("kind", "cell", "hitting", "missing"),
    [
        ("date", 'date("2026-02-28")', ["2026-02-28"], ["2026-03-01", None]),
        ("", '< date("2026-02-28")', ["0999-01-01", "2026-02-27"], ["2026-02-28"]),
        ("", '[date("2026-01-01")..date("2026-01-31")]', ["2026-01-31"], ["2026-02-01"]),
        (
            "dateTime",
            '> date and time("2026-01-01T12:00:00+02:00")',
            ["2026-01-01T10:00:01Z", "2026-01-01T06:00:00-05:00"],
            ["2026-01-01T10:00:00Z"],
        ),
        ("dateTime", '<= date and time("2026-01-01T12:00:00")', ["2026-01-01T12:00:00"], []),
    ],
)
def test_dates_are_compared_as_dates(
    kind: str, cell: str, hitting: list[Any], missing: list[Any]
) -> None:
    source = tabled([[cell, "1"]], types=[kind])
    assert [x for x in hitting if not made(source, x=x).hits] == []
    assert [x for x in missing if made(source, x=x).hits] == []


@pytest.mark.parametrize(
    ("source", "variables", "said"),
    [
        (tabled([["1", "1"], ["< 5", "2"]]), {"x": 1}, "“It”: Rows 1, 2 hit; of a table"),
        (tabled([["1", "1"], ["< 5", "2"]], policy="ANY"), {"x": 1}, "do not give the same"),
        (tabled([["< 5", "1"]]), {"x": "a"}, 'row 1, “X”: “< 5” cannot be compared with "a"'),
        (tabled([["< 5", "1"]]), {}, "“X”: there is no variable 'x'"),
        (tabled([["< n", "1"]]), {"x": 1}, "row 1, “X”: there is no variable 'n'"),
        (tabled([["-", "1"]], types=["number"]), {"x": "1"}, '“X” is "1"; a number was expected'),
        (tabled([["-", "1"]], types=["string"]), {"x": 1}, "“X” is 1; text was expected"),
        (tabled([["-", "1"]], types=["boolean"]), {"x": 1}, "true or false was expected"),
        (tabled([["-", "1"]], types=["date"]), {"x": "1/2/26"}, "a date such as 2030-01-31"),
        (
            tabled([['< date and time("2026-01-01T00:00:00Z")', "1"]]),
            {"x": "2026-01-01T00:00:00"},
            "a date and time with a zone was expected",
        ),
        (tabled([["-", "1"]], allowed="[0..9]"), {"x": 10}, "“X” is 10; [0..9] was expected"),
        (
            tabled([["-", "x + 1"]]),
            {"x": "a"},
            "row 1, “y”: “x + 1”: 'a' is no number",
        ),
        (tabled([["-", '"a"']], output_type="number"), {"x": 1}, 'row 1, “y” is "a"; a number'),
        (
            tabled([["-", '"a"']], policy="COLLECT", aggregation="SUM"),
            {"x": 1},
            'row 1 gives "a"; a number was expected',
        ),
        (
            tabled([["-", "3"]], policy="PRIORITY", values="1, 2"),
            {"x": 1},
            "3 is not in its list of output values",
        ),
    ],
)
def test_what_cannot_be_decided_says_which_row_and_column(
    source: str, variables: dict[str, Any], said: str
) -> None:
    with pytest.raises(DecisionFailed) as refused:
        made(source, **variables)
    assert said in str(refused.value)


def test_no_hit_gives_null_or_what_the_outputs_say_for_it() -> None:
    assert made(tabled([["1", "1"]]), x=2).result is None
    assert made(tabled([["1", "1"]], default='"none"'), x=2).result == "none"
    assert made(tabled([["1", "1"]], policy="COLLECT"), x=2).result is None
    two = tabled([["1", "1", "2"]], outputs=["a", "b"], default="0")
    assert made(two, x=2).result == {"a": 0, "b": 0}
    assert made(two, x=1).result == {"a": 1, "b": 2}


def test_a_decision_sees_what_the_decisions_before_it_gave() -> None:
    reading = read(DISH)
    order = decisions.in_order(reading.decisions, "dish")
    season, dish = decisions.evaluate(order, {"Temperature today": 15, "day type": "Weekday"})
    assert (season.result, season.hits) == ("Spring", (2,))
    assert (dish.result, dish.inputs) == ({"dish": "Steak", "guests": 2}, ("Spring", "Weekday"))


def test_expressions_mean_what_feel_says() -> None:
    base = decision("base", expression("if amount > 100 then amount * 2 else 0 - 1"))
    total = decision("total", expression("base + 1"), "base")
    assert made(base, total, amount=200).result == 401
    assert made(base, total, amount=1).result == 0
    assert made(decision("text", expression('name + "!"')), name="Ada").result == "Ada!"
    logic = decision("it", expression("not(a) or b and c"))
    assert made(logic, a=True, b=True, c=False).result is False
    assert made(decision("day", expression('date("2026-01-31")'))).result == "2026-01-31"
    assert made(decision("number", expression("1e2"))).result == 100


def test_a_price_times_a_hundred_is_exact() -> None:
    source = decision("it", expression("price * 100"))
    assert [made(source, price=one).result for one in (4, 4.35)] == [400, 435]


def test_what_is_not_true_chooses_the_other() -> None:
    source = decision("it", expression("if x then 1 else 2"))
    assert [made(source, x=one).result for one in (True, False, None)] == [1, 2, 2]


@pytest.mark.parametrize("when", ["2030-01-31T09:00:00Z", "2030-01-31T09:00:00.5+01:35"])
def test_a_moment_is_given_as_it_was_written(when: str) -> None:
    assert made(decision("it", expression(f'date and time("{when}")'))).result == when


def test_a_table_written_in_cel_is_evaluated_as_cel() -> None:
    source = dmn(
        tabled([["input > vars.low && input % 2 == 0", "size(names)"]]),
        more='expressionLanguage="https://github.com/google/cel-spec"',
    )
    reading = read(source)
    (outcome,) = decisions.evaluate([reading.decisions["it"]], {"x": 4, "low": 1, "names": ["a"]})
    assert outcome.result == 1


def test_variables_are_left_as_they_were() -> None:
    variables = {"x": 1, "deep": {"n": [1, 2]}}
    made(tabled([["< 5", "deep"]]), **variables)
    assert list(itertools.chain(variables["deep"]["n"])) == [1, 2]  # type: ignore[index]
    assert made(tabled([["< 5", "deep"]]), **variables).result == {"n": [1, 2]}


@pytest.mark.parametrize("when", ["2030-01-31T09:00:00", "2030-01-31T09:00:00+01:00", None])
def test_a_moment_that_nothing_is_compared_with_may_have_a_zone(when: str | None) -> None:
    """FEEL has one type for both: date and time."""
    given = tabled([["-", "w"]], inputs=["w"], types=["dateTime"], output_type="date and time")
    assert made(given, w=when).result == when


def test_a_moment_is_no_other_text() -> None:
    with pytest.raises(DecisionFailed, match=r"“W” is \"soon\"; a date and time was expected"):
        made(tabled([["-", "1"]], inputs=["w"], types=["dateTime"]), w="soon")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a * 3", 0.3),
        ("12 * m", 1200.6),
        ("a + b", 0.3),
        ("b - a * 2", 0),
        ("1 / 3", 0.3333333333333333),
        ("m / 0", None),
        ("a + none", None),
        ("-a * 3", -0.3),
        ("n * 2", 14),
        ('"No. " + s + "!"', "No. x!"),
        ("s + s", "xx"),
    ],
)
def test_feel_calculates_with_decimals(text: str, result: Any) -> None:
    values = {"a": 0.1, "b": 0.2, "m": 100.05, "n": 7, "s": "x", "none": None}
    assert made(decision("it", expression(text)), **values).result == result


def test_what_is_no_number_is_not_calculated_with() -> None:
    with pytest.raises(DecisionFailed, match="'x' is no number"):
        made(decision("it", expression("s * 2")), s="x")
