import django.core.validators
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CLOSERS = ("operator", "modeller")
# Agents that are registered already get a breaker; those registered later get theirs with it.
BREAKERS = """
INSERT INTO workflows_breaker(agent_key, threshold, cooldown_seconds, state, failures, openings)
SELECT a.key, a.breaker_failures, a.breaker_cooldown_seconds, 'closed', 0, 0 FROM agents_agent a
ON CONFLICT DO NOTHING
"""


def grant_closing(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    config = apps.get_app_config("agents")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=editor.connection.alias)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    permission = Permission.objects.get(content_type__app_label="agents", codename="close_breaker")
    for group in Group.objects.filter(name__in=CLOSERS):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0003_ops_view"),
        ("workflows", "0022_circuit_breakers"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="agent",
            options={
                "ordering": ("name",),
                "permissions": (("close_breaker", "Can close the breaker of an agent"),),
                "verbose_name": "agent",
                "verbose_name_plural": "agents",
            },
        ),
        migrations.AddField(
            model_name="agent",
            name="breaker_cooldown_seconds",
            field=models.PositiveIntegerField(
                db_default=30,
                default=30,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="cool-down of the breaker, in seconds",
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="breaker_failures",
            field=models.PositiveIntegerField(
                db_default=5,
                default=5,
                validators=[django.core.validators.MaxValueValidator(1000)],
                verbose_name="failures in a row that open the breaker",
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("breaker_cooldown_seconds__range", (1, 86400)), ("breaker_failures__lte", 1000)
                ),
                name="an_agent_has_a_sane_breaker",
            ),
        ),
        migrations.RunSQL(BREAKERS, migrations.RunSQL.noop),
        migrations.RunPython(grant_closing, migrations.RunPython.noop),
    ]
