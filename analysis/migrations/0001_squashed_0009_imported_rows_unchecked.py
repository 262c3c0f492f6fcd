"""All tables of the analysis in one step."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from survey.at_once import AtOnce



class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('analysis', '0001_tables'),
        ('analysis', '0002_item_counts'),
        ('analysis', '0003_releases'),
        ('analysis', '0004_figure_archive'),
        ('analysis', '0005_result_families'),
        ('analysis', '0006_sample_simulations'),
        ('analysis', '0007_alarms'),
        ('analysis', '0008_imports'),
        ('analysis', '0009_imported_rows_unchecked'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('survey', '0013_imported_studies'),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='AnalysisRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=10)),
                    ('family', models.CharField(blank=True, help_text='the family of results that it is at', max_length=20)),
                    ('step', models.CharField(blank=True, help_text='what it is doing now', max_length=60)),
                    ('parameters', models.JSONField(default=dict, help_text='seeds and choices')),
                    ('snapshot_hash', models.CharField(blank=True, help_text='SHA-256 of the data it read', max_length=64)),
                    ('plan_hash', models.CharField(blank=True, help_text='SHA-256 of the analysis plan; blank: none', max_length=64)),
                    ('results_hash', models.CharField(blank=True, help_text='SHA-256 of the results: repeat and compare', max_length=64)),
                    ('code_version', models.CharField(blank=True, max_length=40)),
                    ('results', models.JSONField(help_text='facts, and tables by name: columns and rows', null=True)),
                    ('overview', models.JSONField(default=list, help_text='per family its finding, and what is not estimable')),
                    ('warnings', models.JSONField(default=list)),
                    ('error', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='last sign of life of whoever computes it', null=True)),
                    ('n_starts', models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='analysis_runs', to='survey.study')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='CountedSession',
                fields=[
                    ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='survey.surveysession')),
                ],
            ),
            migrations.CreateModel(
                name='Delivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('event', models.CharField(choices=[('opened', 'Alarm'), ('closed', 'Alarm over'), ('digest', 'Several alarms'), ('test', 'Test')], max_length=10)),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('sending', 'Being sent'), ('sent', 'Sent'), ('failed', 'Given up')], default='planned', max_length=10)),
                    ('n_tries', models.PositiveSmallIntegerField(default=0, help_text="also says whose result counts: the latest try's")),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('due_at', models.DateTimeField(help_text='not tried before; while it is being sent, when the sender is given up')),
                    ('done_at', models.DateTimeField(blank=True, null=True)),
                    ('result', models.CharField(blank=True, help_text='what came of the latest try', max_length=300)),
                ],
                options={
                    'verbose_name_plural': 'deliveries',
                    'ordering': ['-created_at', '-pk'],
                },
            ),
            migrations.CreateModel(
                name='Heartbeat',
                fields=[
                    ('queue', models.CharField(max_length=20, primary_key=True, serialize=False)),
                    ('at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='Alarm',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('no_answers', 'No answers come in'), ('drop_out', 'Many drop out'), ('pay_low', 'Pay below the floor'), ('reconciliation', 'Visits do not agree with the panel'), ('quota_nearly_full', 'Quotas nearly full'), ('quota_full', 'Quotas full'), ('budget_nearly_spent', 'Budget nearly spent'), ('budget_spent', 'Budget spent'), ('run_stalled', 'Model run stands still'), ('run_stopped', 'Model run stopped by trouble'), ('worker_silent', 'Background work stands still'), ('texts_stale', 'Texts are stale')], max_length=24)),
                    ('subject', models.CharField(blank=True, help_text='what exactly: a country, a locale, a run', max_length=60)),
                    ('text', models.CharField(help_text='how it stood when it was last seen', max_length=600)),
                    ('details', models.JSONField(default=dict)),
                    ('opened_at', models.DateTimeField()),
                    ('seen_at', models.DateTimeField(help_text='when the cause was last found')),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                    ('acknowledged_by', models.CharField(blank=True, max_length=150)),
                    ('note', models.CharField(blank=True, max_length=300)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarms', to='survey.study')),
                ],
                options={
                    'ordering': ['-opened_at', '-pk'],
                },
            ),
            migrations.CreateModel(
                name='AlarmRule',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('no_answers', 'No answers come in'), ('drop_out', 'Many drop out'), ('pay_low', 'Pay below the floor'), ('reconciliation', 'Visits do not agree with the panel'), ('quota_nearly_full', 'Quotas nearly full'), ('quota_full', 'Quotas full'), ('budget_nearly_spent', 'Budget nearly spent'), ('budget_spent', 'Budget spent'), ('run_stalled', 'Model run stands still'), ('run_stopped', 'Model run stopped by trouble'), ('worker_silent', 'Background work stands still'), ('texts_stale', 'Texts are stale')], max_length=24)),
                    ('limit', models.FloatField(blank=True, help_text='empty: the standard one', null=True)),
                    ('is_on', models.BooleanField(default=True)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarm_rules', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='FigureArchive',
                fields=[
                    ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='figures', serialize=False, to='analysis.analysisrun')),
                    ('content', models.BinaryField(help_text='ZIP; empty where drawing failed')),
                    ('n_figures', models.PositiveSmallIntegerField()),
                    ('names', models.JSONField(default=list, help_text='the files in it')),
                    ('error', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
            ),
            migrations.CreateModel(
                name='GroupCount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('locale', models.CharField(blank=True, max_length=10)),
                    ('age_bucket', models.CharField(blank=True, choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('gender', models.CharField(blank=True, choices=[('woman', 'Woman'), ('man', 'Man'), ('another', 'Another gender'), ('undisclosed', 'Prefer not to say')], max_length=12)),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('is_simulated', models.BooleanField()),
                    ('n', models.PositiveIntegerField()),
                    ('n_culture', models.PositiveIntegerField()),
                    ('item', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.item')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='Import',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('release', 'Release of a study'), ('paper', "The paper's files"), ('answers', 'Answers collected elsewhere')], max_length=10)),
                    ('name', models.CharField(help_text='of the file or folder that was handed in', max_length=200)),
                    ('stored_as', models.CharField(blank=True, help_text='the uploaded file, until it is imported', max_length=80)),
                    ('identity', models.CharField(blank=True, help_text='SHA-256 by which the same data are known again', max_length=64)),
                    ('code', models.SlugField(blank=True)),
                    ('title', models.CharField(blank=True, max_length=200)),
                    ('mapping', models.JSONField(blank=True, default=dict, help_text='which column says what')),
                    ('is_dry', models.BooleanField(default=True, help_text='look only, store nothing')),
                    ('state', models.CharField(choices=[('waiting', 'Waiting for your choices'), ('queued', 'Queued'), ('running', 'Running'), ('checked', 'Checked, not stored'), ('faulty', 'Has faults, not stored'), ('failed', 'Failed'), ('done', 'Imported')], default='waiting', max_length=10)),
                    ('step', models.CharField(blank=True, help_text='what it is doing now', max_length=60)),
                    ('report', models.JSONField(default=dict, help_text='rows by table, countries, what the data say of themselves')),
                    ('faults', models.JSONField(default=list, help_text='file, line, column, value, what, mend')),
                    ('n_faults', models.PositiveIntegerField(default=0)),
                    ('by', models.CharField(blank=True, help_text='user name; blank: a command on the server', max_length=150)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='last sign of life of whoever imports it', null=True)),
                    ('n_starts', models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('study', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='imported', to='survey.study')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='ImportedRow',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('table_name', models.CharField(max_length=30)),
                    ('number', models.PositiveIntegerField(help_text='place in its table, from 1')),
                    ('line', models.PositiveIntegerField(help_text='line in the file that it came from')),
                    ('cells', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(null=True), size=None)),
                    ('study', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='ItemCount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('is_simulated', models.BooleanField()),
                    ('n', models.PositiveIntegerField()),
                    ('n_culture', models.PositiveIntegerField()),
                    ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.item')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='item_counts', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='ModelCount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('model_tag', models.CharField(max_length=64)),
                    ('persona_setting', models.CharField(max_length=12)),
                    ('persona_country', models.CharField(blank=True, max_length=2)),
                    ('persona_age', models.CharField(blank=True, max_length=10)),
                    ('persona_gender', models.CharField(blank=True, max_length=12)),
                    ('option_order', models.CharField(max_length=20)),
                    ('method', models.CharField(max_length=20)),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('is_simulated', models.BooleanField()),
                    ('n', models.PositiveIntegerField()),
                    ('total', models.FloatField()),
                    ('squares', models.FloatField()),
                    ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.item')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='PeopleMoment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('locale', models.CharField(blank=True, max_length=10)),
                    ('age_bucket', models.CharField(blank=True, choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('gender', models.CharField(blank=True, choices=[('woman', 'Woman'), ('man', 'Man'), ('another', 'Another gender'), ('undisclosed', 'Prefer not to say')], max_length=12)),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('is_simulated', models.BooleanField()),
                    ('core_only', models.BooleanField(help_text='whether answers to items of the core alone are counted')),
                    ('n_people', models.PositiveIntegerField()),
                    ('kk', models.PositiveBigIntegerField()),
                    ('kn', models.PositiveBigIntegerField()),
                    ('nn', models.PositiveBigIntegerField()),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='Receiver',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('webhook', 'Webhook')], max_length=10)),
                    ('address', models.CharField(help_text='e-mail address, or web address', max_length=500)),
                    ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('no_answers', 'No answers come in'), ('drop_out', 'Many drop out'), ('pay_low', 'Pay below the floor'), ('reconciliation', 'Visits do not agree with the panel'), ('quota_nearly_full', 'Quotas nearly full'), ('quota_full', 'Quotas full'), ('budget_nearly_spent', 'Budget nearly spent'), ('budget_spent', 'Budget spent'), ('run_stalled', 'Model run stands still'), ('run_stopped', 'Model run stopped by trouble'), ('worker_silent', 'Background work stands still'), ('texts_stale', 'Texts are stale')], max_length=24), blank=True, default=list, help_text='empty: every kind', size=None)),
                    ('tells_closing', models.BooleanField(default=True, help_text='also when an alarm is over')),
                    ('nonce', models.CharField(help_text="with the site's secret key it makes the webhook's secret", max_length=32)),
                    ('created_by', models.CharField(blank=True, max_length=150)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alarm_receivers', to='survey.study')),
                ],
                options={
                    'ordering': ['channel', 'address'],
                },
            ),
            migrations.CreateModel(
                name='Notice',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('event', models.CharField(choices=[('opened', 'Opened'), ('closed', 'Closed')], max_length=10)),
                    ('alarm', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='analysis.alarm')),
                    ('delivery', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='notices', to='analysis.delivery')),
                    ('receiver', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='analysis.receiver')),
                ],
                options={
                    'ordering': ['pk'],
                },
            ),
            migrations.AddField(
                model_name='delivery',
                name='receiver',
                field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='analysis.receiver'),
            ),
            migrations.CreateModel(
                name='Release',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.CharField(help_text='such as 1.0.0; stands in the files', max_length=20)),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=10)),
                    ('step', models.CharField(blank=True, help_text='what it is doing now', max_length=60)),
                    ('choices', models.JSONField(help_text='authors, address, licence, what is taken, how people are covered')),
                    ('secret', models.CharField(help_text="makes the respondents' ids of this release; never published", max_length=64)),
                    ('snapshot_hash', models.CharField(blank=True, help_text='SHA-256 of the data it was made from', max_length=64)),
                    ('checksum', models.CharField(blank=True, help_text='SHA-256 of its SHA256SUMS', max_length=64)),
                    ('code_version', models.CharField(blank=True, max_length=40)),
                    ('report', models.JSONField(default=dict, help_text='counts, and how people were covered')),
                    ('error', models.TextField(blank=True)),
                    ('by', models.CharField(blank=True, help_text='user name; blank: a command on the server', max_length=150)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='last sign of life of whoever makes it', null=True)),
                    ('n_starts', models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='survey.study')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='SampleSimulation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('question', models.JSONField(help_text='what was asked: effect, people, items, spread, level, seed')),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=10)),
                    ('n_wanted', models.PositiveIntegerField(help_text='studies to simulate')),
                    ('n_done', models.PositiveIntegerField(default=0)),
                    ('points', models.JSONField(default=list, help_text='per number of people what was found, with its interval')),
                    ('code_version', models.CharField(max_length=40)),
                    ('error', models.TextField(blank=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, help_text='last sign of life of whoever simulates', null=True)),
                    ('n_starts', models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.AddConstraint(
                model_name='alarm',
                constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('study', 'kind', 'subject'), name='alarm_open_once'),
            ),
            migrations.AddConstraint(
                model_name='alarmrule',
                constraint=models.UniqueConstraint(fields=('study', 'kind'), name='alarm_rule_once'),
            ),
            migrations.AddConstraint(
                model_name='groupcount',
                constraint=models.UniqueConstraint(fields=('study', 'country', 'locale', 'age_bucket', 'gender', 'question', 'is_simulated', 'item'), name='one_count_per_group_and_item'),
            ),
            migrations.AddConstraint(
                model_name='import',
                constraint=models.UniqueConstraint(condition=models.Q(('study__isnull', False)), fields=('identity',), name='same_data_imported_once'),
            ),
            migrations.AddConstraint(
                model_name='importedrow',
                constraint=models.UniqueConstraint(fields=('study', 'table_name', 'number'), name='imported_row_once'),
            ),
            migrations.AddConstraint(
                model_name='itemcount',
                constraint=models.UniqueConstraint(fields=('study', 'item', 'country', 'question', 'is_simulated'), name='one_count_per_item_and_country'),
            ),
            migrations.AddConstraint(
                model_name='peoplemoment',
                constraint=models.UniqueConstraint(fields=('study', 'country', 'locale', 'age_bucket', 'gender', 'question', 'is_simulated', 'core_only'), name='one_moment_per_group'),
            ),
            migrations.AddConstraint(
                model_name='receiver',
                constraint=models.UniqueConstraint(fields=('study', 'channel', 'address'), name='alarm_receiver_once'),
            ),
            migrations.AddConstraint(
                model_name='notice',
                constraint=models.UniqueConstraint(fields=('alarm', 'receiver', 'event'), name='alarm_told_once'),
            ),
            migrations.AddIndex(
                model_name='delivery',
                index=models.Index(fields=['state', 'due_at'], name='delivery_due'),
            ),
            migrations.AddConstraint(
                model_name='release',
                constraint=models.UniqueConstraint(fields=('study', 'number'), name='release_number_once'),
            ),
        ]),
    ]
