from django.db import migrations

from workflows.engine import sql


class Migration(migrations.Migration):
    dependencies = [("workflows", "0004_audit_checkpoints")]

    operations = sql.install("lend")
