"""Bearer tokens (RFC 6750): the token's scope and its user's permission are both needed.

A session cookie opens nothing here, so no other site can make a browser act.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from workflows import entrances
from workflows.access import may_any
from workflows.engine import api_tokens, transitions
from workflows.entrances import Door
from workflows.models import ApiToken, Scope

from .problems import Refusal

REALM = 'Bearer realm="Signalbox"'


class Bearer(HttpBearer):
    """Lets tokens in that have one of the scopes, of users who have one of the permissions."""

    openapi_description = "A token of `manage.py create_token`: `Authorization: Bearer sbx_…`"

    def __init__(self, scopes: tuple[Scope, ...], permissions: tuple[str, ...]) -> None:
        super().__init__()
        self.scopes, self.permissions = scopes, permissions

    def __call__(self, request: HttpRequest) -> ApiToken:
        token = self.admit(request.headers.get("Authorization", ""), Door.of(request))
        request.user = token.user
        return token

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        return self.admit(f"Bearer {token}", Door.of(request))

    def admit(self, authorization: str, door: Door) -> ApiToken:
        """The token in an Authorization header. Raises Refusal: 401, or 403, which is recorded."""
        scheme, _space, text = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise _unknown("Send a token: Authorization: Bearer sbx_…", REALM)
        token = api_tokens.found(text.strip())
        if token is None:
            why = "The token is not valid: it is unknown, expired or revoked."
            raise _unknown(why, f'{REALM}, error="invalid_token"')
        try:
            self._check(token)
        except Refusal:
            with transitions.with_token(token.prefix):
                entrances.refused(token.user, door, (*self.scopes, *self.permissions))
            raise
        api_tokens.note_use(token)
        return token

    def still_admits(self, token: ApiToken) -> bool:
        """Whether a token that is usable would be let in again."""
        return self._has_scope(token) and may_any(token.user, self.permissions)

    def _check(self, token: ApiToken) -> None:
        if not self._has_scope(token):
            wanted = " or ".join(self.scopes)
            raise Refusal(
                403,
                f"The token lacks the scope {wanted}.",
                "insufficient-scope",
                "Insufficient scope",
                headers={
                    "WWW-Authenticate": f'{REALM}, error="insufficient_scope", '
                    f'scope="{" ".join(self.scopes)}"'
                },
            )
        if not may_any(token.user, self.permissions):
            why = f"The role of {token.user.get_username()} does not allow this."
            raise Refusal(403, why, "not-allowed", "Not allowed")

    def _has_scope(self, token: ApiToken) -> bool:
        return any(scope in token.scopes for scope in self.scopes)


def needs(*scopes: Scope, may: tuple[str, ...] | str) -> Bearer:
    """Declares who may use an operation: any of the scopes, and any of the permissions `may`."""
    return Bearer(scopes, (may,) if isinstance(may, str) else may)


def acting(view: Callable[..., Any]) -> Callable[..., Any]:
    """Around every operation: what it records names the token."""

    @wraps(view)
    def named(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with transitions.with_token(request.auth.prefix):  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

    return named


def _unknown(why: str, challenge: str) -> Refusal:
    return Refusal(401, why, headers={"WWW-Authenticate": challenge})
