from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

PREFIX_LENGTH = 12  # "sbx_" and eight letters: enough to name a token, of no use to open a door


class Scope(models.TextChoices):
    READ = "read", _("See executions, approvals, workflows and agents")
    START = "start", _("Start executions")
    OPERATE = "operate", _("Pause, resume, cancel and retry executions; publish workflows")
    DECIDE = "decide", _("Decide approvals")
    AGENTS = "agents", _("See agents")


class ApiTokens(QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> ApiTokens:
        """Neither revoked nor expired, of people who may log in."""
        fresh = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
        return self.filter(fresh, revoked_at__isnull=True, user__is_active=True)


class ApiToken(models.Model):
    """A bearer token: it acts as its user, within its scopes. The secret itself is nowhere.

    `digest` is HMAC-SHA256 under the pepper that `pepper_id` names (engine/api_tokens.py).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=200, blank=True)
    prefix = models.CharField(_("begins with"), max_length=PREFIX_LENGTH, unique=True)
    digest = models.CharField(max_length=64)
    pepper_id = models.CharField(max_length=8)
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = ApiTokens.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name, verbose_name_plural = _("API token"), _("API tokens")
        permissions = (("revoke_apitoken", _("Can revoke API tokens")),)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="a_token_lives_before_it_expires",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"),
                name="a_token_is_kept_as_a_digest_only",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"
