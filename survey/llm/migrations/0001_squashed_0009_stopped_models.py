"""All tables of model runs in one step, and the triggers that count cells and calls whoever writes."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import survey.llm.validators
from django.conf import settings
from django.db import migrations, models

from survey.at_once import AtOnce


# A count is the sum of its rows. Who counts adds to a row that nobody else holds, or makes another one: so no worker
# ever waits for another's transaction, and there are never more rows than there were writers at a time.
COUNT = """
CREATE FUNCTION llm_add_cells(run bigint, spec bigint, in_state text, change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE llm_celltally SET n = n + change WHERE id = (
        SELECT id FROM llm_celltally WHERE run_id = run AND spec_id = spec AND state = in_state
        LIMIT 1 FOR UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO llm_celltally (run_id, spec_id, state, n) VALUES (run, spec, in_state, change);
    END IF;
END $$;

CREATE FUNCTION llm_tally_cells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM llm_add_cells(run_id, spec_id, state, count(*)) FROM new_cells GROUP BY run_id, spec_id, state;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM llm_add_cells(run_id, spec_id, state, -count(*)) FROM old_cells
        WHERE run_id IN (SELECT run_id FROM llm_celltally)  -- not of a run that is being deleted
        GROUP BY run_id, spec_id, state;
    ELSE
        PERFORM llm_add_cells(run_id, spec_id, state, sum(change)::bigint) FROM (
            SELECT run_id, spec_id, state, 1 AS change FROM new_cells
            UNION ALL SELECT run_id, spec_id, state, -1 FROM old_cells
        ) AS changes
        GROUP BY run_id, spec_id, state HAVING sum(change) <> 0;
        PERFORM llm_add_pace(after.run_id, after.spec_id, count(*))
        FROM old_cells AS before JOIN new_cells AS after USING (id)
        WHERE before.state IN ('todo', 'leased') AND after.state NOT IN ('todo', 'leased', 'cancelled')
        GROUP BY after.run_id, after.spec_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION llm_add_pace(run bigint, spec bigint, change bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := date_bin('10 seconds', now(), TIMESTAMPTZ '2000-01-01 00:00+00');
BEGIN
    UPDATE llm_pace SET n = n + change WHERE id = (
        SELECT id FROM llm_pace WHERE run_id = run AND spec_id = spec AND at = began LIMIT 1 FOR UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO llm_pace (run_id, spec_id, at, n) VALUES (run, spec, began, change);
    END IF;
END $$;

CREATE TRIGGER tally_new AFTER INSERT ON llm_cell REFERENCING NEW TABLE AS new_cells
    FOR EACH STATEMENT EXECUTE FUNCTION llm_tally_cells();
CREATE TRIGGER tally_changed AFTER UPDATE ON llm_cell REFERENCING OLD TABLE AS old_cells NEW TABLE AS new_cells
    FOR EACH STATEMENT EXECUTE FUNCTION llm_tally_cells();
CREATE TRIGGER tally_gone AFTER DELETE ON llm_cell REFERENCING OLD TABLE AS old_cells
    FOR EACH STATEMENT EXECUTE FUNCTION llm_tally_cells();

CREATE FUNCTION llm_add_calls(run bigint, spec bigint, what text, code smallint, change bigint, latest bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE llm_calltally SET n = n + change, latest_attempt = coalesce(latest, latest_attempt) WHERE id = (
        SELECT id FROM llm_calltally
        WHERE run_id = run AND spec_id = spec AND outcome = what AND status_code IS NOT DISTINCT FROM code
        LIMIT 1 FOR UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO llm_calltally (run_id, spec_id, outcome, status_code, n, latest_attempt)
        VALUES (run, spec, what, code, change, latest);
    END IF;
END $$;

CREATE FUNCTION llm_tally_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM llm_add_calls(run_id, spec_id, outcome, NULL, count(*), NULL) FROM (
        SELECT cell.run_id, cell.spec_id, CASE WHEN cached_from_id IS NULL THEN 'answered' ELSE 'cached' END AS outcome
        FROM new_rows JOIN llm_cell AS cell ON cell.id = cell_id
    ) AS answers GROUP BY run_id, spec_id, outcome;
    RETURN NULL;
END $$;
CREATE TRIGGER tally_new AFTER INSERT ON llm_completion REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION llm_tally_answers();

CREATE FUNCTION llm_tally_failures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM llm_add_calls(cell.run_id, cell.spec_id, error_class, status_code, count(*), max(new_rows.id))
    FROM new_rows JOIN llm_cell AS cell ON cell.id = cell_id
    GROUP BY cell.run_id, cell.spec_id, error_class, status_code;
    RETURN NULL;
END $$;
CREATE TRIGGER tally_new AFTER INSERT ON llm_attempt REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION llm_tally_failures();
"""
STOP_COUNTING = """
DROP TRIGGER tally_new ON llm_attempt;
DROP TRIGGER tally_new ON llm_completion;
DROP TRIGGER tally_gone ON llm_cell;
DROP TRIGGER tally_changed ON llm_cell;
DROP TRIGGER tally_new ON llm_cell;
DROP FUNCTION llm_tally_failures();
DROP FUNCTION llm_tally_answers();
DROP FUNCTION llm_add_calls(bigint, bigint, text, smallint, bigint, bigint);
DROP FUNCTION llm_tally_cells();
DROP FUNCTION llm_add_pace(bigint, bigint, bigint);
DROP FUNCTION llm_add_cells(bigint, bigint, text, bigint);
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('llm', '0001_tables'),
        ('llm', '0002_factors'),
        ('llm', '0003_reading'),
        ('llm', '0004_tallies'),
        ('llm', '0005_money'),
        ('llm', '0006_asked_again'),
        ('llm', '0007_trouble'),
        ('llm', '0008_fewer_indexes'),
        ('llm', '0009_stopped_models'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('survey', '0008_design_cell'),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='ModelSpec',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('tag', models.SlugField(help_text='the name in exports, such as llama31_8b', unique=True)),
                    ('provider', models.CharField(choices=[('openai', 'OpenAI-compatible endpoint'), ('simulated', 'Simulated')], default='openai', max_length=12)),
                    ('base_url', models.CharField(blank=True, help_text='such as http://localhost:8000/v1; not for simulated models', max_length=300, validators=[survey.llm.validators.validate_endpoint])),
                    ('model', models.CharField(help_text="the model's name at the endpoint", max_length=200)),
                    ('api_key_env', models.CharField(blank=True, help_text='name of the environment variable that holds the key, such as VLLM_API_KEY', max_length=100, validators=[survey.llm.validators.validate_key_name])),
                    ('family', models.CharField(blank=True, max_length=100)),
                    ('stage', models.CharField(choices=[('base', 'Base'), ('instruct', 'Instruct')], default='instruct', max_length=10)),
                    ('prompt_format', models.CharField(choices=[('chat', 'Chat (/chat/completions)'), ('completions', 'Plain text (/completions)')], default='chat', help_text='base models continue plain text', max_length=12)),
                    ('max_in_flight', models.PositiveIntegerField(default=20, help_text='calls at a time, over all runs together', validators=[django.core.validators.MinValueValidator(1)])),
                    ('requests_per_minute', models.PositiveIntegerField(blank=True, help_text='empty: no limit known', null=True, validators=[django.core.validators.MinValueValidator(1)])),
                    ('tokens_per_minute', models.PositiveIntegerField(blank=True, help_text='prompt and answer; empty: no limit known', null=True, validators=[django.core.validators.MinValueValidator(1)])),
                    ('timeout_s', models.PositiveIntegerField(default=60, help_text='seconds to wait for one answer', validators=[django.core.validators.MinValueValidator(1)])),
                    ('parameters', models.JSONField(blank=True, default=dict, help_text='simulated models: their planted behaviour; endpoints: fields to set in the request, null omits one')),
                    ('overcount', models.FloatField(default=1, help_text='by how much its endpoint counted more tokens than a call was thought to cost at most')),
                    ('trouble', models.TextField(blank=True, default='', help_text='why nothing gets through to it at present')),
                    ('trouble_since', models.DateTimeField(blank=True, null=True)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['tag'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('provider', 'simulated'), models.Q(('base_url', ''), _negated=True), _connector='OR'), name='endpoint_unless_simulated')],
                },
            ),
            migrations.CreateModel(
                name='Probe',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asked_at', models.DateTimeField(auto_now_add=True)),
                    ('finished_at', models.DateTimeField(blank=True, help_text='empty: under way, or its worker died', null=True)),
                    ('target', models.JSONField(help_text="the spec's fields that decide what is called, as they were")),
                    ('findings', models.JSONField(default=dict, help_text='by feature: whether it works, measured value, note')),
                    ('calls', models.JSONField(default=list, help_text='each call: request, status, reply or the exact error')),
                    ('error', models.TextField(blank=True, help_text='why nothing could be found out')),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='llm.modelspec')),
                ],
                options={
                    'ordering': ['-asked_at', '-pk'],
                },
            ),
            migrations.CreateModel(
                name='Run',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('alignment', 'Alignment: the items as people judge them'), ('behaviour', 'Behaviour: the crossed benchmark'), ('yoked', "Yoked: what people's sessions saw, again")], default='alignment', max_length=12)),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('paused', 'Paused'), ('done', 'Done'), ('cancelled', 'Cancelled'), ('failed', 'Stopped by an error')], default='queued', max_length=12)),
                    ('priority', models.SmallIntegerField(default=0, help_text='the higher one is asked first where runs share a model')),
                    ('manifest', models.JSONField(help_text='the factors of the run, frozen when it was created')),
                    ('manifest_hash', models.CharField(blank=True, help_text='SHA-256 of the manifest as canonical JSON', max_length=64)),
                    ('n_cells', models.PositiveIntegerField(default=0)),
                    ('budget', models.DecimalField(blank=True, decimal_places=4, help_text='the run pauses before it costs more; empty: no limit', max_digits=12, null=True, validators=[django.core.validators.MinValueValidator(0)])),
                    ('reuses_answers', models.BooleanField(default=False, help_text='takes answers that earlier runs got to the very same calls, and calls for the others')),
                    ('currency', models.CharField(blank=True, help_text='of budget and spent; blank: no price is known', max_length=3)),
                    ('spent', models.DecimalField(decimal_places=8, default=0, max_digits=16)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('error', models.TextField(blank=True)),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('specs', models.ManyToManyField(related_name='runs', to='llm.modelspec')),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='survey.study')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='Reasking',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('errors', 'Errors: no answer came'), ('refusals', 'Refusals'), ('unparsed', 'Answers that could not be read')], max_length=10), size=None)),
                    ('n_cells', models.PositiveIntegerField()),
                    ('by', models.CharField(blank=True, help_text='user name; blank: a command on the server', max_length=150)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reaskings', to='llm.run')),
                ],
                options={
                    'ordering': ['-at', '-pk'],
                },
            ),
            migrations.CreateModel(
                name='Cell',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('question', models.CharField(choices=[('personal', 'Personal choice'), ('norm', 'Norm judgment')], max_length=10)),
                    ('persona_setting', models.CharField(choices=[('no_persona', 'No persona'), ('persona', 'Persona')], max_length=12)),
                    ('persona_country', models.CharField(blank=True, choices=[('AF', 'Afghanistan'), ('AR', 'Argentina'), ('BD', 'Bangladesh'), ('BR', 'Brazil'), ('CA', 'Canada'), ('ET', 'Ethiopia'), ('GB', 'United Kingdom'), ('IE', 'Ireland'), ('IN', 'India'), ('IR', 'Iran'), ('MM', 'Myanmar'), ('MX', 'Mexico'), ('NP', 'Nepal'), ('PK', 'Pakistan'), ('SG', 'Singapore'), ('US', 'United States of America'), ('ZA', 'South Africa'), ('ZW', 'Zimbabwe')], max_length=2)),
                    ('persona_age', models.CharField(blank=True, choices=[('younger', 'Younger'), ('older', 'Older')], max_length=10)),
                    ('persona_gender', models.CharField(blank=True, choices=[('female', 'Female'), ('male', 'Male')], max_length=10)),
                    ('locale', models.CharField(choices=[('en-US', 'English (United States)'), ('en-GB', 'English (United Kingdom)'), ('en-ZA', 'English (South Africa)'), ('en-IN', 'English (India)'), ('pt-BR', 'Português (Brasil)'), ('hi-IN', 'हिन्दी (भारत)')], max_length=10)),
                    ('option_order', models.CharField(choices=[('culture_first', 'Culture first'), ('preference_first', 'Preference first')], max_length=20)),
                    ('condition', models.CharField(choices=[('no_balance', 'No balance: nothing is said of weighing'), ('balance', 'Balance: told to weigh both')], default='no_balance', max_length=30)),
                    ('paraphrase', models.PositiveSmallIntegerField(default=1, help_text="which wording of the condition's template")),
                    ('preference_config', models.CharField(choices=[('actor_pref_only', 'The actor only, as the item says'), ('swapped', 'The other person instead'), ('both_prefs', 'Both')], default='actor_pref_only', max_length=20)),
                    ('demographic_config', models.CharField(choices=[('no_demo', 'Nothing: the item as people read it'), ('full_demo', 'Age, gender and country'), ('age_only', 'Age'), ('gender_only', 'Gender'), ('country_only', 'Country')], default='no_demo', max_length=20)),
                    ('method', models.CharField(choices=[('first_token', 'First-token log-probabilities'), ('sample', 'Neutral samples'), ('json_choice', 'Choice restricted by a JSON schema'), ('verbalised', 'Distribution in words')], max_length=12)),
                    ('repeat', models.PositiveSmallIntegerField(default=0, help_text='number of the sample or repetition, from 0')),
                    ('position', models.PositiveSmallIntegerField(default=0, help_text="yoked: place of the page in the session's plan")),
                    ('state', models.CharField(choices=[('todo', 'To do'), ('leased', 'In flight'), ('done', 'Answered'), ('refused', 'Refused'), ('unparsed', 'Unparsed'), ('error', 'Error'), ('cancelled', 'Cancelled')], default='todo', max_length=10)),
                    ('asking', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='how many of its answers were set aside, to be asked again with another seed')),
                    ('lease_until', models.DateTimeField(blank=True, null=True)),
                    ('n_leases', models.PositiveSmallIntegerField(default=0, help_text='also says which lease an answer belongs to: only the latest one counts')),
                    ('n_failed', models.PositiveSmallIntegerField(db_default=0, help_text='calls for it that brought nothing and count: after six there is no other')),
                    ('reserved', models.DecimalField(decimal_places=8, help_text='the most that its call may cost; counts while leased', max_digits=14, null=True)),
                    ('item', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cells', to='survey.item')),
                    ('session', models.ForeignKey(blank=True, help_text='whose page a yoked cell replays; goes with it', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='cells', to='survey.surveysession')),
                    ('spec', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cells', to='llm.modelspec')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cells', to='llm.run')),
                ],
            ),
            migrations.CreateModel(
                name='CallTally',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('outcome', models.CharField(help_text='a CallOutcome, or the kind of failure', max_length=60)),
                    ('status_code', models.PositiveSmallIntegerField(help_text='of a failure: HTTP status, as far as one came', null=True)),
                    ('n', models.BigIntegerField()),
                    ('latest_attempt', models.BigIntegerField(help_text='of a failure: the key of the latest one', null=True)),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='call_tallies', to='llm.run')),
                ],
            ),
            migrations.CreateModel(
                name='Attempt',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('status_code', models.PositiveSmallIntegerField(help_text='HTTP status; empty when none came back', null=True)),
                    ('error_class', models.CharField(max_length=60)),
                    ('message', models.TextField(blank=True)),
                    ('body', models.TextField(blank=True, help_text='what the endpoint replied, cut off where it is long; never the key')),
                    ('retry_after_s', models.FloatField(null=True)),
                    ('request_id', models.CharField(blank=True, help_text="the endpoint's own name for the call", max_length=100)),
                    ('latency_ms', models.PositiveIntegerField(null=True)),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('cell', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='llm.cell')),
                ],
                options={
                    'ordering': ['at', 'pk'],
                    'indexes': [models.Index(fields=['at'], name='attempt_at')],
                },
            ),
            migrations.CreateModel(
                name='ModelPrice',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('valid_from', models.DateField()),
                    ('prompt_per_million', models.DecimalField(decimal_places=6, help_text='a million tokens of prompts', max_digits=12, validators=[django.core.validators.MinValueValidator(0)])),
                    ('completion_per_million', models.DecimalField(decimal_places=6, help_text='a million tokens of answers', max_digits=12, validators=[django.core.validators.MinValueValidator(0)])),
                    ('currency', models.CharField(default='USD', help_text='ISO 4217', max_length=3, validators=[survey.llm.validators.validate_currency])),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='llm.modelspec')),
                ],
                options={
                    'ordering': ['spec', '-valid_from'],
                    'constraints': [models.UniqueConstraint(fields=('spec', 'valid_from'), name='one_price_a_day'), models.CheckConstraint(condition=models.Q(('completion_per_million__gte', 0), ('prompt_per_million__gte', 0)), name='price_not_negative')],
                },
            ),
            migrations.CreateModel(
                name='Completion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('request', models.JSONField(help_text='the body as sent')),
                    ('request_hash', models.CharField(blank=True, help_text='SHA-256 of the body, the endpoint and the repeat: the same call again', max_length=64)),
                    ('dropped_params', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text="fields that the spec's rules leave out", size=None)),
                    ('text_hash', models.CharField(blank=True, help_text="SHA-256 of the texts put, in their order; as with people's answers", max_length=64)),
                    ('reply', models.JSONField(help_text='the body as received', null=True)),
                    ('text', models.TextField(blank=True)),
                    ('model_returned', models.CharField(blank=True, max_length=200)),
                    ('finish_reason', models.CharField(blank=True, max_length=40)),
                    ('choice', models.CharField(blank=True, choices=[('culture', 'Follow the culture'), ('preference', 'Allow the preference')], help_text='blank: refused, unparsed or split evenly', max_length=10)),
                    ('p_culture', models.FloatField(help_text='probability of the culture option: among the two labels, or as the model puts it in words', null=True)),
                    ('label_mass', models.FloatField(help_text='probability of both labels together at the first token', null=True)),
                    ('parser_version', models.CharField(max_length=20)),
                    ('parse_stage', models.CharField(choices=[('label', 'The label alone'), ('json_field', 'The field of a JSON object'), ('label_start', 'A label at the start'), ('option_text', 'The text of one option'), ('refusal', 'A refusal'), ('unparsed', 'Not understood')], max_length=20)),
                    ('seed', models.BigIntegerField(null=True)),
                    ('prompt_tokens', models.PositiveIntegerField(null=True)),
                    ('completion_tokens', models.PositiveIntegerField(null=True)),
                    ('cost', models.DecimalField(decimal_places=8, help_text="in the run's currency; empty: no price or no count", max_digits=14, null=True)),
                    ('latency_ms', models.PositiveIntegerField()),
                    ('is_simulated', models.BooleanField()),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('cached_from', models.ForeignKey(blank=True, db_index=False, help_text='the completion of an earlier run whose reply this is; it cost nothing again', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='copies', to='llm.completion')),
                    ('cell', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='completions', to='llm.cell')),
                    ('set_aside_by', models.ForeignKey(blank=True, db_index=False, help_text='the act that had the question asked again; empty: this answer counts', null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='completions', to='llm.reasking')),
                ],
                options={
                    'indexes': [models.Index(fields=['created_at'], name='completion_created'), models.Index(condition=models.Q(('request_hash', ''), _negated=True), fields=['request_hash'], name='completion_request'), models.Index(condition=models.Q(('cached_from__isnull', False)), fields=['cached_from'], name='completion_copy'), models.Index(condition=models.Q(('set_aside_by__isnull', False)), fields=['set_aside_by'], name='completion_set_aside')],
                    'constraints': [models.UniqueConstraint(fields=('cell', 'set_aside_by'), name='one_answer_counts', nulls_distinct=False)],
                },
            ),
            migrations.CreateModel(
                name='Pace',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField(help_text='when the ten seconds began')),
                    ('n', models.BigIntegerField()),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.run')),
                ],
                options={
                    'indexes': [models.Index(fields=['run', 'spec', 'at'], name='pace_at')],
                },
            ),
            migrations.CreateModel(
                name='ModelStop',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reason', models.TextField()),
                    ('at', models.DateTimeField(auto_now_add=True)),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stops', to='llm.modelspec')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='stops', to='llm.run')),
                ],
                options={
                    'ordering': ['pk'],
                    'constraints': [models.UniqueConstraint(fields=('run', 'spec'), name='stopped_once')],
                },
            ),
            migrations.CreateModel(
                name='CellTally',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('state', models.CharField(choices=[('todo', 'To do'), ('leased', 'In flight'), ('done', 'Answered'), ('refused', 'Refused'), ('unparsed', 'Unparsed'), ('error', 'Error'), ('cancelled', 'Cancelled')], max_length=10)),
                    ('n', models.BigIntegerField()),
                    ('spec', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cell_tallies', to='llm.run')),
                ],
                options={
                    'indexes': [models.Index(fields=['run', 'spec', 'state'], name='cell_tally')],
                },
            ),
            migrations.AddIndex(
                model_name='cell',
                index=models.Index(fields=['run', 'spec', 'state', 'id'], name='cell_progress'),
            ),
            migrations.AddIndex(
                model_name='cell',
                index=models.Index(condition=models.Q(('state', 'todo')), fields=['run', 'spec', 'id'], name='cell_todo'),
            ),
            migrations.AddIndex(
                model_name='cell',
                index=models.Index(condition=models.Q(('state', 'leased')), fields=['run', 'spec', 'lease_until'], name='cell_leased'),
            ),
            migrations.AddConstraint(
                model_name='cell',
                constraint=models.UniqueConstraint(fields=('run', 'spec', 'item', 'question', 'persona_setting', 'persona_country', 'persona_age', 'persona_gender', 'locale', 'option_order', 'condition', 'paraphrase', 'preference_config', 'demographic_config', 'method', 'repeat', 'session'), name='cell_once', nulls_distinct=False),
            ),
            migrations.AddConstraint(
                model_name='cell',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('persona_age', ''), ('persona_country', ''), ('persona_gender', ''), ('persona_setting', 'no_persona')), models.Q(('persona_setting', 'persona'), models.Q(('persona_age', ''), ('persona_country', ''), ('persona_gender', ''), _negated=True)), _connector='OR'), name='persona_named'),
            ),
            migrations.AddIndex(
                model_name='calltally',
                index=models.Index(fields=['run', 'spec', 'outcome'], name='call_tally'),
            ),
        ]),
        migrations.RunSQL(COUNT, STOP_COUNTING),
    ]
