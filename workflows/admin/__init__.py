"""The admin site's pages for definitions. Runs, approvals and history are the desk's alone."""

from . import forms, tokens, versions, workflows

__all__ = ["forms", "tokens", "versions", "workflows"]
