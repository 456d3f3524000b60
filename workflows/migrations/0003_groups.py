from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SEES = ("view_execution", "view_workflow", "view_version")
GROUPS = {
    "operator": (*SEES, "start_workflow", "operate_execution", "view_approval", "view_auditevent"),
    "approver": (*SEES, "decide_approval", "view_approval"),
    "modeller": (
        *SEES, "start_workflow", "add_workflow", "change_workflow", "delete_workflow",
        "publish_workflow", "add_taskdefinition", "change_taskdefinition", "delete_taskdefinition",
        "view_taskdefinition",
    ),
    "auditor": (*SEES, "view_approval", "view_auditevent"),
}


def create_groups(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Permissions normally appear after the last migration: make them now, then the groups."""
    config = apps.get_app_config("workflows")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*Permission.objects.filter(
            content_type__app_label="workflows", codename__in=codenames
        ))


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0002_database_functions"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, migrations.RunPython.noop)]
