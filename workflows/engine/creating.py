"""A new workflow to draw: a draft with a start, and nothing else yet."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from workflows.errors import DraftExists
from workflows.models import Workflow

from . import definitions, drafts


def create_workflow(key: str, name: str, *, by: User | None) -> Workflow:
    """Make the draft of a workflow with a start.

    Raises DraftExists when there is one with this key, InvalidDefinition for a bad key or name.
    """
    if Workflow.objects.filter(key=key).exists():
        raise DraftExists(f"There is a workflow “{key}” already.")
    with transaction.atomic():
        workflow = definitions.draft(key, {"name": name})
        definitions.write(workflow, {"tasks": [{"key": "start", "name": "Start", "kind": "start"}]})
        drafts.changed(workflow, by=by, kind="workflow.created")
    return workflow
