from django.db import migrations

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0008_doubt_and_ageing")]

    operations = sql.install("due", "look", "open", "end", "lend", "advance")
