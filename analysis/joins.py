"""How the rows of each table are found: joins, grouping and order. The aliases are those of `analysis.columns`."""

# ruff: noqa: S608  # the statements are put together from these constants alone

from dataclasses import dataclass

PARTS = """
WITH respondent AS MATERIALIZED (
    SELECT id,
        'R' || left(encode(sha256({outer} || sha256({inner} || convert_to(id::text, 'UTF8'))), 'hex'), 12) AS code
    FROM survey_participant WHERE study_id = {study}
), fieldwork AS MATERIALIZED (
    SELECT min(landed_at) AS first_landing_at
    FROM survey_surveysession JOIN survey_arm arm ON arm.id = arm_id WHERE arm.study_id = {study}
), flagged AS MATERIALIZED (
    SELECT flag.session_id, string_agg(flag.name, ' ' ORDER BY flag.name) AS names
    FROM survey_qualityflag flag JOIN survey_surveysession session ON session.id = flag.session_id
    JOIN survey_arm arm ON arm.id = session.arm_id WHERE arm.study_id = {study} GROUP BY flag.session_id
), wording AS MATERIALIZED (
    SELECT item.id AS item_id,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'actor') AS actor,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'scenario') AS scenario,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'expectation') AS expectation,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'preference') AS preference,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'choice_culture') AS choice_culture,
        max(body) FILTER (WHERE split_part(key, '.', 3) = 'choice_preference') AS choice_preference
    FROM survey_study study
    JOIN survey_instrumentversion version ON version.id = study.version_id
    JOIN survey_item item ON item.version_id = version.id
    JOIN survey_text ON survey_text.version_id = version.id AND locale = version.structure ->> 'source_locale'
        AND split_part(key, '.', 1) = 'items' AND split_part(key, '.', 2) = item.code
    WHERE study.id = {study} GROUP BY item.id
)"""
OF_SESSION = """
JOIN respondent ON respondent.id = session.participant_id
JOIN survey_participant participant ON participant.id = session.participant_id
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_study study ON study.id = arm.study_id
JOIN survey_instrumentversion version ON version.id = session.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id
LEFT JOIN survey_demographics demographics ON demographics.session_id = session.id
LEFT JOIN flagged ON flagged.session_id = session.id
CROSS JOIN fieldwork"""
OF_RESPONSE = f"""
FROM survey_response response
JOIN survey_surveysession session ON session.id = response.session_id
JOIN survey_item item ON item.id = response.item_id
LEFT JOIN survey_assignment assignment ON assignment.session_id = session.id AND assignment.item_id = item.id
{OF_SESSION}"""
OF_PARTICIPANT = f"""
FROM survey_surveysession session
{OF_SESSION}
LEFT JOIN survey_consent consent ON consent.session_id = session.id
LEFT JOIN survey_panelidentity identity ON identity.participant_id = participant.id
CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM survey_assignment WHERE session_id = session.id) AS n_items,
           (SELECT count(*) FROM survey_response WHERE session_id = session.id) AS n_answers,
           (SELECT count(*) FROM survey_checkanswer
            WHERE session_id = session.id AND kind = 'attention' AND NOT is_correct) AS n_attention_failed,
           (SELECT count(*) FROM survey_checkanswer
            WHERE session_id = session.id AND kind = 'comprehension' AND NOT is_correct) AS n_comprehension_wrong
) counts
CROSS JOIN LATERAL (
    SELECT (SELECT string_agg(given.code, ' ' ORDER BY assignment.number) FROM survey_assignment assignment
            JOIN survey_item given ON given.id = assignment.item_id WHERE session_id = session.id) AS items,
           (SELECT string_agg(coalesce(page ->> 'option_order', session.option_order), ' ' ORDER BY place)
            FROM jsonb_array_elements(session.plan) WITH ORDINALITY shown(page, place)
            WHERE page ->> 'item' IS NOT NULL) AS option_orders,
           (SELECT string_agg(question, ' ' ORDER BY place) FROM jsonb_array_elements_text(
                jsonb_path_query_first(session.plan, '$[*].questions')) WITH ORDINALITY asked(question, place)
           ) AS question_order
) design"""
OF_ITEM = """
FROM survey_item item
JOIN survey_instrumentversion version ON version.id = item.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id
JOIN survey_study study ON study.version_id = version.id
LEFT JOIN wording ON wording.item_id = item.id"""
OF_COMPLETION = """
FROM (
    SELECT cell_id, choice, p_culture, label_mass, model_returned, parse_stage, parser_version, prompt_tokens,
        completion_tokens, latency_ms, is_simulated, seed, text_hash, cached_from_id, row_number() OVER (
        PARTITION BY spec_id, item_id, question, persona_setting, persona_country, persona_age, persona_gender, locale,
            option_order, condition, paraphrase, preference_config, demographic_config, method, repeat, session_id
        ORDER BY run_id DESC
    ) = 1 AS is_latest
    FROM llm_completion completion
    JOIN llm_cell cell ON cell.id = completion.cell_id
    JOIN llm_run run ON run.id = cell.run_id AND run.study_id = {study}
    WHERE completion.set_aside_by_id IS NULL
) completion
JOIN llm_cell cell ON cell.id = completion.cell_id
JOIN llm_modelspec spec ON spec.id = cell.spec_id
JOIN llm_run run ON run.id = cell.run_id
LEFT JOIN survey_surveysession yoked ON yoked.id = cell.session_id
LEFT JOIN respondent ON respondent.id = yoked.participant_id
JOIN survey_item item ON item.id = cell.item_id
JOIN survey_study study ON study.id = run.study_id
JOIN survey_instrumentversion version ON version.id = item.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id"""


@dataclass(frozen=True)
class Shape:
    """How a table's rows are found: joins, condition, grouping and order."""

    rows: str
    order: str
    source: str = ""
    where: str = ""
    group: str = ""


# Model answers that stand beside people's: the item as people read it, in the source language, not told to weigh, by
# nobody in particular or by a full persona.
AS_PEOPLE = (
    "run.kind = 'alignment' AND cell.preference_config = 'actor_pref_only' AND cell.demographic_config = 'no_demo'"
    " AND cell.condition = 'no_balance' AND cell.locale = coalesce(version.structure ->> 'source_locale', 'en-US')"
    " AND num_nulls(nullif(cell.persona_country, ''), nullif(cell.persona_age, ''), nullif(cell.persona_gender, ''))"
    " IN (0, 3)"
)
ITEM_GROUP = "item.code, item.scenario_country, item.receiver_age, item.receiver_gender"
SHAPES = {
    "long": Shape(OF_RESPONSE, "response.session_id, item.code, response.question", "participant"),
    "wide": Shape(OF_RESPONSE, "response.session_id, item.code", "participant", group="response.session_id"),
    "participants": Shape(OF_PARTICIPANT, "session.id", "participant"),
    "items": Shape(OF_ITEM, "item.code"),
    "completions": Shape(OF_COMPLETION, "cell.run_id, cell.id", "completion"),
    "tidy_human_responses": Shape(
        f"{OF_RESPONSE}\nLEFT JOIN wording ON wording.item_id = item.id",
        "response.session_id, item.code",
        "participant",
        group="response.session_id",
    ),
    "llm_predictions": Shape(
        OF_COMPLETION,
        "spec.tag, cell.persona_setting, cell.persona_country, cell.persona_age, cell.persona_gender, item.code",
        "completion",
        where=f"completion.is_latest AND {AS_PEOPLE}",
        group=f"cell.persona_country, cell.persona_age, cell.persona_gender, {ITEM_GROUP}",
    ),
    "eval_decisions": Shape(
        OF_COMPLETION,
        "spec.tag, item.code, cell.condition, cell.preference_config, cell.demographic_config",
        "completion",
        where="completion.is_latest AND run.kind = 'behaviour' AND cell.question = 'personal'"
        " AND cell.persona_setting = 'no_persona'",
        group="item.id",
    ),
    "model_probabilities": Shape(
        OF_COMPLETION,
        "cell.run_id, spec.tag, item.code, cell.question, cell.persona_country, cell.persona_age, cell.persona_gender,"
        " cell.locale, cell.condition, cell.paraphrase, cell.preference_config, cell.demographic_config, cell.method",
        "completion",
        group="cell.run_id, cell.persona_country, cell.persona_age, cell.persona_gender",
    ),
}
