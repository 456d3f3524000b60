"""The admin site's pages for definitions. Runs, approvals and history are the desk's alone."""

from . import tokens, versions, workflows

__all__ = ["tokens", "versions", "workflows"]
