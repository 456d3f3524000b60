from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

EDITS = ("view_trigger", "add_trigger", "change_trigger", "delete_trigger")


def create_triggers(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """The names that published versions list become event triggers, as publishing does it now."""
    Workflow, Trigger = apps.get_model("workflows", "Workflow"), apps.get_model("workflows", "Trigger")
    for workflow in Workflow.objects.filter(published__isnull=False).select_related("published"):
        for name in dict.fromkeys(workflow.published.graph.get("triggers") or ()):
            Trigger.objects.create(
                workflow=workflow,
                kind="event",
                config={"event": name, "filter": "", "mapping": {}},
                is_defined=True,
            )


def let_modellers_edit(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Permissions normally appear after the last migration: make them now, then give them."""
    from django.contrib.auth.management import create_permissions

    config = apps.get_app_config("workflows")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    group = Group.objects.get_or_create(name="modeller")[0]
    group.permissions.add(*Permission.objects.filter(
        content_type__app_label="workflows", codename__in=EDITS
    ))


class Migration(migrations.Migration):
    dependencies = [("workflows", "0005_triggers")]

    operations = [
        migrations.RunPython(create_triggers, migrations.RunPython.noop),
        migrations.RunPython(let_modellers_edit, migrations.RunPython.noop),
    ]
