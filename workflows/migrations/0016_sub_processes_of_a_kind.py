from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0015_diagrams")]

    operations = [
        migrations.AddField(
            model_name="taskdefinition",
            name="scope",
            field=models.JSONField(blank=True, default=dict, verbose_name="kind of sub-process"),
        ),
    ]
