"""Tables that count cells and calls, and the triggers that keep them whoever writes: lease, answer, withdrawal, hand."""

import django.db.models.deletion
from django.db import migrations, models

# A count is the sum of its rows. Who counts adds to a row that nobody else holds, or makes another one: so no worker
# ever waits for another's transaction, and there are never more rows than there were writers at a time.
FORWARD = """
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

INSERT INTO llm_celltally (run_id, spec_id, state, n)
    SELECT run_id, spec_id, state, count(*) FROM llm_cell GROUP BY 1, 2, 3;
INSERT INTO llm_calltally (run_id, spec_id, outcome, n)
    SELECT run_id, spec_id, CASE WHEN cached_from_id IS NULL THEN 'answered' ELSE 'cached' END AS outcome, count(*)
    FROM llm_completion AS completion JOIN llm_cell AS cell ON cell.id = cell_id GROUP BY 1, 2, 3;
INSERT INTO llm_calltally (run_id, spec_id, outcome, status_code, n, latest_attempt)
    SELECT run_id, spec_id, error_class, status_code, count(*), max(attempt.id)
    FROM llm_attempt AS attempt JOIN llm_cell AS cell ON cell.id = cell_id GROUP BY 1, 2, 3, 4;
INSERT INTO llm_pace (run_id, spec_id, at, n)
    SELECT run_id, spec_id, date_bin('10 seconds', created_at, TIMESTAMPTZ '2000-01-01 00:00+00') AS at, count(*)
    FROM llm_completion AS completion JOIN llm_cell AS cell ON cell.id = cell_id GROUP BY 1, 2, 3;
"""
BACKWARD = """
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

    dependencies = [
        ('llm', '0003_reading'),
        ('survey', '0008_design_cell'),
    ]

    operations = [
        migrations.CreateModel(
            name='CallTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(help_text='a CallOutcome, or the kind of failure', max_length=60)),
                ('status_code', models.PositiveSmallIntegerField(help_text='of a failure: HTTP status, as far as one came', null=True)),
                ('n', models.BigIntegerField()),
                ('latest_attempt', models.BigIntegerField(help_text='of a failure: the key of the latest one', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='CellTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'To do'), ('leased', 'In flight'), ('done', 'Answered'), ('refused', 'Refused'), ('unparsed', 'Unparsed'), ('error', 'Error'), ('cancelled', 'Cancelled')], max_length=10)),
                ('n', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(help_text='when the ten seconds began')),
                ('n', models.BigIntegerField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name='cell',
            name='cell_progress',
        ),
        migrations.AddField(
            model_name='attempt',
            name='body',
            field=models.TextField(blank=True, help_text='what the endpoint replied, cut off where it is long; never the key'),
        ),
        migrations.AddIndex(
            model_name='cell',
            index=models.Index(fields=['run', 'spec', 'state', 'id'], name='cell_progress'),
        ),
        migrations.AddField(
            model_name='calltally',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='call_tallies', to='llm.run'),
        ),
        migrations.AddField(
            model_name='calltally',
            name='spec',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec'),
        ),
        migrations.AddField(
            model_name='celltally',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cell_tallies', to='llm.run'),
        ),
        migrations.AddField(
            model_name='celltally',
            name='spec',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec'),
        ),
        migrations.AddField(
            model_name='pace',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.run'),
        ),
        migrations.AddField(
            model_name='pace',
            name='spec',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='llm.modelspec'),
        ),
        migrations.AddIndex(
            model_name='calltally',
            index=models.Index(fields=['run', 'spec', 'outcome'], name='call_tally'),
        ),
        migrations.AddIndex(
            model_name='celltally',
            index=models.Index(fields=['run', 'spec', 'state'], name='cell_tally'),
        ),
        migrations.AddIndex(
            model_name='pace',
            index=models.Index(fields=['run', 'spec', 'at'], name='pace_at'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
