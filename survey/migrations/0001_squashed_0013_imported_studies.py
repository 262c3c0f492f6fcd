"""All tables of the survey in one step, for an empty database; one that has begun with the single steps goes on with them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import survey.models.sealed
from django.conf import settings
from django.db import migrations, models

from survey.at_once import AtOnce


# A version of an instrument that a launched study uses is fixed, whoever tries to change it.
FIX_LAUNCHED = """
CREATE FUNCTION survey_refuse_edit_of_launched() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
BEGIN
    IF TG_TABLE_NAME = 'survey_instrumentversion' THEN
        touched := OLD.id;
    ELSIF TG_OP = 'INSERT' THEN
        touched := NEW.version_id;
    ELSE
        touched := OLD.version_id;
    END IF;
    IF EXISTS (SELECT 1 FROM survey_study WHERE version_id = touched AND launched_at IS NOT NULL) THEN
        RAISE EXCEPTION 'this version belongs to a study that was launched: load a new version instead'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER launched_is_fixed BEFORE UPDATE OR DELETE ON survey_instrumentversion
    FOR EACH ROW EXECUTE FUNCTION survey_refuse_edit_of_launched();
CREATE TRIGGER launched_is_fixed BEFORE INSERT OR UPDATE OR DELETE ON survey_item
    FOR EACH ROW EXECUTE FUNCTION survey_refuse_edit_of_launched();
CREATE TRIGGER launched_is_fixed BEFORE INSERT OR UPDATE OR DELETE ON survey_text
    FOR EACH ROW EXECUTE FUNCTION survey_refuse_edit_of_launched();
"""
UNFIX_LAUNCHED = """
DROP TRIGGER launched_is_fixed ON survey_text;
DROP TRIGGER launched_is_fixed ON survey_item;
DROP TRIGGER launched_is_fixed ON survey_instrumentversion;
DROP FUNCTION survey_refuse_edit_of_launched();
"""
FIX_LOG = """
CREATE FUNCTION survey_refuse_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'entries of the log are only added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER log_is_append_only BEFORE UPDATE OR DELETE ON survey_auditentry
FOR EACH ROW EXECUTE FUNCTION survey_refuse_log_change();
"""
UNFIX_LOG = """
DROP TRIGGER log_is_append_only ON survey_auditentry;
DROP FUNCTION survey_refuse_log_change();
"""
# What was registered and what deviates is only added; so are notes, but they go with a test run, and with the erasure
# of somebody who was taken out.
FIX_REGISTERED = """
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
    JOIN survey_study study ON study.id = arm.study_id
    WHERE session.id = OLD.session_id AND (study.test_of_id IS NOT NULL OR session.status IN ('withdrew', 'no_consent'))
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'notes are only added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notes_are_append_only BEFORE UPDATE OR DELETE ON survey_sessionnote
FOR EACH ROW EXECUTE FUNCTION survey_refuse_note_change();
"""
UNFIX_REGISTERED = """
DROP TRIGGER notes_are_append_only ON survey_sessionnote;
DROP TRIGGER registered_is_fixed ON survey_deviation;
DROP TRIGGER registered_is_fixed ON survey_registration;
DROP FUNCTION survey_refuse_note_change();
DROP FUNCTION survey_refuse_registered_change();
"""
ROLES = ("PI", "Research assistant", "Analyst", "Translator", "Viewer")


def make_groups(apps, schema_editor):
    for name in ROLES:
        apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).get_or_create(name=name)


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('survey', '0001_tables'),
        ('survey', '0002_live_versions_are_fixed'),
        ('survey', '0003_page_events'),
        ('survey', '0004_panel_settings'),
        ('survey', '0005_panels_live'),
        ('survey', '0006_text_provenance'),
        ('survey', '0007_study_changes'),
        ('survey', '0008_design_cell'),
        ('survey', '0009_unblinding'),
        ('survey', '0010_audit_log'),
        ('survey', '0011_registration_and_review'),
        ('survey', '0012_sealed_identifiers'),
        ('survey', '0013_imported_studies'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='Arm',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('locales', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10), size=None)),
                    ('panel', models.CharField(choices=[('direct', 'Direct link'), ('prolific', 'Prolific'), ('connect', 'CloudResearch Connect'), ('cint', 'Cint (Lucid)'), ('generic', 'Another panel, by its settings'), ('simulated', 'Simulated')], default='direct', max_length=20)),
                    ('exit_codes', models.JSONField(blank=True, default=dict, help_text='the panel\'s code for each outcome, such as {"complete": "C1A2B3"}')),
                    ('panel_settings', models.JSONField(blank=True, default=dict, help_text="what the panel's adapter needs beyond the codes; the adapter names it")),
                ],
                options={
                    'ordering': ['study', 'country'],
                },
            ),
            migrations.CreateModel(
                name='AuditEntry',
                fields=[
                    ('number', models.BigIntegerField(help_text='1, 2, 3 … without a gap', primary_key=True, serialize=False)),
                    ('at', models.DateTimeField()),
                    ('by', models.CharField(help_text='user name', max_length=150)),
                    ('act', models.CharField(help_text='name of the address that was used, or of the command', max_length=100)),
                    ('subject', models.JSONField(help_text='what it was about: the parts of the address')),
                    ('details', models.JSONField(help_text='what was sent, without secrets')),
                    ('previous', models.CharField(help_text='hash of the entry before; zeros for the first', max_length=64)),
                    ('hash', models.CharField(help_text='SHA-256 over all of the above', max_length=64)),
                ],
                options={
                    'ordering': ['-number'],
                },
            ),
            migrations.CreateModel(
                name='Instrument',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(unique=True)),
                ],
            ),
            migrations.CreateModel(
                name='InstrumentVersion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.PositiveIntegerField()),
                    ('content_hash', models.CharField(max_length=64)),
                    ('structure', models.JSONField(help_text='instrument.yaml as loaded')),
                    ('loaded_at', models.DateTimeField(auto_now_add=True)),
                    ('instrument', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='survey.instrument')),
                ],
                options={
                    'ordering': ['instrument', 'number'],
                },
            ),
            migrations.CreateModel(
                name='Item',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=40)),
                    ('scenario_country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('actor_country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('actor_age', models.CharField(choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('actor_gender', models.CharField(choices=[('female', 'Female'), ('male', 'Male')], max_length=10)),
                    ('receiver_country', models.CharField(choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('receiver_age', models.CharField(choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('receiver_gender', models.CharField(choices=[('female', 'Female'), ('male', 'Male')], max_length=10)),
                    ('theme', models.CharField(choices=[('food_hospitality', 'Food and hospitality'), ('greetings_respect', 'Greetings and respect'), ('workplace_education', 'Workplace and education'), ('public_etiquette', 'Public etiquette'), ('privacy_helping', 'Privacy and helping'), ('gift_giving', 'Gift giving'), ('other', 'Other')], max_length=30)),
                    ('is_core', models.BooleanField(help_text='to be judged by the respondents of every country')),
                    ('source_note', models.CharField(max_length=300)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='survey.instrumentversion')),
                ],
                options={
                    'ordering': ['version', 'code'],
                },
            ),
            migrations.CreateModel(
                name='PanelEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('panel', models.CharField(choices=[('direct', 'Direct link'), ('prolific', 'Prolific'), ('connect', 'CloudResearch Connect'), ('cint', 'Cint (Lucid)'), ('generic', 'Another panel, by its settings'), ('simulated', 'Simulated')], max_length=20)),
                    ('event_id', models.CharField(help_text='the same in every delivery of one event', max_length=100)),
                    ('kind', models.CharField(max_length=60)),
                    ('subject', survey.models.sealed.SealedField(help_text='the id of the submission or study that it is about', max_length=64)),
                    ('person', survey.models.sealed.SealedField(blank=True, max_length=64)),
                    ('status', models.CharField(blank=True, max_length=40)),
                    ('happened_at', models.DateTimeField(help_text="by the panel's clock: deliveries may overtake each other")),
                    ('received_at', models.DateTimeField(auto_now_add=True)),
                    ('processed_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'indexes': [models.Index(fields=['processed_at'], name='survey_pane_process_d57b60_idx')],
                    'constraints': [models.UniqueConstraint(fields=('panel', 'event_id'), name='panel_event_once')],
                },
            ),
            migrations.CreateModel(
                name='QuotaCell',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('age_bucket', models.CharField(blank=True, choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('gender', models.CharField(blank=True, choices=[('woman', 'Woman'), ('man', 'Man'), ('another', 'Another gender'), ('undisclosed', 'Prefer not to say')], max_length=12)),
                    ('target', models.PositiveIntegerField(help_text='completes wanted')),
                    ('over_target', models.PositiveIntegerField(default=0, help_text='places beyond the target for live sessions, some of which will drop out')),
                    ('soft_limit', models.PositiveIntegerField(blank=True, help_text='empty: the target', null=True)),
                    ('is_open', models.BooleanField(default=True)),
                    ('arm', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quota_cells', to='survey.arm')),
                ],
                options={
                    'ordering': ['arm', 'age_bucket', 'gender'],
                },
            ),
            migrations.CreateModel(
                name='Study',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(unique=True)),
                    ('title', models.CharField(max_length=200)),
                    ('state', models.CharField(choices=[('draft', 'Draft'), ('live', 'Live'), ('paused', 'Paused'), ('closed', 'Closed')], default='draft', max_length=10)),
                    ('required_text_status', models.CharField(choices=[('machine draft', 'Machine draft'), ('reviewed', 'Reviewed'), ('adjudicated', 'Adjudicated'), ('pretested', 'Pretested'), ('frozen', 'Frozen')], default='reviewed', help_text='how far every text that participants can see must have come before the study opens', max_length=20)),
                    ('contact_email', models.EmailField(blank=True, help_text="shown to participants; blank: the site's address", max_length=254)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('launched_at', models.DateTimeField(blank=True, null=True)),
                    ('unblinded_at', models.DateTimeField(blank=True, help_text='since when researchers see what people answered; blank: outcomes are hidden', null=True)),
                    ('ethics_reference', models.CharField(blank=True, help_text='who approved it, under which number', max_length=200)),
                    ('stopping_rule', models.TextField(blank=True, help_text='when collection ends; blank: when the quota cells are full', max_length=2000)),
                    ('is_imported', models.BooleanField(default=False, editable=False, help_text='collected elsewhere: read-only, without sessions of its own')),
                    ('test_of', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='test_twin', to='survey.study')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='studies', to='survey.instrumentversion')),
                ],
                options={
                    'verbose_name_plural': 'studies',
                    'ordering': ['code'],
                },
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
                name='Participant',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('is_simulated', models.BooleanField(default=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='participants', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='PanelSubmission',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('panel', models.CharField(choices=[('direct', 'Direct link'), ('prolific', 'Prolific'), ('connect', 'CloudResearch Connect'), ('cint', 'Cint (Lucid)'), ('generic', 'Another panel, by its settings'), ('simulated', 'Simulated')], max_length=20)),
                    ('submission', survey.models.sealed.SealedField(help_text="the panel's id; the person's where it has none for visits", max_length=64)),
                    ('person', survey.models.sealed.SealedField(max_length=64)),
                    ('status', models.CharField(choices=[('unknown', 'Not known'), ('reserved', 'Reserved'), ('active', 'Active'), ('awaiting_review', 'Awaiting review'), ('approved', 'Approved'), ('partially_approved', 'Partially approved'), ('screened_out', 'Screened out'), ('returned', 'Returned'), ('timed_out', 'Timed out'), ('rejected', 'Rejected')], default='unknown', max_length=20)),
                    ('status_at', models.DateTimeField(blank=True, help_text='when the panel said so, by its clock', null=True)),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('completed_at', models.DateTimeField(blank=True, null=True)),
                    ('time_taken_s', models.PositiveIntegerField(blank=True, help_text='as the panel measures it', null=True)),
                    ('code', models.CharField(blank=True, help_text='the completion code that the panel received', max_length=64)),
                    ('signature', models.CharField(choices=[('absent', 'Absent'), ('valid', 'Valid'), ('invalid', 'Invalid'), ('mismatch', 'Valid, of another person')], default='absent', max_length=10)),
                    ('entered_at', models.DateTimeField(blank=True, help_text='when it first came in through the entry link', null=True)),
                    ('seen_at', models.DateTimeField(blank=True, help_text='when the panel last told of it', null=True)),
                    ('arm', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='panel_submissions', to='survey.arm')),
                    ('participant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='panel_submissions', to='survey.participant')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='panel_submissions', to='survey.study')),
                ],
            ),
            migrations.CreateModel(
                name='PanelIdentity',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('panel', models.CharField(choices=[('direct', 'Direct link'), ('prolific', 'Prolific'), ('connect', 'CloudResearch Connect'), ('cint', 'Cint (Lucid)'), ('generic', 'Another panel, by its settings'), ('simulated', 'Simulated')], max_length=20)),
                    ('panel_person', survey.models.sealed.SealedField(max_length=64)),
                    ('panel_study', models.CharField(blank=True, max_length=64)),
                    ('panel_submission', survey.models.sealed.SealedField(blank=True, max_length=64)),
                    ('participant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='panel_identity', to='survey.participant')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='survey.study')),
                ],
                options={
                    'verbose_name_plural': 'panel identities',
                },
            ),
            migrations.CreateModel(
                name='PanelAct',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('verb', models.CharField(choices=[('complete', 'Complete'), ('approve', 'Approve'), ('request_return', 'Request return'), ('bonus', 'Pay a bonus')], max_length=20)),
                    ('key', models.CharField(max_length=100, unique=True)),
                    ('amount', models.DecimalField(blank=True, decimal_places=2, max_digits=8, null=True)),
                    ('currency', models.CharField(blank=True, max_length=3)),
                    ('message', models.TextField(blank=True, help_text='what the participant is told')),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('sent', 'Sent'), ('confirmed', 'Confirmed'), ('unconfirmed', 'Unconfirmed'), ('failed', 'Failed')], default='planned', max_length=12)),
                    ('n_tries', models.PositiveSmallIntegerField(default=0)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('due_at', models.DateTimeField(help_text='not tried before')),
                    ('done_at', models.DateTimeField(blank=True, null=True)),
                    ('reference', models.CharField(blank=True, help_text="the panel's id of it", max_length=64)),
                    ('reply', models.CharField(blank=True, help_text='what the panel said, if it refused', max_length=500)),
                    ('by', models.ForeignKey(blank=True, help_text='empty: the site by itself', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('submission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='acts', to='survey.panelsubmission')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='panel_acts', to='survey.study')),
                ],
                options={
                    'ordering': ['at', 'pk'],
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
                    ('registration', models.ForeignKey(help_text='the one in force from then on', on_delete=django.db.models.deletion.PROTECT, related_name='deviations', to='survey.registration')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deviations', to='survey.study')),
                ],
                options={
                    'ordering': ['study', 'at', 'pk'],
                },
            ),
            migrations.AddField(
                model_name='arm',
                name='study',
                field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arms', to='survey.study'),
            ),
            migrations.CreateModel(
                name='StudyChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('state', 'State'), ('version', 'Version'), ('quota_cell', 'Quota cell'), ('blinding', 'Blinding'), ('setting', 'Setting'), ('arm', 'Country'), ('preview', 'Preview looked through')], max_length=12)),
                    ('old', models.CharField(max_length=200)),
                    ('new', models.CharField(max_length=200)),
                    ('by', models.CharField(blank=True, help_text='user name; blank: a command on the server', max_length=150)),
                    ('reason', models.CharField(blank=True, max_length=300)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('cell', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='changes', to='survey.quotacell')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='survey.study')),
                ],
                options={
                    'ordering': ['study', '-at', '-pk'],
                },
            ),
            migrations.CreateModel(
                name='SurveySession',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('token', models.CharField(max_length=43, unique=True)),
                    ('status', models.CharField(choices=[('landed', 'Landed'), ('active', 'Active'), ('complete', 'Complete'), ('no_consent', 'No consent'), ('screened_out', 'Screened out'), ('quota_full', 'Quota full'), ('failed_comprehension', 'Failed comprehension'), ('withdrew', 'Withdrew')], default='landed', max_length=24)),
                    ('outcome', models.CharField(blank=True, choices=[('complete', 'Complete'), ('complete_flagged', 'Complete, to be looked at'), ('no_consent', 'No consent'), ('screened_out', 'Screened out'), ('quota_full', 'Quota full'), ('failed_comprehension', 'Failed comprehension'), ('failed_attention', 'Failed attention'), ('incompatible_device', 'Incompatible device'), ('withdrew', 'Withdrew'), ('timed_out', 'Timed out'), ('duplicate', 'Duplicate'), ('technical_failure', 'Technical failure'), ('study_closed', 'Study closed')], help_text='how it ended for the panel; blank while under way', max_length=24)),
                    ('locale', models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10)),
                    ('seed', models.BigIntegerField(help_text='draws the items, their order and the option order')),
                    ('option_order', models.CharField(choices=[('culture_first', 'Culture first'), ('preference_first', 'Preference first')], max_length=20)),
                    ('design_cell', models.CharField(blank=True, help_text='arm, option order and first question; blank: begun before cells had names', max_length=40)),
                    ('plan', models.JSONField(help_text='the pages in order: kind, and the item of a scenario')),
                    ('position', models.PositiveSmallIntegerField(default=0, help_text='index in the plan of the page that is due')),
                    ('landed_at', models.DateTimeField()),
                    ('last_activity_at', models.DateTimeField()),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('receipt', models.CharField(help_text='lets its holder withdraw the answers later', max_length=10, unique=True)),
                    ('arm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='survey.arm')),
                    ('participant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='session', to='survey.participant')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='survey.instrumentversion')),
                ],
            ),
            migrations.CreateModel(
                name='StatusChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('old', models.CharField(blank=True, choices=[('landed', 'Landed'), ('active', 'Active'), ('complete', 'Complete'), ('no_consent', 'No consent'), ('screened_out', 'Screened out'), ('quota_full', 'Quota full'), ('failed_comprehension', 'Failed comprehension'), ('withdrew', 'Withdrew')], max_length=24)),
                    ('new', models.CharField(choices=[('landed', 'Landed'), ('active', 'Active'), ('complete', 'Complete'), ('no_consent', 'No consent'), ('screened_out', 'Screened out'), ('quota_full', 'Quota full'), ('failed_comprehension', 'Failed comprehension'), ('withdrew', 'Withdrew')], max_length=24)),
                    ('reason', models.CharField(max_length=200)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='status_changes', to='survey.surveysession')),
                ],
                options={
                    'ordering': ['at', 'pk'],
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
            migrations.CreateModel(
                name='Response',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('choice', models.CharField(blank=True, choices=[('culture', 'Follow the culture'), ('preference', 'Allow the preference')], help_text='blank: preferred not to answer, when asked a second time', max_length=10)),
                    ('option_order', models.CharField(choices=[('culture_first', 'Culture first'), ('preference_first', 'Preference first')], max_length=20)),
                    ('position', models.PositiveSmallIntegerField(help_text="index of the page in the session's plan")),
                    ('locale', models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10)),
                    ('text_hash', models.CharField(help_text='SHA-256 of the texts shown, in the order shown', max_length=64)),
                    ('served_at', models.DateTimeField(help_text='when the page that was answered was sent')),
                    ('submitted_at', models.DateTimeField()),
                    ('item', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='responses', to='survey.item')),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='responses', to='survey.surveysession')),
                ],
            ),
            migrations.CreateModel(
                name='QualityFlag',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40)),
                    ('value', models.FloatField(help_text="what was measured, in the unit that the flag's definition says")),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quality_flags', to='survey.surveysession')),
                ],
                options={
                    'ordering': ['session', 'name'],
                },
            ),
            migrations.CreateModel(
                name='PageEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('position', models.PositiveSmallIntegerField(help_text="index of the page in the session's plan")),
                    ('kind', models.CharField(choices=[('page_shown', 'Page shown'), ('first_interaction', 'First interaction'), ('answer_change', 'Answer chosen or changed'), ('hidden', 'Turned away from'), ('visible', 'Come back to')], max_length=20)),
                    ('at_ms', models.PositiveIntegerField(help_text="milliseconds since the page was shown, by the browser's clock")),
                    ('detail', models.CharField(blank=True, help_text='the viewport of a page shown, the question of a changed answer', max_length=20)),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='page_events', to='survey.surveysession')),
                ],
                options={
                    'ordering': ['session', 'position', 'pk'],
                },
            ),
            migrations.CreateModel(
                name='Lease',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('state', models.CharField(choices=[('live', 'Live'), ('complete', 'Complete'), ('freed', 'Freed')], default='live', max_length=10)),
                    ('taken_at', models.DateTimeField(auto_now_add=True)),
                    ('cell', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leases', to='survey.quotacell')),
                    ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='lease', to='survey.surveysession')),
                ],
            ),
            migrations.CreateModel(
                name='Demographics',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('age_band', models.CharField(choices=[('under-18', 'Under 18'), ('18-24', '18–24'), ('25-34', '25–34'), ('35-44', '35–44'), ('45-54', '45–54'), ('55-64', '55–64'), ('65+', '65 or older'), ('undisclosed', 'Prefer not to say')], max_length=12)),
                    ('gender', models.CharField(choices=[('woman', 'Woman'), ('man', 'Man'), ('another', 'Another gender'), ('undisclosed', 'Prefer not to say')], max_length=12)),
                    ('country', models.CharField(blank=True, choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], help_text='blank: another country', max_length=2)),
                    ('is_country_undisclosed', models.BooleanField(default=False)),
                    ('fluency', models.CharField(blank=True, choices=[('first', 'First language'), ('fluent', 'Fluent'), ('basic', 'Basic'), ('none', 'Hardly at all')], help_text='blank: not asked', max_length=10)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='demographics', to='survey.surveysession')),
                ],
                options={
                    'verbose_name_plural': 'demographics',
                },
            ),
            migrations.CreateModel(
                name='Consent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('consent_version', models.CharField(max_length=40)),
                    ('locale', models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10)),
                    ('text_hash', models.CharField(help_text='SHA-256 of the consent text as shown', max_length=64)),
                    ('is_given', models.BooleanField()),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='consent', to='survey.surveysession')),
                ],
            ),
            migrations.CreateModel(
                name='CheckAnswer',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('comprehension', 'Comprehension'), ('attention', 'Attention')], max_length=20)),
                    ('number', models.PositiveSmallIntegerField(help_text='1 for the first check of its kind')),
                    ('attempt', models.PositiveSmallIntegerField()),
                    ('answer', models.CharField(max_length=20)),
                    ('is_correct', models.BooleanField()),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='check_answers', to='survey.surveysession')),
                ],
                options={
                    'ordering': ['at'],
                },
            ),
            migrations.CreateModel(
                name='Assignment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('relation', models.CharField(choices=[('same', 'Own country'), ('close', 'Close'), ('far', 'Far')], max_length=6)),
                    ('number', models.PositiveSmallIntegerField(help_text='1 for the scenario shown first')),
                    ('item', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='survey.item')),
                    ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assignments', to='survey.surveysession')),
                ],
                options={
                    'ordering': ['session', 'number'],
                },
            ),
            migrations.CreateModel(
                name='Text',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('locale', models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10)),
                    ('key', models.CharField(max_length=100)),
                    ('body', models.TextField()),
                    ('status', models.CharField(choices=[('machine draft', 'Machine draft'), ('reviewed', 'Reviewed'), ('adjudicated', 'Adjudicated'), ('pretested', 'Pretested'), ('frozen', 'Frozen')], max_length=20)),
                    ('staleness', models.CharField(blank=True, choices=[('source', 'The source has changed since'), ('text', 'The text has changed since it was signed')], help_text='why the status no longer holds; blank: it does', max_length=10)),
                    ('source_hash', models.CharField(blank=True, help_text='hash of the text it was translated from', max_length=16)),
                    ('text_hash', models.CharField(blank=True, help_text='hash of the text as it was signed', max_length=16)),
                    ('translator', models.CharField(blank=True, max_length=80)),
                    ('reviewer', models.CharField(blank=True, max_length=80)),
                    ('adjudicator', models.CharField(blank=True, max_length=80)),
                    ('note', models.CharField(blank=True, max_length=300)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='survey.instrumentversion')),
                ],
                options={
                    'ordering': ['version', 'locale', 'key'],
                },
            ),
            migrations.CreateModel(
                name='TextOverride',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('required_text_status', models.CharField(choices=[('machine draft', 'Machine draft'), ('reviewed', 'Reviewed'), ('adjudicated', 'Adjudicated'), ('pretested', 'Pretested'), ('frozen', 'Frozen')], help_text='what was asked for', max_length=20)),
                    ('counts', models.JSONField(help_text='by locale, how many visible texts were below it or stale')),
                    ('by', models.CharField(max_length=150)),
                    ('reason', models.TextField()),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='text_overrides', to='survey.study')),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='survey.instrumentversion')),
                ],
                options={
                    'ordering': ['study', '-at', '-pk'],
                },
            ),
            migrations.AddConstraint(
                model_name='instrumentversion',
                constraint=models.UniqueConstraint(fields=('instrument', 'number'), name='version_number_once'),
            ),
            migrations.AddConstraint(
                model_name='instrumentversion',
                constraint=models.UniqueConstraint(fields=('instrument', 'content_hash'), name='version_content_once'),
            ),
            migrations.AddConstraint(
                model_name='item',
                constraint=models.UniqueConstraint(fields=('version', 'code'), name='item_code_once'),
            ),
            migrations.AddConstraint(
                model_name='quotacell',
                constraint=models.UniqueConstraint(fields=('arm', 'age_bucket', 'gender'), name='quota_cell_once'),
            ),
            migrations.AddConstraint(
                model_name='study',
                constraint=models.CheckConstraint(condition=models.Q(('state', 'draft'), ('launched_at__isnull', False), _connector='OR'), name='launched_has_time'),
            ),
            migrations.AddConstraint(
                model_name='study',
                constraint=models.CheckConstraint(condition=models.Q(('is_imported', False), ('state', 'closed'), _connector='OR'), name='imported_is_closed'),
            ),
            migrations.AddConstraint(
                model_name='registration',
                constraint=models.UniqueConstraint(fields=('study', 'number'), name='registration_number_once'),
            ),
            migrations.AddIndex(
                model_name='panelsubmission',
                index=models.Index(fields=['panel', 'submission'], name='survey_pane_panel_7040f6_idx'),
            ),
            migrations.AddConstraint(
                model_name='panelsubmission',
                constraint=models.UniqueConstraint(fields=('study', 'panel', 'submission'), name='panel_submission_once'),
            ),
            migrations.AddConstraint(
                model_name='panelidentity',
                constraint=models.UniqueConstraint(fields=('study', 'panel', 'panel_person'), name='panel_person_once'),
            ),
            migrations.AddIndex(
                model_name='panelact',
                index=models.Index(fields=['state', 'due_at'], name='survey_pane_state_c6fe2a_idx'),
            ),
            migrations.AddConstraint(
                model_name='arm',
                constraint=models.UniqueConstraint(fields=('study', 'country'), name='arm_country_once'),
            ),
            migrations.AddIndex(
                model_name='surveysession',
                index=models.Index(fields=['arm', 'status'], name='survey_surv_arm_id_a9457c_idx'),
            ),
            migrations.AddIndex(
                model_name='surveysession',
                index=models.Index(fields=['last_activity_at'], name='survey_surv_last_ac_44f585_idx'),
            ),
            migrations.AddConstraint(
                model_name='surveysession',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('status__in', ['landed', 'active'])), models.Q(models.Q(('status__in', ['landed', 'active']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='finished_has_time'),
            ),
            migrations.AddIndex(
                model_name='response',
                index=models.Index(fields=['submitted_at'], name='survey_resp_submitt_7c484c_idx'),
            ),
            migrations.AddConstraint(
                model_name='response',
                constraint=models.UniqueConstraint(fields=('session', 'item', 'question'), name='one_answer_per_question'),
            ),
            migrations.AddConstraint(
                model_name='response',
                constraint=models.CheckConstraint(condition=models.Q(('choice__in', ['culture', 'preference', ''])), name='choice_or_declined'),
            ),
            migrations.AddConstraint(
                model_name='response',
                constraint=models.CheckConstraint(condition=models.Q(('submitted_at__gte', models.F('served_at'))), name='submitted_after_served'),
            ),
            migrations.AddConstraint(
                model_name='qualityflag',
                constraint=models.UniqueConstraint(fields=('session', 'name'), name='flag_once'),
            ),
            migrations.AddConstraint(
                model_name='pageevent',
                constraint=models.UniqueConstraint(fields=('session', 'position', 'kind', 'at_ms', 'detail'), name='page_event_once'),
            ),
            migrations.AddConstraint(
                model_name='pageevent',
                constraint=models.UniqueConstraint(condition=models.Q(('kind', 'page_shown')), fields=('session', 'position'), name='page_shown_once'),
            ),
            migrations.AddIndex(
                model_name='lease',
                index=models.Index(fields=['cell', 'state'], name='survey_leas_cell_id_435633_idx'),
            ),
            migrations.AddConstraint(
                model_name='checkanswer',
                constraint=models.UniqueConstraint(fields=('session', 'kind', 'number', 'attempt'), name='check_attempt_once'),
            ),
            migrations.AddConstraint(
                model_name='assignment',
                constraint=models.UniqueConstraint(fields=('session', 'item'), name='item_assigned_once'),
            ),
            migrations.AddConstraint(
                model_name='text',
                constraint=models.UniqueConstraint(fields=('version', 'locale', 'key'), name='text_key_once'),
            ),
        ]),
        migrations.RunSQL(FIX_LAUNCHED, UNFIX_LAUNCHED),
        migrations.RunSQL(FIX_LOG, UNFIX_LOG),
        migrations.RunSQL(FIX_REGISTERED, UNFIX_REGISTERED),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
