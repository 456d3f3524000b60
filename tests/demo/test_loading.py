from __future__ import annotations

import json

import jsonschema_rs
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from agents import tools
from agents.models import Agent
from config.demo import loading
from config.demo.models import StockItem
from config.demo.workflows import WORKFLOWS
from config.demo.workforce import AGENTS
from workflows.models import Version, Workflow


@pytest.mark.django_db
def test_loading_again_changes_nothing():
    assert {person.username: person.group for person in loading.load()} == loading.PEOPLE
    StockItem.objects.filter(sku="SKU-001").update(on_hand=1)
    Agent.objects.filter(key="agent_001").update(max_concurrent_tasks=3)
    assert loading.load() == []
    assert StockItem.objects.get(sku="SKU-001").on_hand == 1
    assert Agent.objects.get(key="agent_001").max_concurrent_tasks == 3
    assert Version.objects.count() == Workflow.objects.count() == 4
    assert Agent.objects.count() == len(AGENTS)


@pytest.mark.django_db
def test_passwords_are_random_work_and_are_shown_once(capsys):
    call_command("load_demo", "--json")
    people = json.loads(capsys.readouterr().out)["people"]
    assert len({person["password"] for person in people}) == 4
    for person in people:
        user = get_user_model().objects.get(username=person["username"])
        assert user.check_password(person["password"])
        assert [group.name for group in user.groups.all()] == [person["group"]]
    call_command("load_demo")
    assert capsys.readouterr().out == "The demo is loaded.\n"


def test_every_agents_tool_exists():
    named = {agent["config"]["tool"] for agent in AGENTS if agent["kind"] == "python"}
    assert named <= set(tools.names())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow["key"])
def test_the_start_form_is_filled_in_with_a_good_example(workflow):
    schema = workflow["input_schema"]
    example = {name: field["default"] for name, field in schema["properties"].items()}
    jsonschema_rs.Draft202012Validator(schema).validate(example)
    assert all(field["title"] and field["description"] for field in schema["properties"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow["key"])
def test_every_step_has_somebody_who_can_do_it(workflow):
    for task in workflow["tasks"]:
        able = [a for a in AGENTS if set(task.get("capabilities", ())) <= set(a["capabilities"])]
        assert able or task.get("kind") == "human", task["key"]
        assert task["description"]
