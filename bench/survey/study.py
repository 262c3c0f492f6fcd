"""Studies of the bench on our own tables; imported once Django is set up."""

from __future__ import annotations

import psycopg
from django.db import connection

from bench.survey.spec import COUNTRY, definition
from survey.domain.enrolment import enrol
from survey.domain.instruments import load_instrument
from survey.domain.studies import create_study, launch_study
from survey.domain.translations import override_texts
from survey.enums import PanelName
from survey.panels import Identity

ROOM = 1_000_000  # places in every quota cell
COPIES = """
WITH templates AS (
    SELECT sessions.*, row_number() OVER () - 1 AS number, count(*) OVER () AS n FROM survey_surveysession sessions
    JOIN survey_arm arms ON arms.id = sessions.arm_id JOIN survey_study studies ON studies.id = arms.study_id
    WHERE studies.code = %(study)s
), people AS (
    INSERT INTO survey_participant (study_id, is_simulated, created_at)
    SELECT (SELECT id FROM survey_study WHERE code = %(study)s), false, now() FROM generate_series(1, %(n)s)
    RETURNING id
)
INSERT INTO survey_surveysession (participant_id, arm_id, version_id, token, status, outcome, locale, seed,
    option_order, design_cell, plan, position, landed_at, last_activity_at, receipt)
SELECT people.id, arm_id, version_id, 'copy-' || people.id, status, outcome, locale, seed,
    option_order, design_cell, plan, position, landed_at, last_activity_at, 'C' || people.id
FROM people JOIN templates ON templates.number = people.id %% templates.n
RETURNING token
"""


def open_study(code: str, *, n_sessions: int = 0) -> str:
    """Open a study with the bench's survey and room for everybody; begin so many sessions in it."""
    version = load_instrument(definition()).version
    study = create_study(code=code, title=code, version=version, panel=PanelName.DIRECT, target_per_cell=ROOM)
    override_texts(study, by="bench", reason="nobody but the driver sees them")
    launch_study(study)
    arm = study.arms.get(country=COUNTRY)
    for _ in range(n_sessions):
        enrol(arm, identity=Identity(PanelName.DIRECT))
    connection.close()  # whoever copies the database must be alone
    return code


def copy_sessions(bare: psycopg.Connection, study: str, n: int) -> list[str]:
    """Lay out sessions after the study's own; give their tokens."""
    tokens = [token for (token,) in bare.execute(COPIES, {"study": study, "n": n}).fetchall()]
    bare.execute("VACUUM ANALYZE")
    return tokens
