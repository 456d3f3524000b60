from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DeskConfig(AppConfig):
    """The last app: after every migration, the run-time role gets what it needs and no more."""

    name = "config"

    def ready(self) -> None:
        from config.grants import grant_after_migrate

        # Django announces apps with models only, in this order.
        last = [app for app in apps.get_app_configs() if app.models_module][-1]
        post_migrate.connect(grant_after_migrate, sender=last, dispatch_uid="config.grants")
