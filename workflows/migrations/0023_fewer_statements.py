from django.db import migrations

from workflows.engine import sql

# Their arguments have changed. What hangs on the types goes with them.
OLD = """
DROP FUNCTION IF EXISTS workflows_hold(bigint, text[], text[], bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0022_circuit_breakers")]

    operations = [
        migrations.RunSQL(OLD, migrations.RunSQL.noop),
        *sql.install(
            "types",
            "append_audit",
            "record",
            "judge",
            "stale",
            "settle",
            "open",
            "end",
            "hold",
            "choose",
            "take",
            "lend",
            "advance",
            "advance_tokens",
        ),
    ]
