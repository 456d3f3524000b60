import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0013_batches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BufferedMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("key", models.CharField(blank=True, default="", max_length=255)),
                ("payload", models.JSONField(default=dict)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("message", "Message"),
                            ("signal", "Signal"),
                            ("event", "Event"),
                            ("call", "Call"),
                            ("answer", "Answer"),
                            ("cancel", "Cancel"),
                        ],
                        max_length=10,
                    ),
                ),
                ("execution_id", models.BigIntegerField(null=True)),
                ("data", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("task_id", models.BigIntegerField(null=True)),
                ("node", models.IntegerField()),
                ("handler", models.IntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("message", "Message"), ("signal", "Signal")], max_length=10
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("key", models.CharField(blank=True, default="", max_length=255)),
            ],
        ),
        migrations.AddField(
            model_name="execution",
            name="marking",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="execution",
            name="parent_task",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="iteration",
            field=models.IntegerField(db_default=1, default=1, verbose_name="iteration"),
        ),
        migrations.AddField(
            model_name="task",
            name="loop_index",
            field=models.IntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="scope",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="attached_to",
            field=models.CharField(
                blank=True, default="", max_length=100, verbose_name="is attached to"
            ),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="calls",
            field=models.JSONField(blank=True, default=dict, verbose_name="calls"),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="compensates",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="undoes"),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="event",
            field=models.JSONField(blank=True, default=dict, verbose_name="event"),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="loop",
            field=models.JSONField(blank=True, default=dict, verbose_name="loop"),
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="parent",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="lies in"),
        ),
        migrations.AddField(
            model_name="timer",
            name="handler",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="taskdefinition",
            name="kind",
            field=models.CharField(
                choices=[
                    ("agent", "Agent"),
                    ("human", "Approval by a person"),
                    ("start", "Start"),
                    ("end", "End"),
                    ("exclusive", "Exclusive gateway"),
                    ("parallel", "Parallel gateway"),
                    ("inclusive", "Inclusive gateway"),
                    ("event_gateway", "Event gateway"),
                    ("catch", "Waits for an event"),
                    ("throw", "Sends an event"),
                    ("boundary", "Event on a task"),
                    ("scope", "Sub-process"),
                    ("call", "Call of a workflow"),
                    ("pass", "Nothing to do"),
                ],
                default="agent",
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="timer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("retry", "Retry"),
                    ("task_timeout", "Task timeout"),
                    ("execution_timeout", "Execution timeout"),
                    ("event", "Timer event"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("parent_task__isnull", False)),
                fields=["parent_task"],
                name="executions_by_calling_task",
            ),
        ),
        migrations.AddIndex(
            model_name="bufferedmessage",
            index=models.Index(fields=["name", "key", "id"], name="buffered_messages_by_key"),
        ),
        migrations.AddIndex(
            model_name="bufferedmessage",
            index=models.Index(fields=["expires_at"], name="buffered_messages_by_end"),
        ),
        migrations.AddField(
            model_name="subscription",
            name="execution",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subscriptions",
                to="workflows.execution",
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["kind", "name", "key", "id"], name="subscriptions_by_event"),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                fields=("execution", "handler"), name="a_handler_waits_for_one_event"
            ),
        ),
        *sql.install("end", "write_tokens", "move_tasks", "due", "look"),
    ]
