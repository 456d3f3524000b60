from __future__ import annotations

import pytest

from tests.admin.conftest import Someone
from tests.factories import make_user
from workflows.engine import api_tokens
from workflows.models import ApiToken, AuditEvent

pytestmark = pytest.mark.django_db
LIST = "/admin/workflows/apitoken/"


def made() -> tuple[ApiToken, str]:
    return api_tokens.create(make_user("ada", "operator"), ["read", "start"], name="nightly")


def test_tokens_are_listed_without_anything_that_opens_a_door(someone: Someone) -> None:
    token, text = made()
    page = someone("root", is_superuser=True).get(LIST).content.decode()
    assert all(part in page for part in (token.prefix, "nightly", "read, start"))
    assert text not in page
    assert text.split("_")[2] not in page
    assert token.digest not in page


def test_tokens_are_revoked_in_the_list_and_that_is_recorded(someone: Someone) -> None:
    token, text = made()
    chosen = {"action": "revoke", "_selected_action": [token.pk]}
    answer = someone("root", is_superuser=True).post(LIST, chosen, follow=True)
    assert "1 token is revoked." in answer.content.decode()
    assert api_tokens.found(text) is None
    row = AuditEvent.objects.get(kind="token.revoked")
    assert (row.actor, row.entity_id) == ("user:root", token.prefix)


def test_tokens_are_neither_made_changed_nor_deleted_there(someone: Someone) -> None:
    token, _text = made()
    root = someone("root", is_superuser=True)
    assert root.post(f"{LIST}add/", {"name": "x"}).status_code == 403
    assert root.post(f"{LIST}{token.pk}/change/", {"name": "x"}).status_code == 403
    assert root.post(f"{LIST}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    token.refresh_from_db()
    assert token.name == "nightly"


@pytest.mark.parametrize("group", ["operator", "approver", "modeller", "auditor"])
def test_nobody_else_sees_or_revokes_tokens(someone: Someone, group: str) -> None:
    token, text = made()
    client = someone("sam", group)
    assert client.get(LIST).status_code == 403
    chosen = {"action": "revoke", "_selected_action": [token.pk]}
    assert client.post(LIST, chosen).status_code == 403
    assert api_tokens.found(text) == token
