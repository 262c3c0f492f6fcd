"""Refuse any change to a version of an instrument that a launched study uses, whoever tries it."""

from django.db import migrations

FORWARD = """
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
BACKWARD = """
DROP TRIGGER launched_is_fixed ON survey_text;
DROP TRIGGER launched_is_fixed ON survey_item;
DROP TRIGGER launched_is_fixed ON survey_instrumentversion;
DROP FUNCTION survey_refuse_edit_of_launched();
"""


class Migration(migrations.Migration):
    dependencies = [("survey", "0001_tables")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
