from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.dmn.making import DISH, decision, dmn, table
from tests.factories import node, register, start, task
from tests.web.conftest import fragment, page, ran
from workflows import engine
from workflows.models import DecisionTable, Execution

pytestmark = pytest.mark.django_db(transaction=True)

HIT = '<tr class="hit" data-state="completed">'


def uploaded(data: bytes, name: str = "dish.dmn") -> dict[str, SimpleUploadedFile]:
    return {"file": SimpleUploadedFile(name, data)}


@pytest.fixture
def decided(db: None) -> Execution:
    engine.import_dmn(DISH, by=None)
    choose = node("choose", "decision", decision={"decision": "dish", "result": "menu"})
    return ran(start(choose, input={"Temperature today": 15, "day type": "Weekday"}))


def test_a_modeller_imports_a_file_and_sees_its_table(modeller: Client) -> None:
    answer = modeller.post("/decisions/import/", uploaded(DISH), follow=True)
    assert answer.redirect_chain == [("/decisions/dish/", 302)]
    text = answer.content.decode()
    assert "2 decisions are imported." in text
    assert "First: the first row that hits counts" in text
    assert "not(&quot;Winter&quot;, &quot;Spring&quot;)" in text
    assert "It is warm outside." in text
    assert HIT not in text
    listed = page(modeller, "/decisions/")
    assert listed.count("usable") == 2
    assert "<html" not in fragment(modeller, "/decisions/")


def test_versions_stay_and_their_files_come_back_byte_for_byte(modeller: Client) -> None:
    changed = DISH.replace(b"Steak", b"Salad")
    for data in (DISH, changed):
        modeller.post("/decisions/import/", uploaded(data))
    assert "Salad" in page(modeller, "/decisions/dish/")
    old = page(modeller, "/decisions/dish/?version=1")
    assert "Steak" in old
    assert "See the newest version" in old
    file = modeller.get("/decisions/dish/file/?version=1")
    assert file.content == DISH
    assert file.headers["Content-Disposition"] == 'attachment; filename="dish-v1.dmn"'
    assert modeller.get("/decisions/dish/file/").content == changed
    page(modeller, "/decisions/dish/?version=9", 404)
    page(modeller, "/decisions/none/", 404)


def test_a_file_that_cannot_be_read_changes_nothing_and_says_why(modeller: Client) -> None:
    for data, said in (
        (uploaded(b"<a>"), "Line 1"),
        (uploaded(b"<a/>"), "this is no file of decisions"),
        (uploaded(b" " * 5_242_881), "5242881 bytes"),
        ({}, "Choose a DMN file first."),
    ):
        answer = modeller.post("/decisions/import/", data)
        assert answer.status_code == 422
        text = answer.content.decode()
        assert said in text
        assert "The file was not imported. Nothing has changed." in text
    assert not DecisionTable.objects.exists()


def test_what_cannot_be_carried_out_is_listed_with_its_place(modeller: Client) -> None:
    odd = dmn(decision("size", table([["abs(x)", "1"]])))
    text = modeller.post("/decisions/import/", uploaded(odd), follow=True).content.decode()
    assert "row 1, “X”, line 2: “abs(x)” cannot be translated." in text
    assert "see what must change" in text
    assert "1 problem" in page(modeller, "/decisions/")


def test_who_may_not_change_workflows_imports_nothing(operator: Client, stranger: Client) -> None:
    assert operator.post("/decisions/import/", uploaded(DISH)).status_code == 403
    assert stranger.get("/decisions/").status_code == 403
    engine.import_dmn(DISH, by=None)
    assert "decision_import" not in page(operator, "/decisions/dish/")
    assert "/decisions/import/" not in page(operator, "/decisions/")


def test_an_execution_shows_its_tables_with_the_rows_that_hit(
    operator: Client, decided: Execution
) -> None:
    address = f"/executions/{decided.pk}/tasks/{task(decided, 'choose').pk}/decision/"
    assert address in page(operator, f"/executions/{decided.pk}/")
    text = page(operator, address)
    assert text.count(HIT) == 2
    assert text.count("hit, and gave the result") == 2
    hit = text[text.index(HIT) :]
    assert "#i-circle-check" in hit[: hit.index("</tr>")]
    assert "Steak" in hit[: hit.index("</tr>")]
    assert text.index("Dish") < text.index("Season")
    assert "<html" not in fragment(operator, address)


def test_what_was_frozen_is_shown_though_the_table_has_changed(
    operator: Client, decided: Execution
) -> None:
    engine.import_dmn(DISH.replace(b"Steak", b"Salad"), by=None)
    address = f"/executions/{decided.pk}/tasks/{task(decided, 'choose').pk}/decision/"
    text = page(operator, address)
    assert "Steak" in text
    assert "Salad" not in text
    assert "version 1" in text


def test_a_decision_that_was_not_made_says_why(operator: Client) -> None:
    engine.import_dmn(DISH, by=None)
    choose = node("choose", "decision", decision={"decision": "dish"})
    execution = ran(start(choose, input={}))
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'choose').pk}/decision/"
    text = page(operator, address)
    assert "there is no variable" in text
    assert HIT not in text


def test_only_a_task_that_decides_has_tables(operator: Client) -> None:
    execution = start(node("nothing", "catch", event={"type": "signal", "name": "s"}))
    address = f"/executions/{execution.pk}/tasks/{task(execution, 'nothing').pk}/decision/"
    page(operator, address, 404)


def test_the_workflow_names_the_table_that_it_decides_by(modeller: Client) -> None:
    engine.import_dmn(DISH, by=None)
    register(node("choose", "decision", decision={"decision": "dish"}))
    assert '/decisions/dish/?version=1">dish' in page(modeller, "/workflows/flow/")
    assert 'href="/workflows/flow/"' in page(modeller, "/decisions/dish/")
