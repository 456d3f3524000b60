"""Bearer tokens: made once, kept as an HMAC under a pepper that is not in the database."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import Q
from django.utils.encoding import force_bytes

from workflows import clock
from workflows.errors import InvalidInput
from workflows.models import ApiToken, Scope
from workflows.models.tokens import PREFIX_LENGTH

from . import transitions

LETTERS = string.ascii_letters + string.digits
SECRET_LENGTH = 43  # letters of 62: 256 bits
PATTERN = re.compile(rf"sbx_[A-Za-z0-9]{{8}}_[A-Za-z0-9]{{{SECRET_LENGTH}}}\Z")
LONGEST_DAYS = 3650
USE_NOTED_AFTER = timedelta(minutes=1)


def create(
    user: User,
    scopes: Sequence[str],
    *,
    name: str = "",
    days: int | None = None,
    by: AbstractBaseUser | None = None,
) -> tuple[ApiToken, str]:
    """A new token of a user, and its text, which is not kept anywhere. Raises InvalidInput."""
    _check(scopes, name, days)
    prefix = "sbx_" + _random(8)
    text = f"{prefix}_{_random(SECRET_LENGTH)}"
    pepper_id, pepper = next(iter(_peppers().items()))
    now = clock.now()
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(text, pepper),
            pepper_id=pepper_id,
            scopes=[scope for scope in Scope.values if scope in scopes],
            created_at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        transitions.record([_entry(token, "token.created", by)])
    return token, text


def revoke(token: ApiToken, *, by: AbstractBaseUser | None) -> bool:
    """End a token now; False when it had been revoked already."""
    with transaction.atomic():
        alive = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
        if not alive.update(revoked_at=clock.now()):
            return False
        transitions.record([_entry(token, "token.revoked", by)])
    return True


def found(text: str) -> ApiToken | None:
    """The usable token that this is the text of, its user loaded; None when there is none."""
    if not PATTERN.match(text):
        return None
    usable = ApiToken.objects.usable(clock.now()).select_related("user")
    token = usable.filter(prefix=text[:PREFIX_LENGTH]).first()
    pepper = _peppers().get(token.pepper_id) if token else None
    if token is None or pepper is None:
        return None
    return token if hmac.compare_digest(token.digest, _digest(text, pepper)) else None


def note_use(token: ApiToken) -> None:
    """Keep when it was last used, to the minute: a busy token must not write on every request."""
    now = clock.now()
    is_due = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_NOTED_AFTER)
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_AFTER:
        ApiToken.objects.filter(is_due, pk=token.pk).update(last_used_at=now)


def _check(scopes: Sequence[str], name: str, days: int | None) -> None:
    known = ", ".join(Scope.values)
    found = [f"scopes: “{s}” is none of {known}" for s in scopes if s not in Scope.values]
    if not scopes:
        found.append(f"scopes: name at least one of {known}")
    if len(name) > 200:
        found.append(f"name: it has {len(name)} characters; 200 is the limit")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        found.append(f"days: {days} is not from 1 to {LONGEST_DAYS}")
    if found:
        raise InvalidInput(found)


def _random(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _peppers() -> dict[str, bytes]:
    """By id, the present one first; SECRET_KEY_FALLBACKS keep older tokens alive."""
    found = {}
    for key in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        pepper = hmac.digest(force_bytes(key), b"signalbox.api_tokens.pepper", "sha256")
        found[hashlib.sha256(pepper).hexdigest()[:8]] = pepper
    return found


def _digest(text: str, pepper: bytes) -> str:
    return hmac.digest(pepper, text.encode(), "sha256").hex()


def _entry(token: ApiToken, kind: str, by: AbstractBaseUser | None) -> transitions.Entry:
    until = token.expires_at.isoformat() if token.expires_at else None
    return transitions.Entry(
        kind=kind,
        entity_type="token",
        entity_id=token.prefix,
        actor=transitions.actor(by),
        data={
            "user": token.user.get_username(),
            "name": token.name,
            "scopes": token.scopes,
            "expires_at": until,
        },
    )
