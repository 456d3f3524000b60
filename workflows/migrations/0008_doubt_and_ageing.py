from django.db import migrations, models

from workflows.engine import sql

LIVE_TASKS = """
UPDATE workflows_task SET rank = priority, waits_since = CASE WHEN is_ready THEN now() END
WHERE state NOT IN ('completed', 'cancelled')
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0007_api_tokens")]

    operations = [
        migrations.AddField(
            "lanemember", "is_repeatable", models.BooleanField(db_default=True, default=True)
        ),
        migrations.AddField(
            "task", "is_repeatable", models.BooleanField(db_default=True, default=True)
        ),
        migrations.AddField("task", "rank", models.SmallIntegerField(db_default=2, default=2)),
        migrations.AddField("task", "waits_since", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(LIVE_TASKS, migrations.RunSQL.noop),
        migrations.RemoveIndex("task", "ready_tasks"),
        migrations.AddIndex(
            "task",
            models.Index(
                models.F("lane"),
                models.OrderBy(models.F("rank"), descending=True),
                models.F("id"),
                condition=models.Q(("is_ready", True)),
                name="ready_tasks",
            ),
        ),
        migrations.AddIndex(
            "task",
            models.Index(
                fields=["waits_since"],
                condition=models.Q(("is_ready", True), ("rank__lt", 3)),
                name="ready_tasks_that_may_rise",
            ),
        ),
        migrations.AddConstraint(
            "task",
            models.CheckConstraint(
                condition=models.Q(
                    ("is_ready", False), ("waits_since__isnull", False), _connector="OR"
                ),
                name="a_ready_task_says_since_when",
            ),
        ),
        migrations.AddConstraint(
            "task",
            models.CheckConstraint(
                condition=models.Q(
                    ("is_ready", False),
                    ("rank", models.F("priority")),
                    models.Q(("rank__gt", models.F("priority")), ("rank__lt", 4)),
                    _connector="OR",
                ),
                name="waiting_raises_a_task_to_high_at_most",
            ),
        ),
        *sql.install("start", "settle", "lend", "fire_retries", "age"),
    ]
