"""What the run-time role may do: rows yes, structure no, history only through its function."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from config.postgres import USERS

APP = sql.Identifier(USERS["app"])
READ_ONLY = ("workflows_auditevent", "django_migrations")

SCHEMAS = """
    SELECT nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
      AND has_schema_privilege(oid, 'USAGE WITH GRANT OPTION')
    UNION SELECT 'public'
"""
ROWS = """
    GRANT USAGE ON SCHEMA {schema} TO {app};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {app};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {app};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {app};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {app};
"""
READING = """
    GRANT USAGE ON SCHEMA {schema} TO {app};
    GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {app};
"""
REFUSE_WRITES = "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {app}"


def grant_after_migrate(using: str, **_: Any) -> None:
    """Called by Django when all apps are migrated, in test databases too."""
    grant(using)


def grant(using: str = "default") -> None:
    """Idempotent; does nothing where the run-time role does not exist (DATABASE_URL)."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        if _is_ours(cursor):
            for schema in _schemas(cursor):
                template = ROWS if schema == "public" else READING
                cursor.execute(sql.SQL(template).format(schema=sql.Identifier(schema), app=APP))
            for table in _present(cursor, READ_ONLY):
                cursor.execute(sql.SQL(REFUSE_WRITES).format(table=sql.Identifier(table), app=APP))


def _is_ours(cursor: CursorWrapper) -> bool:
    cursor.execute(
        "SELECT count(*) = 2 FROM pg_roles WHERE rolname IN (%s, %s) AND NOT rolsuper"
        " AND current_user = %s",
        [USERS["app"], USERS["owner"], USERS["owner"]],
    )
    return bool(cursor.fetchone()[0])


def _schemas(cursor: CursorWrapper) -> list[str]:
    cursor.execute(SCHEMAS)
    return [name for (name,) in cursor.fetchall()]


def _present(cursor: CursorWrapper, tables: tuple[str, ...]) -> list[str]:
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s)",
        [list(tables)],
    )
    return [name for (name,) in cursor.fetchall()]
