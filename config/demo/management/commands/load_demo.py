from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from config.demo import loading


class Command(BaseCommand):
    help = "Load the demo: shop, agents, workflows and people. Repeating it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *, json: bool, **options: Any) -> None:
        people = loading.load()
        if json:
            self.stdout.write(document(people))
            return
        if not people:
            self.stdout.write("The demo is loaded.")
            return
        self.stdout.write("The demo is loaded. Its people, with passwords shown only now:")
        for person in people:
            self.stdout.write(f"  {person.username:<8}{person.group:<10}{person.password}")


def document(people: list[loading.NewPerson]) -> str:
    return json.dumps({"people": [asdict(person) for person in people]})
