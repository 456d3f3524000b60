from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.supervisor.first_steps import migrate, populate


class Command(BaseCommand):
    help = "Prepares the database, the demo and the administrator, as `up` does, and ends."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave the example out")

    def handle(self, *args: Any, **options: Any) -> None:
        migrate()
        for line in populate(demo=settings.DEMO):
            self.stdout.write(line)
