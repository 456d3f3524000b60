from __future__ import annotations

import datetime

import pytest

from agents import tools
from agents.executors import Done, Failed, InDoubt, is_repeatable, run


@pytest.fixture
def tool(monkeypatch):
    """Register a function as the tool “test.tool” for the length of a test."""
    monkeypatch.setattr(tools, "_registered", dict(tools._registered))
    return tools.tool("test.tool")


def outcome_of(call, **given):
    return run("python", call({"tool": "test.tool"}, **given))


def test_a_tool_gets_its_input_and_its_call(tool, call):
    @tool
    def greet(input, call):
        return {"text": f"{input['name']} {call.attempt}", "pair": (1, 2)}

    assert outcome_of(call, input={"name": "Ada"}, attempt=3) == Done(
        {"text": "Ada 3", "pair": [1, 2]}
    )


def test_a_tool_tells_its_failure_in_its_own_words(tool, call):
    @tool
    def refuse(input, call):
        raise tools.ToolFailure("Two things are wrong.", details={"problems": ["a", "b"]})

    assert outcome_of(call) == Failed(
        "Two things are wrong.", "tool_failure", False, {"problems": ["a", "b"]}, is_answer=True
    )


def test_a_crash_is_a_failure_worth_another_try(tool, call):
    @tool
    def crash(input, call):
        return {"x": 1 / 0}

    assert outcome_of(call) == Failed("ZeroDivisionError: division by zero", "ZeroDivisionError")


@pytest.mark.parametrize("ends", ["crash", "leave", "text", "set"])
def test_a_tool_that_must_not_run_twice_is_in_doubt_when_its_end_is_unclear(
    monkeypatch, call, ends
):
    monkeypatch.setattr(tools, "_registered", dict(tools._registered))

    @tools.tool("test.tool", idempotent=False)
    def charge(input, call):
        match ends:
            case "crash":
                raise ConnectionError("gone")
            case "leave":
                raise SystemExit(3)
        return {"text": "done", "set": {"x": {1}}}[ends]

    outcome = outcome_of(call)
    assert isinstance(outcome, InDoubt)
    assert {"crash": "gone", "leave": "3", "text": "str", "set": "JSON"}[ends] in outcome.message


def test_what_such_a_tool_says_itself_holds(monkeypatch, call):
    monkeypatch.setattr(tools, "_registered", dict(tools._registered))

    @tools.tool("test.tool", idempotent=False)
    def refuse(input, call):
        raise tools.ToolFailure("Busy.", retryable=True, kind="busy")

    assert outcome_of(call) == Failed("Busy.", "busy", True)


def test_tools_may_run_twice_unless_they_say_otherwise(tool):
    tool(lambda input, call: {})
    assert is_repeatable("python", {"tool": "test.tool"})
    assert is_repeatable("python", {"tool": "test.nowhere"})
    tools._registered.pop("test.tool")
    tools.tool("test.tool", idempotent=False)(lambda input, call: {})
    assert not is_repeatable("python", {"tool": "test.tool"})


def test_a_tool_cannot_end_the_worker(tool, call):
    @tool
    def leave(input, call):
        raise SystemExit(3)

    assert isinstance(outcome_of(call), Failed)


@pytest.mark.parametrize("result", [None, [1], "text", 3])
def test_a_result_must_be_an_object(tool, call, result):
    tool(lambda input, call: result)
    outcome = outcome_of(call)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert type(result).__name__ in outcome.message


def circular() -> dict:
    ring: dict = {}
    ring["again"] = ring
    return ring


@pytest.mark.parametrize(
    "value", [datetime.date(2026, 1, 1), float("nan"), {1, 2}, circular()], ids=repr
)
def test_a_result_must_be_json(tool, call, value):
    tool(lambda input, call: {"value": value})
    outcome = outcome_of(call)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == ("invalid_output", False)


def test_a_huge_result_keeps_its_beginning(tool, call):
    tool(lambda input, call: {"log": "\x00\x1b[31m" * 10_000_000})
    outcome = outcome_of(call)
    assert isinstance(outcome, Done)
    assert outcome.output["truncated"] is True
    assert len(outcome.output["text"]) <= 256 * 1024


def test_an_unknown_tool_is_named(call):
    outcome = run("python", call({"tool": "no.such"}))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "no.such" in outcome.message


def test_an_unknown_kind_is_named(call):
    outcome = run("telepathy", call())
    assert isinstance(outcome, Failed)
    assert "telepathy" in outcome.message


def test_a_configuration_of_the_wrong_shape_does_not_raise(call):
    assert isinstance(run("http", call({"url": "http://127.0.0.1/", "headers": [1]})), Failed)


def test_two_functions_cannot_be_one_tool(tool):
    tool(lambda input, call: {})
    with pytest.raises(ValueError, match=r"test\.tool"):
        tool(lambda input, call: {})


def test_registered_tools_are_listed(tool):
    tool(lambda input, call: {})
    assert "test.tool" in tools.names()
    assert tools.get("test.tool").inline is False
