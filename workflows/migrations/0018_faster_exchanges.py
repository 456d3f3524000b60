import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from workflows.engine import sql

# Rows that one execution changes again and again: room for their next version beside them spares
# every index an entry.
ROOM = """
ALTER TABLE workflows_audithead SET (fillfactor = 50);
ALTER TABLE workflows_agentslot SET (fillfactor = 50);
ALTER TABLE workflows_execution SET (fillfactor = 70);
"""
NO_ROOM = """
ALTER TABLE workflows_audithead RESET (fillfactor);
ALTER TABLE workflows_agentslot RESET (fillfactor);
ALTER TABLE workflows_execution RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0017_decision_tables"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="execution", name="one_execution_per_idempotency_key"
        ),
        migrations.RemoveIndex(model_name="agentslot", name="slots_by_agent"),
        migrations.AlterField(
            model_name="execution",
            name="paused_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="requested_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="requested by",
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="version",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="executions",
                to="workflows.version",
            ),
        ),
        migrations.AlterField(
            model_name="execution",
            name="workflow",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="executions",
                to="workflows.workflow",
            ),
        ),
        migrations.AddIndex(
            model_name="agentslot",
            index=models.Index(fields=["agent_key", "session", "id"], name="slots_by_holder"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("requested_by__isnull", False)),
                fields=["requested_by"],
                name="executions_by_person",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("paused_by__isnull", False)),
                fields=["paused_by"],
                name="executions_by_who_paused",
            ),
        ),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("workflow", "idempotency_key"),
                name="one_execution_per_idempotency_key",
            ),
        ),
        migrations.RunSQL(ROOM, NO_ROOM),
        *sql.install(
            "append_audit",
            "guards",
            "stale",
            "settle",
            "open",
            "end",
            "hold",
            "take",
            "lend",
            "advance",
        ),
    ]
