"""What the diagram in the browser asks for: a version's document, and the overlay."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from agents import runner
from tests.factories import default, human, make_agent, make_user, node, register, start, step, when
from tests.web.conftest import completed, failed, fragment, ran, waiting
from workflows import engine
from workflows.engine import hindsight, overlay
from workflows.models import Approval, Execution

pytestmark = pytest.mark.django_db(transaction=True)


def told(client: Client, execution: Execution, at: int | None = None) -> dict[str, Any]:
    moment = f"{at}/" if at is not None else ""
    answer = client.get(f"/executions/{execution.pk}/overlay/{moment}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {element: one["state"] for element, one in found["nodes"].items()}


def with_tokens() -> Execution:
    """Twice around a loop, then a sub-process with a fork in which a person is asked."""
    make_agent()
    return ran(
        start(
            node("begin", "start"),
            step(
                "write", "begin", when("good", "n < 3"), join="one", output_mapping={"n": "n + 1"}
            ),
            node("good", "exclusive", "write"),
            node("inside", "scope", default("good")),
            step("a", parent="inside"),
            node("both", "parallel", "a", parent="inside"),
            human("ask", "both") | {"parent": "inside"},
            step("b", "both", parent="inside"),
            node("meet", "parallel", "ask", "b", parent="inside"),
            node(
                "late", "boundary", attached_to="inside", event={"type": "timer", "duration": "P1D"}
            ),
            step("remind", "late"),
            node("done", "end", "inside", "remind"),
            input={"n": 0},
        )
    )


def with_conditions() -> Execution:
    """A step that is left out, and a variable that changes after the choice."""
    make_agent()
    return ran(
        start(
            step("a", input={"output": {"total": 900}}),
            step("check", when("a", "total < 100"), output_mapping={"total": "total * 100"}),
            step("skip", when("a", "total >= 100")),
            step("end", "check", "skip", join="one"),
            input={"total": 5},
        )
    )


def test_a_plain_graph_is_painted_with_the_gateways_that_its_document_has(
    operator: Client,
) -> None:
    found = told(operator, completed())
    assert states(found) == dict.fromkeys(("start_event", "a", "b", "c", "end_event"), "completed")
    assert set(found["flows"].values()) == {"taken"}
    assert len(found["flows"]) == 4
    assert found["nodes"]["b"]["label"] == "B: Completed"
    assert found["state"] == "completed"
    assert found["focus"] == []


def test_tokens_that_wait_for_others_are_at_the_gateway_before_the_step(operator: Client) -> None:
    make_agent()
    execution = ran(start(step("a"), human("ask"), step("after", "a", "ask")))
    found = told(operator, execution)
    assert states(found)["after"] == "pending"
    assert found["nodes"]["after"]["live"] == 0
    assert found["nodes"]["gw_join_after"]["live"] == 1
    assert found["nodes"]["ask"] == {
        "state": "paused",
        "live": 1,
        "done": 0,
        "failed": 0,
        "iterations": 1,
        "task": execution.tasks.get(key="ask").pk,
        "label": "Ask: Paused, waits for approval",
        "waiting_why": "waits for approval",
    }
    assert found["flows"]["flow_a_gw_join_after"] == "taken"
    assert "flow_gw_join_after_after" not in found["flows"]
    assert found["focus"] == ["ask"]


def test_loops_gateways_and_sub_processes_have_their_tokens(operator: Client) -> None:
    found = told(operator, with_tokens())
    nodes, flows = found["nodes"], found["flows"]
    assert (nodes["write"]["done"], nodes["write"]["iterations"]) == (3, 3)
    assert (nodes["good"]["state"], nodes["good"]["done"]) == ("completed", 3)
    assert (nodes["inside"]["state"], nodes["inside"]["live"]) == ("running", 1)
    assert (nodes["ask"]["state"], nodes["ask"]["live"]) == ("paused", 1)
    assert (nodes["meet"]["state"], nodes["meet"]["live"]) == ("pending", 1)
    assert "late" not in nodes
    assert flows["flow_good_write"] == flows["flow_b_meet"] == "taken"
    assert flows["flow_both_ask"] == flows["flow_good_inside"] == "active"
    assert "flow_ask_meet" not in flows


def test_the_path_that_was_taken_stays_so_when_variables_change(operator: Client) -> None:
    found = told(operator, with_conditions())
    uses = {flow: use for flow, use in found["flows"].items() if "gw_split_a" in flow}
    assert uses == {
        "flow_a_gw_split_a": "taken",
        "flow_gw_split_a_check": "taken",
        "flow_gw_split_a_skip": "skipped",
    }


def test_a_step_that_failed_is_shown_failed_with_its_token(operator: Client) -> None:
    one = told(operator, failed())["nodes"]["a"]
    assert (one["state"], one["live"], one["failed"]) == ("failed", 1, 1)


def test_an_error_that_was_caught_left_no_token(operator: Client) -> None:
    make_agent(tool="tests.fail")
    execution = start(
        step("ask", input={"permanent": True}),
        node("refused", "boundary", attached_to="ask", event={"type": "error"}),
        human("mend", "refused"),
    )
    found = told(operator, ran(execution))
    assert (found["nodes"]["ask"]["state"], found["nodes"]["ask"]["live"]) == ("failed", 0)
    assert found["nodes"]["refused"]["state"] == "completed"
    assert found["focus"] == ["mend"]


@pytest.mark.parametrize("make", [completed, failed, with_tokens, with_conditions])
def test_after_the_last_row_the_past_is_the_present(make: Any) -> None:
    execution = make()
    last = overlay.seq(execution.pk)
    assert hindsight.then(execution, last).nodes == overlay.now(execution, last).nodes
    assert hindsight.then(execution, last).flows == overlay.now(execution, last).flows


def test_every_row_of_the_past_has_the_picture_of_its_time(operator: Client) -> None:
    make_agent()
    execution = start(step("a"), human("ask", "a"), step("b", "a", "ask"))
    now = [told(operator, execution)]
    runner.drain()
    now.append(told(operator, execution))
    engine.decide(Approval.objects.get().pk, by=make_user("grace", "approver"), verdict="approve")
    runner.drain()
    now.append(told(operator, execution))
    assert [one["state"] for one in now] == ["pending", "running", "completed"]
    for one in now:
        then = told(operator, execution, one["version"])
        assert (then["nodes"], then["flows"]) == (one["nodes"], one["flows"])
    assert told(operator, execution, 10**6)["version"] == now[-1]["version"]


def test_the_past_names_the_element_that_its_row_is_about(operator: Client) -> None:
    execution = completed()
    rows = execution.audit_events.filter(new_state="running", task_id__isnull=False).order_by("seq")
    found = told(operator, execution, rows[1].seq)
    assert found["here"] == found["focus"][0] == "b"
    assert states(found)["c"] == "pending"


def test_who_may_not_read_the_audit_sees_the_present_only(
    approver: Client, stranger: Client
) -> None:
    execution = completed()
    assert told(approver, execution)["state"] == "completed"
    assert approver.get(f"/executions/{execution.pk}/overlay/3/").status_code == 403
    assert stranger.get(f"/executions/{execution.pk}/overlay/").status_code == 403
    assert stranger.get("/workflows/flow/versions/1/diagram/").status_code == 403


def test_a_browser_that_knows_the_picture_is_not_sent_it_again(
    operator: Client, django_assert_num_queries: Any
) -> None:
    asked = waiting()
    path = f"/executions/{asked.execution_id}/overlay/"
    tag = operator.get(path)["ETag"]
    operator.get(path)
    with django_assert_num_queries(5):  # session, user, two for permissions, the audit's end
        assert operator.get(path, headers={"If-None-Match": tag}).status_code == 304
    engine.decide(asked.pk, by=make_user("grace", "approver"), verdict="approve")
    assert operator.get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("count", [3, 40])
def test_the_overlay_costs_the_same_for_any_number_of_tasks(
    operator: Client, django_assert_num_queries: Any, count: int
) -> None:
    make_agent()
    steps = [step(f"s{number}") for number in range(count)]
    execution = ran(start(*steps, node("end", "end", *(f"s{n}" for n in range(count)))))
    path = f"/executions/{execution.pk}/overlay/"
    operator.get(path)
    with django_assert_num_queries(8):
        operator.get(path)


def test_who_draws_by_himself_is_not_sent_the_servers_drawing(operator: Client) -> None:
    execution = completed()
    for path in (f"/executions/{execution.pk}/live/", f"/executions/{execution.pk}/at/5/"):
        assert 'id="x-diagram"' in fragment(operator, path)
        assert 'id="x-diagram"' not in fragment(operator, path, canvas=1)


def test_a_versions_document_is_kept_for_good_under_its_digest(operator: Client) -> None:
    register(step("a"))
    answer = operator.get("/workflows/flow/versions/1/diagram/")
    assert answer.content.startswith(b"<?xml")
    assert b'id="a"' in answer.content
    assert answer["Cache-Control"] == "private, no-cache"
    digest = answer["ETag"].strip('"')
    named = f"/workflows/flow/versions/1/diagram/?sha256={digest}"
    assert "immutable" in operator.get(named)["Cache-Control"]
    assert operator.get(named, headers={"If-None-Match": f'"{digest}"'}).status_code == 304
    assert operator.get("/workflows/flow/versions/2/diagram/").status_code == 404
