from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import ProgrammingError, connection, transaction
from django.templatetags.static import static
from django.test import Client


def test_the_admin_site_never_shows_what_django_q2_pickled() -> None:
    assert "django_q" in settings.INSTALLED_APPS
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]
    assert [model for model in admin.site._registry if model._meta.app_label == "workflows"]


def test_a_changed_static_file_gets_another_address() -> None:
    name = "admin/css/base.css"
    assert static(name).startswith(f"/static/{name}?v=")


def test_static_files_are_served_with_a_policy_that_allows_nothing_inline(client: Client) -> None:
    policy = client.get("/healthz")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_asked_for_and_never_changed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO workflows_auditevent DEFAULT VALUES",
        "UPDATE workflows_auditevent SET kind = 'forged'",
        "DELETE FROM workflows_auditevent",
        "TRUNCATE workflows_auditevent CASCADE",
        "ALTER TABLE workflows_auditevent DISABLE TRIGGER ALL",
        "DELETE FROM django_migrations",
        "CREATE TABLE public.mine (id int)",
    ],
)
def test_the_run_time_role_cannot_touch_history_or_structure(
    as_run_time_role: None, statement: str
) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_run_time_role_may_change_ordinary_rows(as_run_time_role: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_execution SET priority = priority WHERE false")
        cursor.execute("SELECT count(*) FROM workflows_auditevent")
