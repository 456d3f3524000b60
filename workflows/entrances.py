"""Who came in, who left and who was turned away: rows of the audit that belong to no execution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from workflows.engine import transitions

LONGEST_PATH = 500  # characters of it that are kept


class Door(NamedTuple):
    """Where somebody asks to be let in: the address asked for, and that of who asks."""

    method: str
    path: str
    address: str

    @classmethod
    def of(cls, request: HttpRequest) -> Door:
        return cls(request.method or "", request.path, request.META.get("REMOTE_ADDR", ""))


def listen() -> None:
    """Record every login, wherever in Django it happens."""
    user_logged_in.connect(_came, dispatch_uid="entrances")
    user_logged_out.connect(_left, dispatch_uid="entrances")
    user_login_failed.connect(_failed, dispatch_uid="entrances")


class Refusals:
    """Middleware: who is known and asks for a page that is not theirs leaves a row."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, PermissionDenied) and request.user.is_authenticated:
            view = request.resolver_match.func if request.resolver_match else None
            refused(request.user, Door.of(request), getattr(view, "permissions", ()))


def refused(user: Any, door: Door, needed: Iterable[str]) -> None:
    """Record that somebody asked for what their role, or their token, does not allow."""
    asked = {"method": door.method, "path": door.path[:LONGEST_PATH], "needed": list(needed)}
    _record("user.refused", user, transitions.actor(user), door.address, **asked)


def _came(sender: Any, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    _record("user.logged_in", user, transitions.actor(user), _address(request))


def _left(sender: Any, request: HttpRequest, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        _record("user.logged_out", user, transitions.actor(user), _address(request))


def _failed(
    sender: Any, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Of a name that nobody has nothing is kept: a password may have been typed in its place."""
    model = get_user_model()
    name = credentials.get("username", "")
    user = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
    _record("user.login_refused", user, transitions.SYSTEM, _address(request))


def _address(request: HttpRequest | None) -> str:
    return Door.of(request).address if request is not None else ""


def _record(
    kind: str, user: AbstractBaseUser | None, actor: str, address: str, **more: Any
) -> None:
    entity = str(user.pk) if user is not None else ""
    name = {"name": user.get_username()} if user is not None else {}
    data = {**name, "address": address, **more}
    with transaction.atomic():
        transitions.record([transitions.Entry(kind, "user", entity, actor, data=data)])
