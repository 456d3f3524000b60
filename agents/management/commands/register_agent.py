from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents import orchestrator
from agents.executors import configuration
from agents.models import Agent, Kind, Role
from agents.orchestrator import workforce
from workflows.errors import InvalidDefinition
from workflows.graph.validation import Problem
from workflows.management.documents import DocumentCommand, given


class Command(DocumentCommand):
    help = "Add an agent, or change what is given of the one with this key."
    refusal = "The agent was not registered."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--key", required=True)
        parser.add_argument("--name")
        parser.add_argument("--description")
        parser.add_argument("--role", choices=Role.values, help="worker unless given")
        parser.add_argument("--kind", choices=Kind.values, help="python unless given")
        parser.add_argument("--capabilities", metavar="A,B", type=_words)
        parser.add_argument("--max-concurrent", dest="max_concurrent_tasks", type=int, metavar="N")
        parser.add_argument("--status", choices=Agent.Status.values, help="active unless given")
        parser.add_argument(
            "--breaker-failures",
            type=int,
            metavar="N",
            help="failures in a row that open its breaker; 0 turns it off; 5 unless given",
        )
        parser.add_argument(
            "--breaker-cooldown",
            dest="breaker_cooldown_seconds",
            type=int,
            metavar="SECONDS",
            help="until a trial; 30 unless given",
        )
        parser.add_argument(
            "--config",
            metavar="JSON|@FILE",
            help='{"tool": …} for python; {"url": …, "method": …} for http',
        )

    def run(self, **options: Any) -> None:
        key = options["key"]
        before = Agent.objects.filter(key=key).first()
        values = {name: options[name] for name in workforce.FIELDS if options[name] is not None}
        if "config" in values:
            values["config"] = given(options["config"], "--config")
        self._check(before or Agent(key=key), values)
        if before is None:
            values.setdefault("name", key)
        agent = orchestrator.register_agent(key=key, **values)
        self._report(agent, is_new=before is None, as_json=options["json"])

    def _check(self, agent: Agent, values: dict[str, Any]) -> None:
        found = workforce.problems(agent.key, values)
        kind, config = values.get("kind", agent.kind), values.get("config", agent.config)
        found += [
            Problem(agent.key, "config", text) for text in configuration.problems(kind, config)
        ]
        if found:
            raise InvalidDefinition(found)

    def _report(self, agent: Agent, *, is_new: bool, as_json: bool) -> None:
        if as_json:
            self.document(
                {
                    "agent_id": agent.key,
                    "created": is_new,
                    **{name: getattr(agent, name) for name in workforce.FIELDS},
                }
            )
            return
        done = "registered" if is_new else "changed"
        self.stdout.write(
            f"Agent {agent.key} is {done}: {agent.role}, {agent.status}, "
            f"{agent.max_concurrent_tasks} tasks at a time."
        )


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]
