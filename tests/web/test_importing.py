"""BPMN files on pages: imported with what was found in them, and downloaded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.bpmn.files import file, with_complex_gateway
from tests.factories import chain, register
from tests.web.conftest import client_for, page
from workflows.models import LARGEST_DIAGRAM, AuditEvent, TaskDefinition, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
IMPORT = "/workflows/import/"


def send(client: Client, data: bytes | None, status: int = 200, **typed: Any) -> str:
    sent = {"file": SimpleUploadedFile("flow.bpmn", data)} if data is not None else {}
    answer = client.post(IMPORT, {**sent, **typed})
    assert answer.status_code == status
    return answer.content.decode()


def test_a_file_is_uploaded_and_leads_to_its_draft(modeller: Client) -> None:
    assert IMPORT in page(modeller, "/workflows/")
    assert 'type="file"' in page(modeller, IMPORT)
    text = send(modeller, file())
    assert "“Flow” is there as a draft." in text
    assert 'href="/workflows/flow/"' in text
    assert AuditEvent.objects.get(kind="workflow.imported").actor == "user:linus"


def test_each_finding_stands_with_its_element_and_line(modeller: Client) -> None:
    text = send(modeller, with_complex_gateway(file()))
    assert "To be published it needs the changes below." in text
    assert "Which way?" in text
    assert ">maze</span>" in text
    assert 'data-state="failed"' in text
    fragment = modeller.post(
        IMPORT,
        {"file": SimpleUploadedFile("f", with_complex_gateway(file())), "strict": "on"},
        headers={"HX-Request": "true"},
    )
    assert (fragment.status_code, b"<html" in fragment.content) == (422, False)
    assert "Nothing was imported. The file has parts that cannot be run." in str(
        fragment.content.decode()
    )


def test_an_error_stands_on_the_page_and_what_was_typed_stays(modeller: Client) -> None:
    assert "Choose a BPMN file first." in send(modeller, None, 422)
    text = send(modeller, b"<a/>", 422, key="mine", process="p1")
    assert "The file cannot be read as BPMN 2.0." in text
    assert 'value="mine"' in text
    assert 'value="p1"' in text
    lost = send(modeller, file().replace(b'targetRef="', b'targetRef="no_', 1), 422)
    assert re.search(r"“[^”]+”: Line \d+: It leads to “no_[^”]+”, which is not in this file", lost)
    assert "at most" in send(modeller, b" " * (LARGEST_DIAGRAM + 1), 422)
    assert not Workflow.objects.exists()


def test_a_draft_is_replaced_when_that_is_ticked(modeller: Client) -> None:
    register(*chain("a"))
    text = send(modeller, file(), 409)
    assert "There is a workflow “flow” already: “Flow”." in text
    assert Workflow.objects.get().task_definitions.count() == 1
    assert "The draft of “Flow” is replaced." in send(modeller, file(), replace="on")
    assert Workflow.objects.get().task_definitions.count() == 2


def test_a_file_is_published_at_once_by_who_may(modeller: Client, operator: Client) -> None:
    assert "“Flow” is published as version 1." in send(modeller, file(), publish="on")
    send(operator, file(), 403, publish="on")
    page(operator, IMPORT, 403)
    assert IMPORT not in page(operator, "/workflows/")


def test_drafts_and_versions_are_downloaded(operator: Client, modeller: Client) -> None:
    send(modeller, file(), publish="on")
    for address, name in (
        ("/workflows/flow/bpmn/", "flow.bpmn"),
        ("/workflows/flow/bpmn/?version=1", "flow-v1.bpmn"),
    ):
        answer = operator.get(address)
        assert answer.content == file()
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert address in page(operator, "/workflows/flow/")
    for wrong in ("?version=2", "?version=x", "?version=99999999999999999999"):
        page(operator, f"/workflows/flow/bpmn/{wrong}", 404)
    assert client_for("eve").get("/workflows/flow/bpmn/").status_code == 403


def test_a_draft_that_cannot_be_drawn_says_so(operator: Client) -> None:
    register(*chain("a", "b"))
    TaskDefinition.objects.filter(key="b").update(parent="nowhere")
    assert "It lies in “nowhere”" in page(operator, "/workflows/flow/bpmn/", 422)


def test_a_form_file_becomes_a_form_that_steps_share(modeller: Client, operator: Client) -> None:
    data = b'{"id": "claim", "components": [{"type": "number", "key": "a"}, {"type": "html"}]}'
    sent = {"file": SimpleUploadedFile("x.form", data)}
    assert operator.post(IMPORT, sent).status_code == 403
    text = modeller.post(IMPORT, {"file": SimpleUploadedFile("x.form", data)}).content.decode()
    assert "(claim) is there as version 1." in text
    assert "“html” of the form is not shown" in text
    wrong = modeller.post(IMPORT, {"file": SimpleUploadedFile("x.form", b"{}")})
    assert wrong.status_code == 422
    assert "The form cannot be used as it is." in wrong.content.decode()
