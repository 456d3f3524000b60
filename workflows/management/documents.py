"""How commands read a document from the command line, and print one to programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflows import access, json_text
from workflows.errors import Listed, NotAllowed, WorkflowError

REFUSED, BAD_USAGE = 1, 2


def given(text: str, option: str) -> dict[str, Any]:
    """The JSON object in an argument, or in the file that @path names.

    Raises CommandError, with the exit code of bad usage, saying what is wrong where.
    """
    try:
        return json_text.parsed_object(_content(text))
    except OSError as error:
        raise _bad(f"{option}: {text[1:]} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _bad(f"{option}: {text[1:]} is no UTF-8 text.") from error
    except json_text.Malformed as error:
        raise _bad(f"{option}: {error}") from error


def person(name: str | None, *permissions: str, to: str = "start workflows") -> User | None:
    """The user whom --as names; `to` says what the permissions are for, START when none is named.

    Raises CommandError for an unknown one, NotAllowed.
    """
    if name is None:
        return None
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"--as: there is no active user “{name}”.", returncode=BAD_USAGE)
    if not user.has_perms(permissions or (access.START,)):
        raise NotAllowed(f"{name} may not {to}.")
    return user


class DocumentCommand(BaseCommand):
    """A command with --json: one document on stdout and nothing else, refusals too."""

    # They load every page and the API, a third of the time until a command answers.
    requires_system_checks = ()
    refusal = ""  # how a refusal begins, where the error's own words do not fit

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**options)
        except WorkflowError as error:
            self._refuse(error, as_json=options["json"])
        except CommandError as error:
            if options["json"]:
                self.document({"error": str(error)})
            raise

    def run(self, **options: Any) -> None:
        """What the command does; a WorkflowError is a refusal and ends with exit code 1."""
        raise NotImplementedError

    def document(self, content: dict[str, Any]) -> None:
        """Print the one document."""
        self.stdout.write(json.dumps(content))

    def tell(self, text: str) -> None:
        """Say something on the way, where it disturbs no program."""
        self.stderr.write(text, style_func=str)
        self.stderr.flush()

    def _refuse(self, error: WorkflowError, *, as_json: bool) -> NoReturn:
        problems = [str(problem) for problem in getattr(error, "problems", [])]
        if as_json:
            told = {
                "problems": problems,
                "findings": [asdict(one) for one in getattr(error, "findings", [])],
            }
            kept = {name: found for name, found in told.items() if found}
            self.document({"error": str(error), **kept})
        own_words = type(error).__doc__ if isinstance(error, Listed) else str(error)
        words = (own_words or "").strip()
        text = "\n  ".join([self.refusal.format(why=words) or words, *problems])
        raise CommandError(text, returncode=REFUSED) from error


def _content(text: str) -> str:
    return Path(text[1:]).read_text("utf-8") if text.startswith("@") else text


def _bad(message: str) -> CommandError:
    return CommandError(message, returncode=BAD_USAGE)
