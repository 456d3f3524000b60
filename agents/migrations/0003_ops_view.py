from django.db import migrations

VIEW = """
CREATE OR REPLACE VIEW ops_v1.agent AS
SELECT a.key AS agent_id, a.max_concurrent_tasks AS max_concurrent FROM public.agents_agent a
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_groups"), ("workflows", "0004_audit_checkpoints")]

    operations = [migrations.RunSQL(VIEW, migrations.RunSQL.noop)]
