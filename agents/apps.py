from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = _("Agents")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from workflows.models import Lane

        from .orchestrator import lanes

        post_save.connect(lanes.serve_new_lane, sender=Lane, dispatch_uid="signalbox.lanes")
