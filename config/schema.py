"""Whether the database has the shape that this code expects."""

from __future__ import annotations

from django.db import connections
from django.db.migrations.executor import MigrationExecutor


def missing_migrations(using: str = "default") -> list[str]:
    """Names of the migrations that are not applied yet, in order."""
    executor = MigrationExecutor(connections[using])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _ in plan]
