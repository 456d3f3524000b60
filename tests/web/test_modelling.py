from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.factories import make_agent, node, register, step
from tests.web.conftest import completed, fragment, page
from workflows import engine
from workflows.models import Execution

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {
    "type": "object",
    "required": ["name", "amount"],
    "properties": {
        "name": {"type": "string", "title": "Customer", "minLength": 2},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "count": {"type": "integer", "default": 3},
        "urgent": {"type": "boolean"},
        "kind": {"enum": ["new", "old", 7]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
            },
        },
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "extra": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.fixture
def order(db: None) -> str:
    make_agent()
    register(step("a"), key="order", input_schema=SCHEMA)
    return "/workflows/order/start/"


def test_the_workflows_are_listed_with_their_last_runs(modeller: Client) -> None:
    execution = completed()
    text = page(modeller, "/workflows/")
    assert f"#{execution.pk}: Completed" in text
    assert "/workflows/flow/start/" in text
    assert "<html" not in fragment(modeller, "/workflows/")


def test_who_may_not_start_sees_no_button(auditor: Client, order: str) -> None:
    assert order not in page(auditor, "/workflows/")
    page(auditor, order, 403)


def test_a_workflow_shows_diagram_versions_and_definition(modeller: Client, order: str) -> None:
    register(step("a"), step("b", {"task": "a", "when": "amount > 5"}), key="order")
    text = page(modeller, "/workflows/order/")
    assert text.count('class="node"') == 2
    assert "amount &gt; 5" in text
    old = page(modeller, "/workflows/order/?version=1")
    assert old.count('class="node"') == 1
    assert "See the published version" in old
    page(modeller, "/workflows/order/?version=99", 404)
    page(modeller, "/workflows/none/", 404)


def test_the_form_is_built_from_the_schema(operator: Client, order: str) -> None:
    text = page(operator, order)
    assert "Customer" in text
    assert 'name="count" value="3"' in text
    assert 'type="checkbox" id="in-urgent"' in text
    assert "<option>new</option>" in text
    assert 'name="lines.__n__.sku"' in text
    assert 'name="address.city"' in text
    assert 'name="extra" rows' in text


def test_what_is_typed_starts_an_execution(operator: Client, order: str) -> None:
    answer = operator.post(
        order,
        {
            "name": "Ada", "amount": "12.50", "count": "", "urgent": "on", "kind": "7",
            "lines.0.sku": "S-1", "lines.0.quantity": "2", "lines.4.sku": "S-2",
            "address.city": "Bern", "extra": '["x"]', "priority": "4", "idempotency_key": "k",
        },
    )  # fmt: skip
    execution = Execution.objects.get()
    assert answer.headers["Location"] == f"/executions/{execution.pk}/"
    assert execution.input == {
        "name": "Ada", "amount": 12.5, "urgent": True, "kind": 7,
        "lines": [{"sku": "S-1", "quantity": 2}, {"sku": "S-2"}],
        "address": {"city": "Bern"}, "extra": ["x"],
    }  # fmt: skip
    assert (execution.priority, execution.idempotency_key) == (4, "k")
    assert execution.requested_by is not None


def test_errors_stand_beside_their_fields_and_keep_what_was_typed(
    operator: Client, order: str
) -> None:
    data = {"amount": "lots", "lines.0.quantity": "many", "extra": "{"}
    answer = operator.post(order, data)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "This is needed." in text
    assert "A number was expected." in text
    assert "A whole number was expected." in text
    assert "This is not JSON." in text
    assert 'value="lots"' in text
    assert not Execution.objects.exists()


def test_what_the_schema_refuses_is_told(operator: Client, order: str) -> None:
    data = {"name": "A", "amount": "-1", "lines.0.quantity": "1"}
    text = operator.post(order, data).content.decode()
    assert text.count('class="error"') == 3


def test_it_can_be_typed_as_json(operator: Client, order: str) -> None:
    typed = {"name": "Ada", "amount": "5", "switch": "json"}
    text = operator.post(order, typed).content.decode()
    assert "&quot;name&quot;: &quot;Ada&quot;" in text
    answer = operator.post(order, {"json": json.dumps({"name": "Ada", "amount": 5})})
    assert answer.status_code == 302


@pytest.mark.parametrize("text", ["{", "[]", "[" * 20_000, '{"name": 5}', "NaN"])
def test_wrong_json_is_kept_and_told(operator: Client, order: str, text: str) -> None:
    answer = operator.post(order, {"json": text})
    assert answer.status_code == 422
    assert b'role="alert"' in answer.content


def test_a_workflow_without_a_schema_takes_json(operator: Client) -> None:
    make_agent()
    register(step("a"), key="bare")
    assert 'id="json"' in page(operator, "/workflows/bare/start/")
    assert operator.post("/workflows/bare/start/", {"json": '{"x": 1}'}).status_code == 302
    assert Execution.objects.get().input == {"x": 1}


def test_what_is_not_published_cannot_be_started(operator: Client) -> None:
    page(operator, "/workflows/none/start/", 404)


def test_lists_cost_the_same_whatever_they_show(
    operator: Client, django_assert_num_queries
) -> None:
    completed()
    for number in range(2):
        with django_assert_num_queries(6):
            page(operator, "/workflows/")
        register(step("a"), key=f"more{number}")
        engine.start_workflow(f"more{number}")


def test_a_stranger_is_refused(stranger: Client, order: str) -> None:
    for path in ("/workflows/", "/workflows/order/", order):
        page(stranger, path, 403)


def test_of_several_starts_by_events_one_is_chosen_in_the_form(operator: Client) -> None:
    bell = {"type": "signal", "name": "bell"}
    register(
        node("x", "start", event=bell),
        node("y", "start", event={**bell, "name": "other"}),
        node("z", "pass", "y"),
        key="two",
    )
    shown = page(operator, "/workflows/two/start/")
    assert '<option value="y">Y</option>' in shown
    assert operator.post("/workflows/two/start/", {}).status_code == 422
    answer = operator.post("/workflows/two/start/", {"start": "y"})
    assert answer.status_code == 302
    execution = Execution.objects.get()
    assert execution.audit_events.get(seq=1).data["start"] == "y"
    register(node("x", "start", event=bell), key="one")
    assert 'name="start"' not in page(operator, "/workflows/one/start/")
