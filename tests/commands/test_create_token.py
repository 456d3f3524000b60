from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from tests.commands.conftest import Ran
from tests.factories import make_user
from workflows import clock
from workflows.engine import api_tokens
from workflows.models import ApiToken, AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def create_token(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    make_user("ada", "operator")
    return partial(manage, "workflows", "create_token")


def test_a_token_is_printed_once_as_json(create_token: Callable[..., Ran]) -> None:
    ran = create_token("ada", "--scopes", "start", "read", "--name", "nightly", "--json")
    token = ApiToken.objects.get()
    assert ran.code == 0
    assert ran.document == {
        "token": ran.document["token"], "prefix": token.prefix, "user": "ada", "name": "nightly",
        "scopes": ["read", "start"], "expires_at": token.expires_at.isoformat(),
    }  # fmt: skip
    assert api_tokens.found(ran.document["token"]) == token
    assert AuditEvent.objects.get(kind="token.created").actor == "system"


def test_without_json_only_the_token_is_on_stdout(create_token: Callable[..., Ran]) -> None:
    ran = create_token("ada", "--scopes", "read,decide", "--days", "2")
    token = api_tokens.found(ran.out.strip())
    assert token is not None
    assert token.scopes == ["read", "decide"]
    assert abs(token.expires_at - clock.now() - timedelta(days=2)) < timedelta(minutes=1)
    assert "shown only now" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("mallory", "--scopes", "read"), 2),
        (("ada",), 2),
        (("ada", "--scopes", "rule"), 1),
        (("ada", "--scopes", "read", "--days", "0"), 1),
    ],
)
def test_what_makes_no_sense_makes_no_token(
    create_token: Callable[..., Ran], arguments: tuple[str, ...], code: int
) -> None:
    ran = create_token(*arguments)
    assert (ran.code, ran.out, ApiToken.objects.count()) == (code, "", 0)
    assert ran.err
