from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0015_diagrams")]

    operations = [
        migrations.AddField(
            model_name="taskdefinition",
            name="scope",
            field=models.JSONField(blank=True, default=dict, verbose_name="kind of sub-process"),
        ),
        migrations.AlterField(
            model_name="event",
            name="name",
            field=models.CharField(max_length=200, verbose_name="name"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="held_for",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("held_for__isnull", False)),
                fields=["held_for"],
                name="held_deliveries",
            ),
        ),
        *sql.install("look", "advance", "write_tokens", "advance_tokens", "take_up"),
    ]
