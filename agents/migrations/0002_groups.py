from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {
    "operator": ("view_agent", "change_agent"),
    "approver": ("view_agent",),
    "modeller": ("view_agent", "add_agent", "change_agent", "delete_agent"),
    "auditor": ("view_agent",),
}


def grant_agents(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    config = apps.get_app_config("agents")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        Group.objects.get(name=name).permissions.add(*Permission.objects.filter(
            content_type__app_label="agents", codename__in=codenames
        ))


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("workflows", "0003_groups")]

    operations = [migrations.RunPython(grant_agents, migrations.RunPython.noop)]
