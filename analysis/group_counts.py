"""What people answered, counted by what a group can be chosen by: kept up by adding; comparing reads no answer.

Beside the counts of each item stand, by the same traits, sums over people of products of their own counts: with both,
the rate of any group has the same two-way standard error as from the answers themselves (`analysis.stats.additive`).
"""

# ruff: noqa: S608  # the statements are put together from these constants and declared columns alone

from __future__ import annotations

from django.db import connection

from analysis.columns import COMPLETIONS, LONG, Table
from survey.enums import Status
from survey.llm.enums import DemographicConfig, PreferenceConfig, PromptCondition, RunKind
from survey.models import Study

TRAITS = "study_id, country, locale, age_bucket, gender, question, is_simulated"
# The answers of sessions that come in or go out, as the counting statements read them. OFFSET keeps PostgreSQL from
# unpacking a version's whole structure for every answer.
OF_SESSIONS = """
  SELECT arm.study_id, session.id::text AS respondent, response.item_id, item.is_core, arm.country, session.locale,
    coalesce(version.age_buckets ->> demographics.age_band, '') AS age_bucket,
    coalesce(demographics.gender, '') AS gender, response.question, participant.is_simulated,
    (response.choice = 'culture')::int AS follows
  FROM counted
  JOIN survey_surveysession AS session ON session.id = counted.session_id
  JOIN (SELECT id, structure -> 'age_buckets' AS age_buckets FROM survey_instrumentversion OFFSET 0) AS version
    ON version.id = session.version_id
  JOIN survey_arm AS arm ON arm.id = session.arm_id
  JOIN survey_participant AS participant ON participant.id = session.participant_id
  JOIN survey_response AS response ON response.session_id = session.id
  JOIN survey_item AS item ON item.id = response.item_id
  LEFT JOIN survey_demographics AS demographics ON demographics.session_id = session.id
  WHERE response.choice <> ''
"""
ITEMS = """
  SELECT study_id, item_id, country, question, is_simulated, count(*) AS n, sum(follows) AS n_culture
  FROM answers GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
GROUPS = f"""
  SELECT {TRAITS}, item_id, count(*) AS n, sum(follows) AS n_culture FROM answers
  GROUP BY {TRAITS}, item_id ORDER BY {TRAITS}, item_id
"""
MOMENTS = f"""
  SELECT {TRAITS}, core_only, count(*) AS n_people, sum(k * k) AS kk, sum(k * n) AS kn, sum(n * n) AS nn
  FROM (
    SELECT {TRAITS}, core_only, respondent, count(*) AS n, sum(follows) AS k
    FROM answers CROSS JOIN (VALUES (false), (true)) AS part (core_only) WHERE is_core OR NOT core_only
    GROUP BY {TRAITS}, core_only, respondent
  ) person GROUP BY {TRAITS}, core_only ORDER BY {TRAITS}, core_only
"""
ADD_ITEMS = f"""
  INSERT INTO analysis_itemcount AS total (study_id, item_id, country, question, is_simulated, n, n_culture) {ITEMS}
  ON CONFLICT (study_id, item_id, country, question, is_simulated)
  DO UPDATE SET n = total.n + excluded.n, n_culture = total.n_culture + excluded.n_culture
"""
ADD_GROUPS = f"""
  INSERT INTO analysis_groupcount AS total ({TRAITS}, item_id, n, n_culture) {GROUPS}
  ON CONFLICT ({TRAITS}, item_id)
  DO UPDATE SET n = total.n + excluded.n, n_culture = total.n_culture + excluded.n_culture
"""
ADD_MOMENTS = f"""
  INSERT INTO analysis_peoplemoment AS total ({TRAITS}, core_only, n_people, kk, kn, nn) {MOMENTS}
  ON CONFLICT ({TRAITS}, core_only) DO UPDATE SET n_people = total.n_people + excluded.n_people,
    kk = total.kk + excluded.kk, kn = total.kn + excluded.kn, nn = total.nn + excluded.nn
"""
ADDED = f"added_items AS ({ADD_ITEMS}), added_groups AS ({ADD_GROUPS}), added_moments AS ({ADD_MOMENTS})"


def _same(columns: str) -> str:
    names = columns.split(", ")
    return f"({', '.join(f'total.{name}' for name in names)}) = ({', '.join(f'gone.{name}' for name in names)})"


TAKEN = f"""
taken_items AS (
  UPDATE analysis_itemcount AS total SET n = total.n - gone.n, n_culture = total.n_culture - gone.n_culture
  FROM ({ITEMS}) gone WHERE {_same("study_id, item_id, country, question, is_simulated")}
), taken_groups AS (
  UPDATE analysis_groupcount AS total SET n = total.n - gone.n, n_culture = total.n_culture - gone.n_culture
  FROM ({GROUPS}) gone WHERE {_same(f"{TRAITS}, item_id")}
), taken_moments AS (
  UPDATE analysis_peoplemoment AS total SET n_people = total.n_people - gone.n_people,
    kk = total.kk - gone.kk, kn = total.kn - gone.kn, nn = total.nn - gone.nn
  FROM ({MOMENTS}) gone WHERE {_same(f"{TRAITS}, core_only")}
)"""


def _imported(table: Table) -> str:
    item = table.cell("item_code")
    return f"""FROM analysis_importedrow row
  JOIN survey_study study ON study.id = row.study_id
  JOIN survey_item item ON item.version_id = study.version_id AND item.code = {item}
  WHERE row.study_id = %(study)s AND row.table_name = '{table.name}'"""


# Byte by byte, as nobody reads the order: the rules of a language took half the time of the sorts.
OF_IMPORT = f"""
  SELECT row.study_id, {LONG.cell("respondent_id")} COLLATE "C" AS respondent, item.id AS item_id, item.is_core,
    {LONG.cell("respondent_country")} COLLATE "C" AS country,
    coalesce({LONG.cell("locale")}, '') COLLATE "C" AS locale,
    coalesce({LONG.cell("age_bucket")}, '') COLLATE "C" AS age_bucket,
    coalesce({LONG.cell("gender")}, '') COLLATE "C" AS gender, {LONG.cell("question")} COLLATE "C" AS question,
    {LONG.cell("is_simulated")} = 'true' AS is_simulated,
    {LONG.cell("follows_culture")}::int AS follows
  {_imported(LONG)} AND {LONG.cell("choice")} IS NOT NULL
    AND {LONG.cell("session_status")} = '{Status.COMPLETE.value}'
"""
SAID = f"coalesce({COMPLETIONS.cell('p_culture')}::float8, {COMPLETIONS.cell('follows_culture')}::float8)"
PERSONA = ("persona_setting", "persona_country", "persona_age", "persona_gender")
AS_PEOPLE = {
    "is_latest": "true",
    "run_kind": RunKind.ALIGNMENT.value,
    "condition": PromptCondition.NO_BALANCE.value,
    "preference_config": PreferenceConfig.ACTOR_PREF_ONLY.value,
    "demographic_config": DemographicConfig.NO_DEMO.value,
}
MODELS_OF_IMPORT = f"""
INSERT INTO analysis_modelcount (study_id, item_id, model_tag, {", ".join(PERSONA)}, option_order, method, question,
    is_simulated, n, total, squares)
SELECT row.study_id, item.id, {COMPLETIONS.cell("model_tag")},
    {", ".join(f"coalesce({COMPLETIONS.cell(name)}, '')" for name in PERSONA)},
    {COMPLETIONS.cell("option_order")}, {COMPLETIONS.cell("method")}, {COMPLETIONS.cell("question")},
    {COMPLETIONS.cell("is_simulated")} = 'true', count(*), sum({SAID}), sum({SAID} ^ 2)
{_imported(COMPLETIONS)} AND {SAID} IS NOT NULL
    AND {" AND ".join(f"{COMPLETIONS.cell(name)} = '{value}'" for name, value in AS_PEOPLE.items())}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""


def count_import(study: Study) -> None:
    """Count the rows of an imported study, once."""
    with connection.cursor() as cursor:
        # Sorting a million answers by nine columns on disk took half of the counting; their groups fit into memory.
        cursor.execute("SET LOCAL work_mem = '128MB'")
        # The items came in this transaction too: taken for one or two, they would each have all the rows read anew.
        cursor.execute("SET LOCAL enable_nestloop = off")
        # A table of its own, not a WITH: its statistics tell the planner how many rows there are to be grouped.
        cursor.execute(f"CREATE TEMP TABLE answers ON COMMIT DROP AS {OF_IMPORT}", {"study": study.pk})
        cursor.execute("ANALYZE answers")
        for add in (ADD_ITEMS, ADD_GROUPS, ADD_MOMENTS):
            cursor.execute(add)
        cursor.execute("DROP TABLE answers")
        cursor.execute(MODELS_OF_IMPORT, {"study": study.pk})
        cursor.execute("SET LOCAL enable_nestloop = on")
