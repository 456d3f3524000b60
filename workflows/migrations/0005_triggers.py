import django.core.validators
import django.db.models.deletion
import django.db.models.fields.json
from django.conf import settings
from django.db import migrations, models

from workflows.engine import sql


class Migration(migrations.Migration):

    dependencies = [
        ('workflows', '0004_audit_checkpoints'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, validators=[django.core.validators.RegexValidator('^[A-Za-z_][A-Za-z0-9_.-]*\\Z', 'Use letters, digits, “_”, “-” and “.”, starting with a letter.')], verbose_name='name')),
                ('key', models.CharField(blank=True, max_length=200, null=True, verbose_name='key')),
                ('payload', models.JSONField(default=dict, verbose_name='payload')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='told by')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Trigger',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('event', 'Event'), ('schedule', 'Schedule'), ('workflow_end', 'End of a workflow')], default='event', max_length=20, verbose_name='kind')),
                ('config', models.JSONField(default=dict, verbose_name='settings')),
                ('is_defined', models.BooleanField(default=False, editable=False)),
                ('is_paused', models.BooleanField(default=False, editable=False, verbose_name='paused')),
                ('paused_at', models.DateTimeField(editable=False, null=True)),
                ('pause_reason', models.TextField(blank=True, default='', editable=False)),
                ('next_due_at', models.DateTimeField(editable=False, null=True, verbose_name='next run')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('paused_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='starters', to='workflows.workflow', verbose_name='workflow')),
            ],
            options={
                'verbose_name': 'trigger',
                'verbose_name_plural': 'triggers',
                'ordering': ('workflow__name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Firing',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('ended_state', models.CharField(blank=True, db_default='', default='', max_length=10)),
                ('due_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('started', 'Started'), ('filtered', 'Filter said no'), ('paused', 'Trigger paused'), ('skipped', 'Missed'), ('invalid', 'Input invalid'), ('refused', 'Refused'), ('failed', 'Failed')], default='waiting', max_length=10, verbose_name='outcome')),
                ('problems', models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ('depth', models.SmallIntegerField(db_default=0, default=0)),
                ('created_at', models.DateTimeField(verbose_name='at')),
                ('fired_at', models.DateTimeField(null=True)),
                ('ended', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workflows.execution')),
                ('event', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='firings', to='workflows.event')),
                ('execution', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflows.execution')),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workflows.workflow')),
                ('trigger', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='firings', to='workflows.trigger')),
            ],
            options={
                'verbose_name': 'firing',
                'verbose_name_plural': 'firings',
                'ordering': ('-id',),
            },
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['name', '-id'], name='events_by_name'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('name', 'key'), name='one_event_per_name_and_key'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['next_due_at'], name='due_schedules'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('event', 'config'), condition=models.Q(('kind', 'event')), name='triggers_by_event'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('workflow', 'config'), condition=models.Q(('kind', 'workflow_end')), name='triggers_by_ended_workflow'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('event', 'schedule', 'workflow_end'))), name='a_trigger_has_one_of_three_kinds'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('is_paused', True), ('paused_at__isnull', False)), models.Q(('is_paused', False), ('paused_at__isnull', True)), _connector='OR'), name='a_paused_trigger_says_since_when'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(('next_due_at__isnull', True), models.Q(('is_paused', False), ('kind', 'schedule')), _connector='OR'), name='only_a_schedule_at_work_is_due'),
        ),
        migrations.AddIndex(
            model_name='firing',
            index=models.Index(fields=['trigger', '-id'], name='firings_by_trigger'),
        ),
        migrations.AddIndex(
            model_name='firing',
            index=models.Index(models.F('id'), condition=models.Q(('outcome', 'waiting')), name='waiting_firings'),
        ),
        migrations.AddConstraint(
            model_name='firing',
            constraint=models.UniqueConstraint(fields=('trigger', 'key'), name='a_trigger_fires_once_for_each_occasion'),
        ),
        migrations.AddConstraint(
            model_name='firing',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('execution__isnull', False), ('outcome', 'started')), models.Q(models.Q(('outcome', 'started'), _negated=True), ('execution__isnull', True)), _connector='OR'), name='a_firing_that_started_says_what'),
        ),
        migrations.AddConstraint(
            model_name='firing',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', True), ('ended__isnull', True), ('event__isnull', False)), models.Q(('due_at__isnull', False), ('ended__isnull', True), ('event__isnull', True)), models.Q(('due_at__isnull', True), ('ended__isnull', False), ('event__isnull', True)), _connector='OR'), name='a_firing_has_one_occasion'),
        ),
        *sql.install('note_end'),
    ]
