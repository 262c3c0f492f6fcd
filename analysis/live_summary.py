"""What people answered so far, from counts that are kept up by adding: nothing here reads the answers again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F, FloatField, Q, Sum
from django.db.models.functions import Cast

from analysis.group_counts import ADDED, OF_SESSIONS, TAKEN
from analysis.models import ItemCount
from analysis.stats.live_counts import ItemSums, alpha, rate
from survey.enums import Country, Question
from survey.models import Study

MOST_AT_ONCE = 1000  # sessions; more wait for the next turn
PAIRED = Q(n__gte=2)
# Whoever takes a session into, or out of, the list of the counted ones moves its answers in the same statement, so
# two workers never count it twice.
ADD = f"""
WITH fresh AS (
  SELECT session.id FROM survey_surveysession AS session
  JOIN survey_arm AS arm ON arm.id = session.arm_id
  JOIN survey_study AS study ON study.id = arm.study_id AND study.test_of_id IS NULL
  WHERE session.status = 'complete'
    AND NOT EXISTS (SELECT FROM analysis_countedsession AS counted WHERE counted.session_id = session.id)
  ORDER BY session.id LIMIT %s
), counted AS (
  INSERT INTO analysis_countedsession (session_id) SELECT id FROM fresh ON CONFLICT DO NOTHING RETURNING session_id
), answers AS MATERIALIZED ({OF_SESSIONS}), {ADDED}
SELECT count(*) FROM counted
"""  # noqa: S608  # put together from constants alone
TAKE_AWAY = f"""
WITH counted AS (
  DELETE FROM analysis_countedsession AS listed USING survey_surveysession AS session
  WHERE session.id = listed.session_id AND session.status <> 'complete' RETURNING listed.session_id
), answers AS MATERIALIZED ({OF_SESSIONS}), {TAKEN}
SELECT count(*) FROM counted
"""  # noqa: S608


@dataclass(frozen=True)
class Outcome:
    """One question in one country: the share that follows the culture, and how far people agree on the same items."""

    country: Country
    question: Question
    n: int
    n_items: int
    rate: float | None
    alpha: float | None

    @property
    def percent(self) -> str:
        return "–" if self.rate is None else f"{100 * self.rate:.0f}%"


@transaction.atomic
def count_answers() -> int:
    """Bring the counts up to what is complete now; give the number of sessions that came in or went out."""
    moved = 0
    with connection.cursor() as cursor:
        for statement, parameters in ((TAKE_AWAY, []), (ADD, [MOST_AT_ONCE])):
            cursor.execute(statement, parameters)
            moved += cursor.fetchone()[0]
    return moved


def live_outcomes(study: Study, *, simulated: bool) -> list[Outcome]:
    """Give the outcomes per country and question, from one query over the counts."""
    unlike = Cast(2 * F("n_culture") * (F("n") - F("n_culture")), FloatField()) / (F("n") - 1)
    groups = (
        ItemCount.objects.filter(study=study, is_simulated=simulated, n__gt=0)
        .values("country", "question")
        .annotate(
            n_answers=Sum("n"),
            n_followed=Sum("n_culture"),
            n_paired=Sum("n", filter=PAIRED, default=0),
            n_paired_followed=Sum("n_culture", filter=PAIRED, default=0),
            disagreement=Sum(unlike, filter=PAIRED, default=0.0),
            n_items=Sum(1),
        )
        .order_by("country", "-question")
    )
    return [_outcome(group) for group in groups]


def _outcome(group: Any) -> Outcome:
    names = ("n_answers", "n_followed", "n_paired", "n_paired_followed", "disagreement")
    sums = ItemSums(*(group[name] for name in names))
    country, question = Country(group["country"]), Question(group["question"])
    return Outcome(country, question, sums.n, group["n_items"], rate(sums), alpha(sums))
