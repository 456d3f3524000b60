"""Every route says who may enter, and a stranger is turned away from each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

OPEN = {
    "login": "how else to get in",
    "logout": "leaving is always allowed",
    "set_language": "sets the visitor's own cookie",
    "healthz": "asked by the supervisor",
    "readyz": "asked by the supervisor",
    "api_nothing_here": "says that there is nothing, to anybody",
}
ARGUMENTS = {
    "execution_id": 1, "task_id": 1, "approval_id": 1, "key": "flow", "mail_id": "1",
    "supplier_id": "S", "seq": 1, "trigger_id": 1, "event_id": 1, "batch_id": 1, "number": 1,
    "a": 1, "b": "draft",
}  # fmt: skip


def routes(resolver: URLResolver, namespace: str = "") -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            # The admin site checks each model's permissions, tests/api/test_routes.py the API's.
            if pattern.namespace not in ("admin", "api"):
                yield from routes(pattern, namespace)
        else:
            yield pattern


ROUTES = [route for route in routes(get_resolver()) if route.name not in OPEN]


def address(route: URLPattern) -> str:
    wanted = {name: ARGUMENTS[name] for name in route.pattern.converters}
    return reverse(str(route.name), kwargs=wanted)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
def test_a_route_declares_its_permission(route: URLPattern) -> None:
    assert getattr(route.callback, "permissions", ()), f"{route.name} lets everybody in"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
@pytest.mark.django_db
def test_a_stranger_is_turned_away(route: URLPattern, stranger: Client) -> None:
    for method in (stranger.get, stranger.post):
        assert method(address(route)).status_code in (403, 405)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
@pytest.mark.django_db
def test_who_is_not_logged_in_is_sent_to_the_login(route: URLPattern, client: Client) -> None:
    answer = client.get(address(route))
    assert answer.status_code in (302, 405)
    assert answer.status_code == 405 or answer.headers["Location"].startswith(settings.LOGIN_URL)


@pytest.mark.django_db
def test_a_stranger_is_told_to_ask_for_a_role(stranger: Client) -> None:
    assert "Ask an administrator for a role" in stranger.get("/").content.decode()


@pytest.mark.django_db
def test_a_fragment_tells_a_lost_session_to_log_in(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/agents/"}
    answer = client.get("/executions/", headers=headers)
    assert answer.headers["HX-Redirect"] == "/login/?next=/agents/"


@pytest.mark.django_db
def test_what_a_lost_session_sends_stays_on_its_page(client: Client) -> None:
    answer = client.post("/executions/1/pause/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "Log in in another tab" in answer.content.decode()


@pytest.mark.django_db
def test_a_refused_fragment_is_a_toast(stranger: Client) -> None:
    answer = stranger.get("/executions/", headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert answer.content.startswith(b'<div class="toast"')


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nothing/", "/executions/99999999999999999999999/"])
def test_what_does_not_exist_is_told_in_our_look(operator: Client, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content
