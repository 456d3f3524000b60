"""What the benchmark says of a figure: the goal and whether it is met."""

from __future__ import annotations

import pytest

from config.bench import goals


def figure(key: str) -> goals.Figure:
    return next(figure for figure in goals.FIGURES if figure.key == key)


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("cluster_ratio", 1.5, "met"),
        ("cluster_ratio", 1.49, "MISSED"),
        ("resume_s", 1.5, "met"),
        ("resume_s", 1.51, "MISSED"),
        ("load_before", 9.0, ""),
    ],
)
def test_a_figure_is_shown_with_its_goal_and_whether_it_is_met(
    key: str, value: float, verdict: str
) -> None:
    line = figure(key).line(value)
    assert line.endswith(verdict)
    assert ("met" in line or "MISSED" in line) == bool(verdict)


def test_only_what_was_measured_is_shown_in_the_order_of_the_list() -> None:
    shown = goals.lines({"load_after": 1.0, "floor_commit": 8444.4})
    assert [line.split("  ")[0] for line in shown] == [
        figure("floor_commit").name,
        figure("load_after").name,
    ]
    assert "8,444 /s" in shown[0]
