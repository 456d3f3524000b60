from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    name = "config.demo"
    label = "demo"
    verbose_name = _("Demo shop")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from config.demo import cancelling
        from workflows import engine

        engine.on_event("execution_state_changed", cancelling.release_stock)
