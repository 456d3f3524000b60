from __future__ import annotations

import pytest
from django.test import Client

from tests.web.conftest import completed, page

pytestmark = pytest.mark.django_db(transaction=True)


def test_workflows_are_found_by_name_and_executions_by_number(operator: Client) -> None:
    execution = completed()
    assert f"/executions/{execution.pk}/" in page(operator, f"/search/?q=%23{execution.pk}")
    text = page(operator, "/search/?q=flo")
    assert "/workflows/flow/" in text
    assert "/workflows/flow/start/" in text


def test_nothing_is_found_for_nothing(operator: Client) -> None:
    completed()
    assert page(operator, "/search/").strip() == ""
    assert page(operator, "/search/?q=%00zzz").strip() == ""


def test_who_may_not_start_is_not_offered_to(approver: Client, stranger: Client) -> None:
    completed()
    assert "/start/" not in page(approver, "/search/?q=flow")
    page(stranger, "/search/?q=flow", 403)
