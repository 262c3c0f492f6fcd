"""What was registered and what deviates is only added; so are notes, but for those of test runs, which can go."""

import django.db.models.deletion
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION survey_refuse_registered_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'registrations and deviations are only added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER registered_is_fixed BEFORE UPDATE OR DELETE ON survey_registration
FOR EACH ROW EXECUTE FUNCTION survey_refuse_registered_change();
CREATE TRIGGER registered_is_fixed BEFORE UPDATE OR DELETE ON survey_deviation
FOR EACH ROW EXECUTE FUNCTION survey_refuse_registered_change();
CREATE FUNCTION survey_refuse_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (
    SELECT 1 FROM survey_surveysession session JOIN survey_arm arm ON arm.id = session.arm_id
    JOIN survey_study study ON study.id = arm.study_id WHERE session.id = OLD.session_id AND study.test_of_id IS NOT NULL
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'notes are only added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notes_are_append_only BEFORE UPDATE OR DELETE ON survey_sessionnote
FOR EACH ROW EXECUTE FUNCTION survey_refuse_note_change();
"""
BACKWARD = """
DROP TRIGGER notes_are_append_only ON survey_sessionnote;
DROP TRIGGER registered_is_fixed ON survey_deviation;
DROP TRIGGER registered_is_fixed ON survey_registration;
DROP FUNCTION survey_refuse_note_change();
DROP FUNCTION survey_refuse_registered_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('survey', '0010_audit_log'),
    ]

    operations = [
        migrations.AddField(
            model_name='study',
            name='ethics_reference',
            field=models.CharField(blank=True, help_text='who approved it, under which number', max_length=200),
        ),
        migrations.AddField(
            model_name='study',
            name='stopping_rule',
            field=models.TextField(blank=True, help_text='when collection ends; blank: when the quota cells are full', max_length=2000),
        ),
        migrations.AddField(
            model_name='study',
            name='test_of',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='test_twin', to='survey.study'),
        ),
        migrations.AlterField(
            model_name='studychange',
            name='kind',
            field=models.CharField(choices=[('state', 'State'), ('version', 'Version'), ('quota_cell', 'Quota cell'), ('blinding', 'Blinding'), ('setting', 'Setting'), ('arm', 'Country'), ('preview', 'Preview looked through')], max_length=12),
        ),
        migrations.CreateModel(
            name='Registration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='1 at the launch')),
                ('content', models.TextField(help_text='canonical JSON')),
                ('sha256', models.CharField(help_text='of the content in UTF-8', max_length=64)),
                ('by', models.CharField(blank=True, help_text='user name; blank: a command on the server', max_length=150)),
                ('at', models.DateTimeField()),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='registrations', to='survey.study')),
            ],
            options={
                'ordering': ['study', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Deviation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(help_text="the dotted path of the value, or somebody's words", max_length=200)),
                ('before', models.TextField()),
                ('after', models.TextField()),
                ('reason', models.TextField()),
                ('by', models.CharField(blank=True, max_length=150)),
                ('at', models.DateTimeField()),
                ('is_found', models.BooleanField(help_text='found by comparing; otherwise somebody wrote it down')),
                ('n_sessions', models.PositiveIntegerField(help_text='begun by then')),
                ('n_complete', models.PositiveIntegerField(help_text='complete by then')),
                ('n_answers', models.PositiveIntegerField(help_text='stored by then')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deviations', to='survey.study')),
                ('registration', models.ForeignKey(help_text='the one in force from then on', on_delete=django.db.models.deletion.PROTECT, related_name='deviations', to='survey.registration')),
            ],
            options={
                'ordering': ['study', 'at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='SessionNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=2000)),
                ('is_settled', models.BooleanField(default=False, help_text='looked at: needs nothing more')),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='survey.surveysession')),
            ],
            options={
                'ordering': ['session', 'at', 'pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='registration',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='registration_number_once'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
