"""Why Signalbox cannot start, told to a person."""

from __future__ import annotations


class StartError(Exception):
    """One sentence that says what is wrong and what to do about it."""
