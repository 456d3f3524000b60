from __future__ import annotations

import pytest
from django.test import Client

from config.demo.workflows import WORKFLOWS
from tests.admin.pages import ADD, LIST, TASKS, address, filled, new_task, said, save
from tests.factories import chain, make_user, register, step
from workflows import engine
from workflows.models import AuditEvent, Workflow

pytestmark = pytest.mark.django_db


def draft(*tasks: dict, **fields: object) -> Workflow:
    return register(*(tasks or chain("a", "b")), **fields).workflow


def recorded() -> list[tuple[str, str, list[str]]]:
    """What the audit says of drafts: kind, actor and fields."""
    events = AuditEvent.objects.filter(entity_type="workflow").exclude(kind="workflow.published")
    return [(event.kind, event.actor, event.data["fields"]) for event in events.order_by("id")]


def test_a_workflow_is_created_with_its_tasks_on_one_page(modeller: Client) -> None:
    fields = {
        "key": "hiring", "name": "Hiring", "priority": 2, "triggers": "applied, called",
        "variables": '{"limit": 5}', "input_schema": "", "retry_policy": "{}",
        f"{TASKS}-TOTAL_FORMS": 2, f"{TASKS}-INITIAL_FORMS": 0,
        **new_task(0, key="read", name="Read", capabilities="reading, judging"),
        **new_task(1, key="ask", name="Ask", depends_on="read when limit > 3",
                   output_mapping="answer = output.text"),
    }  # fmt: skip
    response = modeller.post(ADD, fields)
    assert response.status_code == 302
    workflow = Workflow.objects.get(key="hiring")
    read, ask = workflow.task_definitions.all()
    assert (workflow.triggers, workflow.variables) == (["applied", "called"], {"limit": 5})
    assert (read.position, read.capabilities) == (0, ["reading", "judging"])
    assert (ask.position, ask.depends_on) == (1, [{"task": "read", "when": "limit > 3"}])
    assert ask.output_mapping == {"answer": "output.text"}
    assert engine.problems(workflow) == []
    kind, actor, changed = recorded()[0]
    assert (kind, actor) == ("workflow.created", "user:mona")
    assert {"key", "tasks.read added", "tasks.ask added"} <= set(changed)


@pytest.mark.parametrize("definition", WORKFLOWS, ids=lambda definition: definition["key"])
def test_saving_what_is_shown_changes_nothing(modeller: Client, definition: dict) -> None:
    workflow = engine.register_workflow(definition).workflow
    before = engine.compiled(workflow)
    assert save(modeller, workflow).status_code == 302
    assert engine.compiled(Workflow.objects.get(pk=workflow.pk)) == before
    assert recorded() == []


def test_every_changed_field_is_in_the_audit(modeller: Client) -> None:
    workflow = draft()
    save(modeller, workflow, name="New", t1__depends_on="a when x > 1", t1__approval_title="Sure?")
    fields = ["name", "tasks.b.depends_on", "tasks.b.approval.title"]
    assert recorded() == [("workflow.changed", "user:mona", fields)]


def test_a_draft_is_saved_unfinished_with_every_problem_named(modeller: Client) -> None:
    workflow = draft()
    response = save(
        modeller,
        workflow,
        t0__depends_on="nowhere",
        t1__output_mapping="x = total >",
        retry_policy='{"max_retries": -1}',
    )
    text = said(response)
    assert response.url == LIST
    assert "saved as a draft" in text
    assert "A: “nowhere” is not a task of this workflow." in text
    assert "B: “total &gt;”" in text
    assert "“max_retries” is -1" in text
    assert workflow.task_definitions.get(key="a").depends_on == ["nowhere"]


def test_each_problem_is_shown_at_its_field(modeller: Client) -> None:
    workflow = draft()
    save(modeller, workflow, t0__depends_on="nowhere", t1__kind="human",
         retry_policy='{"jitter": 7}')  # fmt: skip
    page = modeller.get(address(workflow))
    tasks = page.context["inline_admin_formsets"][0].formset.forms
    assert "nowhere" in tasks[0].errors["depends_on"][0]
    assert "Name the groups" in tasks[1].errors["approval_groups"][0]
    assert "jitter" in page.context["adminform"].form.errors["retry_policy"][0]
    html = page.content.decode()
    assert "3 problems keep this draft from being published" in html
    assert html.count('<details class="task" open>') == 3  # two with problems and the new one
    assert "Please correct" not in html


@pytest.mark.parametrize(
    ("field", "text", "complaint"),
    [
        ("variables", '{"a": 1,\n "b" 2}', "Line 2, column 6"),
        ("variables", "[1]", "A JSON object was expected"),
        ("retry_policy", '{"jitter": 1, "jitter": 2}', "is there twice"),
        ("t0__input", "{", "Line 1, column 2"),
        ("t0__depends_on", "b whenever", "write a task&#x27;s key, or key when condition"),
        ("t0__output_mapping", "x", "write variable = expression"),
        ("t0__key", "no spaces", "Use letters, digits"),
        ("t0__key", "b", "Another task has this key"),
        ("t0__position", "0", "greater than or equal to 1"),
        ("t0__approval_required", "0", "greater than or equal to 1"),
        ("timeout_minutes", "0", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_stored_is_an_error_of_its_field(
    modeller: Client, field: str, text: str, complaint: str
) -> None:
    workflow = draft()
    response = save(modeller, workflow, **{field: text})
    assert response.status_code == 200
    assert complaint in response.content.decode()
    assert recorded() == []


def test_an_erroneous_text_comes_back_as_it_was_typed(modeller: Client) -> None:
    response = save(modeller, draft(), variables="{oops")
    assert response.context["adminform"].form["variables"].value() == "{oops"


def test_two_tasks_may_swap_their_keys(modeller: Client) -> None:
    workflow = draft(step("a"), step("b"))
    assert save(modeller, workflow, t0__key="b", t1__key="a").status_code == 302
    names = dict(workflow.task_definitions.values_list("key", "name"))
    assert names == {"b": "A", "a": "B"}


def test_a_new_task_may_take_the_key_of_one_that_goes(modeller: Client) -> None:
    workflow = draft(step("a"), step("b"))
    fields = {f"{TASKS}-TOTAL_FORMS": 3, **new_task(2, key="a", name="Again")}
    assert save(modeller, workflow, t0__DELETE="on", **fields).status_code == 302
    assert dict(workflow.task_definitions.values_list("key", "name")) == {"b": "B", "a": "Again"}
    assert recorded()[0][2] == ["tasks.a added", "tasks.a deleted"]


def test_tasks_keep_the_order_of_their_positions(modeller: Client) -> None:
    workflow = draft(step("a"), step("b"), step("c"))
    save(modeller, workflow, t0__position="", t2__position="1")
    assert list(workflow.task_definitions.values_list("key", flat=True)) == ["c", "b", "a"]


def test_an_approval_keeps_what_the_form_does_not_show(modeller: Client) -> None:
    asked = {"groups": ["board", "approver"], "escalate": {"after": 5}}
    workflow = draft({"key": "ok", "kind": "human", "approval": asked})
    save(modeller, workflow, t0__approval_users="grace", t0__approval_required="2")
    task = workflow.task_definitions.get()
    assert task.approval == {**asked, "users": ["grace"], "required": 2}


def test_a_draft_that_somebody_else_changed_is_not_overwritten(modeller: Client) -> None:
    workflow = draft()
    mine = filled(modeller, address(workflow))
    save(modeller, workflow, name="Theirs")
    response = modeller.post(address(workflow), {**mine, "name": "Mine", "_save": "1"})
    page = response.content.decode()
    assert "This workflow has been changed since you opened it: mona at 20" in page
    assert "UTC: name." in page
    assert 'value="Mine"' in page
    workflow.refresh_from_db()
    assert workflow.name == "Theirs"


def test_the_form_is_refused_when_the_diagram_has_changed_the_draft(modeller: Client) -> None:
    workflow = draft()
    mine = filled(modeller, address(workflow))
    shown = engine.diagram_of(workflow).replace(b'"B"', b'"Beta"')
    linus = make_user("linus", "modeller")
    engine.save_diagram(workflow, shown, by=linus, revision=workflow.revision)
    mine[f"{TASKS}-1-name"] = "Bee"
    response = modeller.post(address(workflow), {**mine, "_save": "1"})
    assert "linus at 20" in response.content.decode()
    assert "tasks.b.name" in response.content.decode()
    assert workflow.task_definitions.get(key="b").name == "Beta"


def test_the_form_is_told_of_a_task_that_the_diagram_has_taken_away(modeller: Client) -> None:
    workflow = draft()
    mine = filled(modeller, address(workflow))
    alone = engine.register_workflow({"key": "other", "name": "Flow", "tasks": chain("a")}).workflow
    engine.save_diagram(workflow, engine.diagram_of(alone), by=None, revision=workflow.revision)
    response = modeller.post(address(workflow), {**mine, f"{TASKS}-0-name": "Mine", "_save": "1"})
    assert response.status_code == 200
    assert "tasks.b deleted" in response.content.decode()
    assert 'value="Mine"' in response.content.decode()
    assert workflow.task_definitions.count() == 1


def test_a_published_workflow_keeps_its_key_and_cannot_be_deleted(modeller: Client) -> None:
    workflow = draft()
    save(modeller, workflow, key="other")
    workflow.refresh_from_db()
    assert workflow.key == "flow"
    assert modeller.post(f"{LIST}{workflow.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Workflow.objects.filter(pk=workflow.pk).exists()


@pytest.mark.parametrize("way", ["page", "action"])
def test_an_unpublished_draft_may_be_deleted_and_the_audit_says_so(
    modeller: Client, way: str
) -> None:
    workflow = Workflow.objects.create(key="idea", name="Idea")
    if way == "page":
        modeller.post(f"{LIST}{workflow.pk}/delete/", {"post": "yes"})
    else:
        modeller.post(LIST, {"action": "delete_selected", "_selected_action": workflow.pk,
                             "post": "yes"})  # fmt: skip
    assert not Workflow.objects.exists()
    assert recorded() == [("workflow.deleted", "user:mona", [])]


def test_markup_in_names_is_shown_as_text(modeller: Client) -> None:
    bad = "<script>alert(1)</script>"
    workflow = draft()
    response = save(modeller, workflow, "_continue", t0__name=bad, t0__depends_on=bad)
    assert bad not in said(response)
    assert bad not in modeller.get(address(workflow)).content.decode()
    assert bad not in modeller.get(LIST).content.decode()


def test_the_list_says_how_each_draft_stands(modeller: Client) -> None:
    workflow = draft()
    assert "Published" in modeller.get(LIST).content.decode()
    save(modeller, workflow, t0__name="Other")
    assert "Has changes to publish" in modeller.get(LIST).content.decode()
    save(modeller, workflow, t0__depends_on="nowhere")
    assert "1 problem<" in modeller.get(LIST).content.decode()


def test_the_list_asks_a_fixed_number_of_questions(
    modeller: Client, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    for name in "abcdefgh":
        draft(key=name)
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        modeller.get(LIST)
