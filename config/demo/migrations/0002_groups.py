from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SEEN = ("customer", "stockitem", "reservation", "shipment", "message", "purchaseprice", "invoice")
CHANGED = ("customer", "stockitem", "purchaseprice")


def let_modellers_keep_the_shop(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Permissions normally appear after the last migration: make them now."""
    config = apps.get_app_config("demo")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    codenames = [f"view_{name}" for name in SEEN] + [f"change_{name}" for name in CHANGED]
    Group.objects.get(name="modeller").permissions.add(
        *Permission.objects.filter(content_type__app_label="demo", codename__in=codenames)
    )


class Migration(migrations.Migration):
    dependencies = [("demo", "0001_the_shop"), ("workflows", "0003_groups")]

    operations = [migrations.RunPython(let_modellers_keep_the_shop, migrations.RunPython.noop)]
