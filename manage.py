#!/usr/bin/env python
"""The command line of Signalbox: says in one sentence why a command could not run."""

from __future__ import annotations

import os
import sys

OWNER_COMMANDS = {"flush", "makemigrations", "migrate", "setup", "sqlmigrate", "test", "up"}


def main() -> int:
    """Run one management command; 1 when the database cannot be used."""
    choose_environment(sys.argv)
    from django.core.management import execute_from_command_line
    from django.db import NotSupportedError

    from config.errors import StartError
    from config.postgres import Unreachable

    try:
        execute_from_command_line(sys.argv)
    except (StartError, Unreachable, NotSupportedError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def choose_environment(arguments: list[str]) -> None:
    """What the command implies, unless the environment already says otherwise."""
    command = arguments[1] if len(arguments) > 1 else ""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SIGNALBOX_DEMO", "0" if "--no-demo" in arguments else "1")
    if command == "qcluster":
        os.environ.setdefault("APP_ROLE", "worker")
    if command in OWNER_COMMANDS:
        os.environ.setdefault("SIGNALBOX_DATABASE_ROLE", "owner")


if __name__ == "__main__":
    sys.exit(main())
