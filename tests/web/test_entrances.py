"""Logins, and what somebody was refused, are in the audit."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories import PASSWORD, make_user
from workflows.engine import api_tokens
from workflows.models import AuditEvent, Scope

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[tuple[str, str, dict[str, Any]]]:
    found = AuditEvent.objects.filter(entity_type="user").order_by("pk")
    return [(row.kind, row.actor, row.data) for row in found]


def test_who_comes_and_goes_is_recorded(client: Client) -> None:
    make_user("ada")
    client.post("/login/", {"username": "ada", "password": PASSWORD})
    client.post("/logout/")
    here = {"name": "ada", "address": "127.0.0.1"}
    assert rows() == [("user.logged_in", "user:ada", here), ("user.logged_out", "user:ada", here)]


def test_a_refused_login_is_recorded_without_what_was_typed(client: Client) -> None:
    make_user("ada")
    client.post("/login/", {"username": "ada", "password": "no such"})
    client.post("/login/", {"username": "my password", "password": "no such"})
    assert rows() == [
        ("user.login_refused", "system", {"name": "ada", "address": "127.0.0.1"}),
        ("user.login_refused", "system", {"address": "127.0.0.1"}),
    ]


def test_a_login_to_the_admin_site_is_recorded_too(client: Client) -> None:
    make_user("root", is_staff=True, is_superuser=True)
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert [row[0] for row in rows()] == ["user.logged_in"]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_who_is_refused_a_page_is_recorded_with_what_it_needs(
    client: Client, headers: dict[str, str]
) -> None:
    client.force_login(make_user("eve"))
    assert client.get("/audit/", headers=headers).status_code == 403
    told = {"method": "GET", "path": "/audit/", "needed": ["workflows.view_auditevent"]}
    assert rows()[-1][:2] == ("user.refused", "user:eve")
    assert rows()[-1][2].items() >= told.items()


def test_a_page_of_the_admin_site_that_is_refused_is_recorded(client: Client) -> None:
    client.force_login(make_user("staff", is_staff=True))
    assert client.get("/admin/agents/agent/").status_code == 403
    assert rows()[-1][:2] == ("user.refused", "user:staff")


def test_a_token_that_is_refused_is_recorded_with_its_prefix(client: Client) -> None:
    token, text = api_tokens.create(make_user("eve"), name="t", scopes=[Scope.READ], by=None)
    given = {"Authorization": f"Bearer {text}"}
    assert client.get("/api/v1/executions", headers=given).status_code == 403
    kind, who, data = rows()[-1]
    assert (kind, who, data["token"]) == ("user.refused", "user:eve", token.prefix)
    assert "workflows.view_execution" in data["needed"]


def test_who_may_look_leaves_no_row(client: Client) -> None:
    client.force_login(make_user("grace", "auditor"))
    before = len(rows())
    assert client.get("/audit/").status_code == 200
    assert len(rows()) == before
