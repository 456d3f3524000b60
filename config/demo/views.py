"""The demo's pages: what has been mailed, and what the outside world says."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.demo import outbox as mails
from config.demo.gateway import client as gateway
from workflows import access


@require_safe
@access.requires(access.SEE)
def outbox(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/outbox.html", {"mails": mails.newest()})


@require_safe
@access.requires(access.SEE)
def mail(request: HttpRequest, mail_id: str) -> HttpResponse:
    found = mails.get(mail_id)
    if found is None:
        raise Http404
    return render(request, "demo/mail.html", {"mail": found})


@require_safe
@access.requires(access.SEE)
def partners(request: HttpRequest) -> HttpResponse:
    seen: dict[str, Any]
    try:
        seen = {"charges": gateway.charges(), "suppliers": gateway.suppliers()}
    except gateway.GatewayDown as down:
        seen = {"down": str(down)}
    may_operate = access.may_any(request.user, (access.OPERATE,))
    return render(request, "demo/partners.html", {**seen, "may_operate": may_operate})


@require_POST
@access.requires(access.OPERATE)
def supplier_lock(request: HttpRequest, supplier_id: str) -> HttpResponse:
    locked = request.POST.get("locked") == "yes"
    try:
        gateway.lock(supplier_id, locked)
    except gateway.GatewayDown as down:
        messages.error(request, _("The partners could not be reached: %s") % down)
    else:
        said = _("The catalogue is locked.") if locked else _("The catalogue is unlocked.")
        messages.success(request, said)
    return redirect("partners")
