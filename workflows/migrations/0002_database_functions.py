from django.db import migrations

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]

    operations = sql.install(*sql.FILES)
