from __future__ import annotations

import pytest
from django.test import Client

from tests.web.conftest import completed, fragment, page
from workflows.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_audit_is_shown_newest_first_and_by_execution(auditor: Client) -> None:
    execution = completed()
    text = page(auditor, "/audit/")
    assert text.index("execution.completed") < text.index("execution.created")
    assert "agent.registered" in text
    only = page(auditor, f"/audit/?execution=%23{execution.pk}")
    assert "agent.registered" not in only
    assert f"/executions/{execution.pk}/verify/" in only
    assert "No audit rows" in page(auditor, "/audit/?execution=nonsense")


def test_older_rows_are_reached_by_key(auditor: Client) -> None:
    for number in range(6):
        completed(key=f"flow{number}")
    newest = AuditEvent.objects.order_by("-pk")[:50]
    assert f"before={newest[49].pk}" in page(auditor, "/audit/")
    assert "Newest" in page(auditor, f"/audit/?before={newest[49].pk}")


def test_it_comes_back_alone_for_a_live_page(auditor: Client) -> None:
    assert "<html" not in fragment(auditor, "/audit/")


def test_only_who_may_audit_enters(approver: Client, stranger: Client) -> None:
    page(approver, "/audit/", 403)
    page(stranger, "/audit/", 403)
