"""Whom a release would show: counts by what people can be recognised by, and what became of everybody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from django.db import connection
from psycopg.sql import SQL, Literal

from analysis.columns import BUCKET_SQL
from analysis.disclosure import Disguise, Traits
from analysis.joins import RELEASED, TOLD
from survey.models import Study, SurveySession

COUNT = f"""
SELECT participant.is_simulated, arm.country, session.locale, coalesce(demographics.age_band, ''),
    coalesce({BUCKET_SQL}, ''), coalesce(demographics.gender, ''), count(*)
FROM released
JOIN survey_surveysession session ON session.id = released.id
JOIN survey_participant participant ON participant.id = session.participant_id
JOIN survey_arm arm ON arm.id = session.arm_id
JOIN survey_instrumentversion version ON version.id = session.version_id
LEFT JOIN told demographics ON demographics.session_id = session.id
GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608  # put together from constants alone
EMPTY = "WITH nothing AS (SELECT 1)"


class People(NamedTuple):
    """People by their traits, and how many simulated respondents there are beside them."""

    by_traits: Mapping[Traits, int]
    n_simulated: int

    @property
    def n(self) -> int:
        return sum(self.by_traits.values())


def count_people(study: Study, disguise: Disguise) -> People:
    """Count the respondents that a release takes."""
    statement = SQL(EMPTY + RELEASED + TOLD + COUNT).format(
        study=Literal(study.pk), statuses=Literal(list(disguise.statuses)), left_out=SQL("ARRAY[]::text[]")
    )
    counts: Counter[Traits] = Counter()
    n_simulated = 0
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(None))
        for is_simulated, *traits, n in cursor.fetchall():
            if is_simulated:
                n_simulated += n
            else:
                counts[Traits(*traits)] += n
    return People(counts, n_simulated)


def count_statuses(study: Study, *, include_simulated: bool) -> dict[str, int]:
    """Count all sessions by how far they came; withdrawn ones among them, as a number only."""
    sessions = SurveySession.objects.filter(arm__study=study)
    if not include_simulated:
        sessions = sessions.filter(participant__is_simulated=False)
    return dict(sorted(Counter(sessions.values_list("status", flat=True)).items()))
