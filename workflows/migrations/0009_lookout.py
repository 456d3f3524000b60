from django.db import migrations

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0008_doubt_and_ageing")]

    # workflows_look reads tables of a later migration, which installs it: 0013.
    operations = sql.install("due", "open", "end", "lend", "advance")
