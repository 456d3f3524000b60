"""The admin site's pages for definitions. Runs, approvals and history are the desk's alone."""

from . import versions, workflows

__all__ = ["versions", "workflows"]
