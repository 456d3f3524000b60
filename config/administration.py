"""The admin site without django-q2's pages: they unpickle unsigned rows, which can run any code."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.module_loading import module_has_submodule

UNSAFE = {"django_q"}


class AdminConfig(SimpleAdminConfig):
    """Finds the admin pages of every app except the unsafe ones."""

    def ready(self) -> None:
        super().ready()
        for app in apps.get_app_configs():
            if app.name not in UNSAFE and module_has_submodule(app.module, "admin"):
                import_module(f"{app.name}.admin")
