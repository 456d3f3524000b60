"""A token acts as its user, within its scopes, until it ends; nobody can read it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError
from django.test import Client

from tests.api.conftest import Program, limited, read
from tests.factories import make_user
from workflows import clock
from workflows.engine import api_tokens
from workflows.errors import InvalidInput
from workflows.models import ApiToken, AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


def status(text: str) -> int:
    return Program(None, text).get("executions").status  # type: ignore[arg-type]


def token_of(client: Program) -> ApiToken:
    return ApiToken.objects.get(prefix=client.text[:12])


def test_only_a_digest_under_a_pepper_is_kept(operator: Program) -> None:
    token = token_of(operator)
    kept = " ".join(str(value) for value in vars(token).values())
    assert operator.text.split("_")[2] not in kept
    assert (len(token.digest), len(token.pepper_id)) == (64, 8)
    row = AuditEvent.objects.get(kind="token.created")
    assert operator.text.split("_")[2] not in str(row.data)
    assert (row.entity_id, row.data["user"]) == (token.prefix, "ada")


def test_a_text_that_was_altered_opens_nothing(operator: Program) -> None:
    assert status(operator.text) == 200
    last = "a" if operator.text[-1] != "a" else "b"
    for text in (operator.text[:-1] + last, operator.text[:-1], operator.text + "x", "sbx_", "€"):
        assert status(text) == 401


def test_without_a_token_the_answer_says_what_to_send(db: None) -> None:
    answer = read(Client().get("/api/v1/executions"))
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Signalbox"')
    bad = read(Client().get("/api/v1/executions", headers={"Authorization": "Bearer sbx_x"}))
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    basic = read(Client().get("/api/v1/executions", headers={"Authorization": "Basic YTpi"}))
    assert basic.status == 401


def test_a_session_is_not_accepted(db: None) -> None:
    client = Client()
    client.force_login(make_user("ada", "operator"))
    assert client.get("/executions/").status_code == 200
    assert client.get("/api/v1/executions").status_code == 401
    posted = client.post("/api/v1/executions/1/cancel", {}, content_type="application/json")
    assert posted.status_code == 401


def test_a_token_ends_when_it_expires(db: None) -> None:
    text = api_tokens.create(make_user("ada", "operator"), ["read"], days=7)[1]
    assert status(text) == 200
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=1)):
        assert status(text) == 401


def test_a_token_ends_when_it_is_revoked_and_that_is_recorded_once(operator: Program) -> None:
    admin = make_user("root")
    assert api_tokens.revoke(token_of(operator), by=admin)
    assert not api_tokens.revoke(token_of(operator), by=admin)
    assert status(operator.text) == 401
    assert AuditEvent.objects.get(kind="token.revoked").actor == "user:root"


def test_a_token_of_somebody_who_has_left_opens_nothing(operator: Program) -> None:
    operator.user.is_active = False
    operator.user.save()
    assert status(operator.text) == 401


def test_a_token_loses_what_its_user_loses(operator: Program) -> None:
    operator.user.groups.clear()
    assert status(operator.text) == 403


def test_a_scope_gives_no_more_than_its_user_may(stranger: Program) -> None:
    assert limited(stranger, "read").get("executions").status == 403


def test_its_last_use_is_kept_to_the_minute(operator: Program) -> None:
    begin = clock.now()
    seen = []
    for seconds in (0, 30, 61):
        with time_machine.travel(begin + timedelta(seconds=seconds), tick=False):
            operator.get("executions")
        seen.append(round((token_of(operator).last_used_at - begin).total_seconds()))
    assert seen == [0, 0, 61]


def test_a_new_secret_key_ends_tokens_unless_the_old_one_is_kept_as_a_fallback(
    operator: Program, settings: object
) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another " * 8  # type: ignore[attr-defined]
    assert status(operator.text) == 401
    settings.SECRET_KEY_FALLBACKS = [old]  # type: ignore[attr-defined]
    assert status(operator.text) == 200


@pytest.mark.parametrize(
    ("scopes", "fields"),
    [([], {}), (["read", "rule"], {}), (["read"], {"days": 0}), (["read"], {"name": "x" * 201})],
)
def test_a_token_that_makes_no_sense_is_not_made(db: None, scopes: list, fields: dict) -> None:
    with pytest.raises(InvalidInput):
        api_tokens.create(make_user("ada"), scopes, **fields)
    assert not ApiToken.objects.exists()


def test_the_database_keeps_digests_only(operator: Program) -> None:
    with pytest.raises(IntegrityError, match="a_token_is_kept_as_a_digest_only"):
        ApiToken.objects.update(digest="sbx_plain")
