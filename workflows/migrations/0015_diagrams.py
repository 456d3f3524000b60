import django.db.models.deletion
import django.db.models.lookups
from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):

    dependencies = [
        ('workflows', '0014_tokens'),
    ]

    operations = [
        migrations.CreateModel(
            name='Diagram',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('draft_sha256', models.CharField(blank=True, default='', max_length=64)),
                ('process', models.CharField(blank=True, default='', max_length=255)),
                ('findings', models.JSONField(blank=True, default=list)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name': 'diagram',
                'verbose_name_plural': 'diagrams',
            },
        ),
        migrations.CreateModel(
            name='VersionDiagram',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'diagram of a version',
                'verbose_name_plural': 'diagrams of versions',
            },
        ),
        migrations.AddField(
            model_name='workflow',
            name='revision',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='revision'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('entity_type', 'workflow')), fields=['entity_id', '-id'], name='changes_by_workflow'),
        ),
        migrations.AddField(
            model_name='diagram',
            name='workflow',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='diagram', to='workflows.workflow'),
        ),
        migrations.AddField(
            model_name='versiondiagram',
            name='version',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='diagram', to='workflows.version'),
        ),
        migrations.AddConstraint(
            model_name='diagram',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(models.Func(models.F('content'), function='octet_length', output_field=models.IntegerField()), 5242880), name='a_diagram_has_at_most_5_mib'),
        ),
        migrations.AddConstraint(
            model_name='diagram',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.Exact(models.Func(models.Func(models.F('content'), function='sha256'), models.Value('hex'), function='encode', output_field=models.CharField()), models.F('sha256')), name='the_digest_of_a_diagram_is_its_own'),
        ),
        migrations.AddConstraint(
            model_name='versiondiagram',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.LessThanOrEqual(models.Func(models.F('content'), function='octet_length', output_field=models.IntegerField()), 5242880), name='a_versions_diagram_has_at_most_5_mib'),
        ),
        migrations.AddConstraint(
            model_name='versiondiagram',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.Exact(models.Func(models.Func(models.F('content'), function='sha256'), models.Value('hex'), function='encode', output_field=models.CharField()), models.F('sha256')), name='the_digest_of_a_versions_diagram_is_its_own'),
        ),
        *sql.install("diagram_guards"),
    ]
