from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0003_groups")]

    operations = [
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("no", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="no.")),
                ("upto", models.BigIntegerField(unique=True, verbose_name="up to row")),
                ("rows", models.IntegerField(verbose_name="rows")),
                ("root", models.CharField(max_length=64, verbose_name="root")),
                ("previous_root", models.CharField(blank=True, max_length=64, unique=True)),
                ("at", models.DateTimeField(verbose_name="at")),
                ("public_key", models.CharField(max_length=64, verbose_name="public key")),
                ("signature", models.CharField(max_length=128)),
            ],
            options={
                "verbose_name": "audit checkpoint",
                "verbose_name_plural": "audit checkpoints",
                "ordering": ("no",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("no__gte", 1)), name="checkpoints_count_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rows__gte", 1)), name="a_checkpoint_seals_something"
                    ),
                ],
            },
        ),
        *sql.install("audit_horizon", "checkpoint_guards", "ops_views"),
    ]
