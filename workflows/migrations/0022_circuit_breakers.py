from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0021_shared_forms"),
    ]

    operations = [
        migrations.CreateModel(
            name="Breaker",
            fields=[
                ("agent_key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("threshold", models.PositiveIntegerField()),
                ("cooldown_seconds", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("closed", "Closed"),
                            ("open", "Open"),
                            ("half_open", "Half-open"),
                        ],
                        default="closed",
                        max_length=10,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                ("openings", models.PositiveIntegerField(default=0)),
                ("changed_at", models.DateTimeField(null=True)),
                ("trial_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(db_default="", default="")),
                ("failed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="agentslot",
            name="is_trial",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="lanemember",
            name="breaker",
            field=models.CharField(db_default="closed", default="closed", max_length=10),
        ),
        migrations.AddConstraint(
            model_name="agentslot",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_trial", True)),
                fields=("agent_key",),
                name="an_agent_has_one_trial_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="lanemember",
            constraint=models.CheckConstraint(
                condition=models.Q(("breaker__in", ("closed", "open", "half_open"))),
                name="a_member_knows_the_state_of_its_breaker",
            ),
        ),
        migrations.AddIndex(
            model_name="breaker",
            index=models.Index(
                condition=models.Q(("failures__gt", 0)),
                fields=["agent_key"],
                name="breakers_with_failures",
            ),
        ),
        migrations.AddIndex(
            model_name="breaker",
            index=models.Index(
                condition=models.Q(("trial_at__isnull", False)),
                fields=["trial_at"],
                name="breakers_by_trial",
            ),
        ),
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ("closed", "open", "half_open"))),
                name="a_breaker_is_closed_open_or_half_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "open"), ("trial_at__isnull", False)),
                    models.Q(
                        models.Q(("state", "open"), _negated=True), ("trial_at__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="an_open_breaker_and_no_other_has_a_trial_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("openings", 0), ("state", "closed")),
                    models.Q(
                        ("changed_at__isnull", False),
                        ("failures__gt", 0),
                        ("openings__gt", 0),
                        ("threshold__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="a_breaker_that_is_not_closed_has_opened_after_failures",
            ),
        ),
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(("threshold__gt", 0), ("failures", 0), _connector="OR"),
                name="a_breaker_that_is_off_counts_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="breaker",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cooldown_seconds__range", (1, 86400)), ("threshold__lte", 1000)
                ),
                name="a_breaker_has_sane_settings",
            ),
        ),
        *sql.install("due"),
    ]
