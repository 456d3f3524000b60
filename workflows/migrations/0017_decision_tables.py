import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0016_starts_and_sub_processes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DecisionFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("content", models.BinaryField()),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="file")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="imported")),
            ],
            options={
                "verbose_name": "file of decisions",
                "verbose_name_plural": "files of decisions",
            },
        ),
        migrations.CreateModel(
            name="DecisionTable",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z_][A-Za-z0-9_.-]*\\Z",
                                "Use letters, digits, “_”, “-” and “.”, starting with a letter.",
                            )
                        ],
                        verbose_name="key",
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "decision table",
                "verbose_name_plural": "decision tables",
                "ordering": ("name", "key"),
            },
        ),
        migrations.AddField(
            model_name="taskdefinition",
            name="decision",
            field=models.JSONField(blank=True, default=dict, verbose_name="decision"),
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
                    ("decision", "Decision table"),
                ],
                default="agent",
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="DecisionVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("model", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="imported")),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="workflows.decisionfile",
                    ),
                ),
                (
                    "table",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="workflows.decisiontable",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a decision",
                "verbose_name_plural": "versions of decisions",
                "ordering": ("-number",),
                "get_latest_by": "number",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table", "number"), name="decision_version_numbers_are_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)),
                        name="decision_versions_count_from_one",
                    ),
                ],
            },
        ),
        *sql.install("decision_guards", "settle"),
    ]
