"""Who may see and do what. Deny by default: a route says its permission or the build fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from workflows import entrances
from workflows.engine import approvals
from workflows.models import Approval

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

    Somebody = User | AnonymousUser | AbstractBaseUser

SEE = "workflows.view_execution"
START = "workflows.start_workflow"
OPERATE = "workflows.operate_execution"
DECIDE = "workflows.decide_approval"
SEE_AGENTS = "agents.view_agent"
CLOSE_BREAKER = "agents.close_breaker"
AUDIT = "workflows.view_auditevent"
EDIT = "workflows.change_workflow"
PUBLISH = "workflows.publish_workflow"
ANY_ROLE = (SEE, START, OPERATE, DECIDE, AUDIT, EDIT, PUBLISH)

View = Callable[..., HttpResponseBase]


def requires(*permissions: str) -> Callable[[View], View]:
    """Declares a route's permissions: one of them suffices; nobody else gets past the door."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            if not may_any(request.user, permissions):
                return _turned_away(request, permissions)
            return view(request, *args, **kwargs)

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate


def may_any(user: Somebody, permissions: tuple[str, ...] = ANY_ROLE) -> bool:
    """Whether the user has at least one of the permissions."""
    return any(user.has_perm(permission) for permission in permissions)  # type: ignore[union-attr]


def person(request: HttpRequest) -> User:
    """The logged-in user; `requires` has let nobody else in."""
    return cast("User", request.user)


def waiting_for(user: Any) -> QuerySet[Approval]:
    """Open approvals that the user, or a group of the user's, is asked to decide."""
    asked = Approval.objects.filter(state=Approval.State.OPEN).filter(_candidate(user))
    return asked.exclude(decisions__user=user)


def decided_by(user: Any) -> QuerySet[Approval]:
    """Approvals that the user has answered."""
    return Approval.objects.filter(decisions__user=user)


def refusal(user: Any, approval: Approval) -> str:
    """Why the user may not decide this approval now, in one sentence; "" when they may."""
    if approval.state != Approval.State.OPEN:
        return _("This approval is closed.")
    if not user.has_perm(DECIDE):
        return _("Your role does not decide approvals.")
    return approvals.refusal(approval, user)


def people(approval: Approval) -> str:
    """Who is asked, for reading."""
    return approvals.people(approval)


def _candidate(user: Any) -> Q:
    groups = list(user.groups.values_list("name", flat=True))
    return Q(groups__has_any_keys=groups) | Q(users__contains=[user.get_username()])


def _turned_away(request: HttpRequest, needed: tuple[str, ...]) -> HttpResponse:
    """A page; for htmx, which swaps what it gets, a toast."""
    if not getattr(request, "htmx", False):
        raise PermissionDenied
    entrances.refused(request.user, entrances.Door.of(request), needed)
    messages.error(request, _("Your role does not allow this."))
    return render(request, "components/toasts.html", status=403)


def _to_login(request: HttpRequest) -> HttpResponse:
    """To the login page; what htmx has sent stays on its page, with what was typed."""
    if not getattr(request, "htmx", False):
        return redirect_to_login(request.get_full_path())
    if request.method == "POST":
        told = _("You are signed out. Log in in another tab, then send this once more.")
        return HttpResponse(told, status=401, content_type="text/plain; charset=utf-8")
    here = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(here).url})
