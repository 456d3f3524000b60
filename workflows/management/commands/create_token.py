from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from workflows.engine import api_tokens
from workflows.management.documents import BAD_USAGE, DocumentCommand
from workflows.models import Scope

DAYS = 90


class Command(DocumentCommand):
    help = "Make an API token of a user. It is printed once and kept nowhere."
    refusal = "No token was made."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help="whose rights it has, within its scopes")
        parser.add_argument(
            "--scopes", nargs="+", required=True, metavar="SCOPE", help=", ".join(Scope.values)
        )
        parser.add_argument("--days", type=int, default=DAYS, help=f"it lives; {DAYS} unless given")
        parser.add_argument("--name", default="", help="what it is for")

    def run(self, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"USER: there is no active user “{options['user']}”.", returncode=BAD_USAGE
            )
        scopes = [word for text in options["scopes"] for word in text.split(",") if word]
        token, text = api_tokens.create(user, scopes, name=options["name"], days=options["days"])
        if not options["json"]:
            self.stdout.write(text)
            until = f"{token.expires_at:%Y-%m-%d %H:%M %Z}"
            self.tell(f"It is shown only now, and works until {until}.")
            return
        self.document(
            {
                "token": text,
                "prefix": token.prefix,
                "user": user.get_username(),
                "name": token.name,
                "scopes": token.scopes,
                "expires_at": token.expires_at and token.expires_at.isoformat(),
            }
        )
