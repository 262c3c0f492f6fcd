"""How the rows of each table are found: joins, grouping and order. The aliases are those of `analysis.columns`."""

# ruff: noqa: S608  # the statements are put together from these constants alone

from dataclasses import dataclass

# A pseudonym is made where its session is read: were all made first, no row could leave before. OFFSET keeps PostgreSQL
# from making it anew for every row.
PSEUDONYM = """CROSS JOIN LATERAL (
    SELECT 'R' || left(encode(
        sha256({outer} || sha256({inner} || convert_to(%s.participant_id::text, 'UTF8'))), 'hex'), 12) AS code OFFSET 0
) respondent"""
# Of a version's structure only what columns say of it: of the whole, ten kilobytes are unpacked for every row.
PARTS = """
WITH versions AS MATERIALIZED (
    SELECT id, instrument_id, number, jsonb_build_object(
        'age_buckets', structure -> 'age_buckets', 'source_locale', structure -> 'source_locale',
        'option_order', structure -> 'option_order', 'question_order', structure -> 'question_order',
        'questions', structure -> 'questions') AS structure
    FROM survey_instrumentversion
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
# What respondents told of themselves. `grouping_band` is the age that the age group is derived from.
TOLD = """, told AS NOT MATERIALIZED (SELECT *, age_band AS grouping_band FROM survey_demographics)"""
# A release takes fewer sessions, and tells less of people whom few others resemble (`analysis.disclosure`).
RELEASED = """, released AS MATERIALIZED (
    SELECT session.id FROM survey_surveysession session
    JOIN survey_arm arm ON arm.id = session.arm_id
    JOIN survey_consent consent ON consent.session_id = session.id AND consent.is_given
    WHERE arm.study_id = {study} AND session.status = ANY({statuses})
        AND EXISTS (SELECT 1 FROM survey_response WHERE session_id = session.id)
        AND arm.country || ' ' || session.locale <> ALL({left_out})
)"""
TOLD_OF_RELEASE = """, told AS MATERIALIZED (
    SELECT demographics.session_id, demographics.country, is_country_undisclosed, fluency,
        CASE WHEN participant.is_simulated OR rule.shows_band THEN demographics.age_band END AS age_band,
        CASE WHEN participant.is_simulated OR rule.shows_group THEN demographics.age_band END AS grouping_band,
        CASE WHEN participant.is_simulated OR rule.shows_group THEN demographics.gender END AS gender
    FROM survey_demographics demographics
    JOIN released ON released.id = demographics.session_id
    JOIN survey_surveysession session ON session.id = released.id
    JOIN survey_arm arm ON arm.id = session.arm_id
    JOIN survey_participant participant ON participant.id = session.participant_id
    LEFT JOIN (VALUES {rules}) AS rule(country, locale, age_band, gender, shows_band, shows_group)
        ON (rule.country, rule.locale, rule.age_band, rule.gender)
            = (arm.country, session.locale, demographics.age_band, demographics.gender)
)"""
IN_RELEASE = "session.id IN (SELECT id FROM released)"
# A replay of a session is asked as who its respondent said to be: it goes where that is not told.
YOKED_IN_RELEASE = (
    "(cell.session_id IS NULL OR cell.session_id IN (SELECT id FROM released)"
    " AND (cell.persona_setting = 'no_persona' OR EXISTS"
    " (SELECT 1 FROM told WHERE told.session_id = cell.session_id AND told.gender IS NOT NULL)))"
)
BY_CODE = 'respondent.code COLLATE "C"'  # the order of entry would link releases to each other
OF_SESSION = f"""
{PSEUDONYM % "session"}
JOIN survey_participant participant ON participant.id = session.participant_id
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_study study ON study.id = arm.study_id
JOIN versions version ON version.id = session.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id
LEFT JOIN told demographics ON demographics.session_id = session.id
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
JOIN versions version ON version.id = item.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id
JOIN survey_study study ON study.version_id = version.id
LEFT JOIN wording ON wording.item_id = item.id"""
OF_PAGE = f"""
FROM (
    SELECT *, lead(at_ms) OVER page AS next_ms, lead(kind) OVER page AS next_kind
    FROM survey_pageevent WINDOW page AS (PARTITION BY session_id, position ORDER BY id)
) event
JOIN survey_surveysession session ON session.id = event.session_id
{OF_SESSION}"""
OF_TEXT = """
FROM survey_study study
JOIN survey_instrumentversion version ON version.id = study.version_id OR version.id IN (
    SELECT session.version_id FROM survey_surveysession session
    JOIN survey_arm arm ON arm.id = session.arm_id WHERE arm.study_id = {study})
JOIN survey_instrument instrument ON instrument.id = version.instrument_id
JOIN survey_item item ON item.version_id = version.id
JOIN survey_text text ON text.version_id = version.id
    AND split_part(text.key, '.', 1) = 'items' AND split_part(text.key, '.', 2) = item.code"""
OF_COMPLETION = f"""
FROM (
    SELECT cell_id, choice, p_culture, label_mass, model_returned, parse_stage, parser_version, prompt_tokens,
        completion_tokens, latency_ms, is_simulated, seed, text_hash, cached_from_id, row_number() OVER (
        PARTITION BY spec_id, item_id, question, persona_setting, persona_country, persona_age, persona_gender, locale,
            option_order, condition, paraphrase, preference_config, demographic_config, method, repeat, session_id
        ORDER BY run_id DESC
    ) = 1 AS is_latest
    FROM llm_completion completion
    JOIN llm_cell cell ON cell.id = completion.cell_id
    JOIN llm_run run ON run.id = cell.run_id AND run.study_id = {{study}}
    WHERE completion.set_aside_by_id IS NULL
) completion
JOIN llm_cell cell ON cell.id = completion.cell_id
JOIN llm_modelspec spec ON spec.id = cell.spec_id
JOIN llm_run run ON run.id = cell.run_id
LEFT JOIN survey_surveysession yoked ON yoked.id = cell.session_id
{PSEUDONYM % "yoked"}
JOIN survey_item item ON item.id = cell.item_id
JOIN survey_study study ON study.id = run.study_id
JOIN versions version ON version.id = item.version_id
JOIN survey_instrument instrument ON instrument.id = version.instrument_id"""


@dataclass(frozen=True)
class Shape:
    """How a table's rows are found: joins, condition, grouping and order; `people` names what orders respondents."""

    rows: str
    order: str
    source: str = ""
    where: str = ""
    group: str = ""
    people: str = ""


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
    "long": Shape(OF_RESPONSE, "item.code, response.question", "participant", people="response.session_id"),
    "wide": Shape(OF_RESPONSE, "item.code", "participant", group="response.session_id", people="response.session_id"),
    "participants": Shape(OF_PARTICIPANT, "", "participant", people="session.id"),
    "items": Shape(OF_ITEM, "item.code"),
    "texts": Shape(OF_TEXT, "version.number, item.code, text.locale", group="version.number"),
    "pages": Shape(
        OF_PAGE, "event.position", "participant", group="event.session_id, event.position", people="event.session_id"
    ),
    "completions": Shape(OF_COMPLETION, "cell.run_id, cell.id", "completion"),
    "tidy_human_responses": Shape(
        f"{OF_RESPONSE}\nLEFT JOIN wording ON wording.item_id = item.id",
        "item.code",
        "participant",
        group="response.session_id",
        people="response.session_id",
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
