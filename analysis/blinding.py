"""Who sees outcomes, and when: until a study is unblinded, no page and no file shows what real people answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.columns import Table
from analysis.models import AnalysisRun
from survey.models import Study, SurveySession

ANSWERED = "response.choice"
WITHHELD = (
    "The outcomes of this study are hidden: files that hold what real people answered are given once somebody shows"
    " them for good, with a reason, on its Results page."
)


def is_hidden(run: AnalysisRun) -> bool:
    """Tell whether an analysis holds outcomes of real people that its study does not show yet."""
    return bool(run.results) and hides(run.study, run.results["facts"])


def hides(study: Study, facts: Mapping[str, Any]) -> bool:
    """Tell the same by the facts of its results; without facts there are no outcomes.

    Simulated people have no outcomes to be blind to: a study can be rehearsed to the last figure.
    """
    if study.unblinded_at or not facts:
        return False
    return bool(facts["n_respondents"] > facts["n_simulated_respondents"])


def tells_answers(table: Table) -> bool:
    """Tell whether a table has a column of what people answered."""
    return any(ANSWERED in column.source for column in table.columns)


def withholds_answers(study: Study) -> bool:
    """Tell whether a study's files of answers would show outcomes before their time."""
    if study.unblinded_at:
        return False
    return SurveySession.objects.filter(arm__study=study, participant__is_simulated=False).exists()


def is_withheld(study: Study, table: Table) -> bool:
    """Tell whether a table is not given yet."""
    return tells_answers(table) and withholds_answers(study)
